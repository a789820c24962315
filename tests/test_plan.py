"""The plan: arrays in, arrays out; buffers that share memory only when they are not alive together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from autograd import (
    OPS,
    Op,
    Value,
    compile,
    exp,
    maximum,
    relu,
    sigmoid,
    tanh,
    where,
    zero_grad,
)
from autograd.compiler import costs, planning, storage
from autograd.compiler.numpy_calls import Calls
from autograd.compiler.places import ROWS, Array, Dim, View, affine, joined
from autograd.compiler.plan import plan as placed
from autograd.compiler.planning import copied, plan_of
from autograd.compiler.primitives import Primitives
from autograd.compiler.reverse import reverse
from autograd.compiler.steps import Plan, Step, arrays_of
from autograd.compiler.tensors import Tensors
from autograd.compiler.weaving import NotWovenError, Woven, weave
from nn import MLP, cross_entropy_with_logits
from tests.structured import structured
from tests.tensors_by_numpy import evaluated

program_module = sys.modules["autograd.compiler.program"]
Floats = NDArray[np.float64]
Graph = tuple[list[Value], list[Value], list[Value]]
Results = tuple[
    Floats, Floats, Floats
]  # outputs, gradients by parameters and inputs
SEEDS = range(60)


def woven(graph: Graph) -> Woven:
    try:
        return weave(*graph)
    except NotWovenError as error:
        pytest.skip(str(error))


def block(graph: Graph, n: int) -> list[Floats]:
    """Parameters, rows and seeds; a row alone where there are no inputs."""
    outputs, inputs, parameters = graph
    rng, n = np.random.default_rng(n), n if inputs else 1
    shapes = (len(parameters),), (n, len(inputs)), (n, len(outputs))
    return [rng.normal(size=shape) for shape in shapes]


def wanted(arrays: Woven, theta: Floats, X: Floats, seeds: Floats) -> Results:
    """By the words of the Tensors, one after another."""
    tensors = copied(arrays.tensors)
    found = reverse(
        tensors,
        arrays.outputs,
        rows=bool(X.shape[1]),
        by=("theta", "X"),
        book=False,
    )
    known = evaluated(tensors.order, theta, X, dict(enumerate(seeds.T)))
    out = np.stack([np.resize(known[y], len(X)) for y in arrays.outputs], 1)
    gradient, back = np.zeros(len(theta)), np.zeros(X.shape)
    for leaf, adjoint in found.theta.items():
        numbers = np.broadcast_to(known[adjoint][0], leaf.shape)
        np.add.at(gradient, leaf.data, numbers)
    for leaf, adjoint in found.X.items():
        numbers = np.broadcast_to(known[adjoint], (len(X), *leaf.shape))
        np.add.at(back, (slice(None), leaf.data), numbers)
    return out, gradient, back


def run(
    plan: Plan, theta: Floats, X: Floats, seeds: Floats, by_inputs: bool
) -> Results:
    """By calls; from the second run on, buffers hold what the first one left."""
    calls = Calls(plan, len(X))
    out, back = np.empty(seeds.shape), np.empty((len(X), X.shape[1] * by_inputs))
    for _ in range(2):
        with np.errstate(all="ignore"):
            gradient = calls.run(theta, X, seeds, out, back).copy()
    return out, gradient, back


def same(found: Results, others: Results) -> None:
    for ours, theirs in zip(found, others, strict=True):
        if ours.size:  # of others a loss may be 0 but for rounding
            scale = np.nanmax(np.abs(theirs), initial=1e-2)
            np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12 * scale)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", [1, 3])
def test_a_plan_computes_the_tensors(seed: int, n: int) -> None:
    graph = structured(seed)
    arrays, numbers = woven(graph), block(graph, n)
    by_all = wanted(arrays, *numbers)
    for by_inputs in (True, False):
        found = run(plan_of(arrays, by_inputs=by_inputs), *numbers, by_inputs)
        same(found, by_all if by_inputs else (*by_all[:2], found[2]))


# ------------------------------------------------------------------------------------------------------ memory
class Poisoned(Calls):
    """A plan whose buffers are nan as soon as nothing will read them."""

    def run_steps(self, turns: int) -> None:
        """All steps, one after another, in place of the two functions."""
        steps = self.plan.steps
        last = {
            x.buffer: i for i, step in enumerate(steps) for x in arrays_of(step)
        }
        written = set[int]()
        kept = {
            x.buffer for x in (*self.plan.outputs, *[x for _, x in self.plan.back])
        }
        for _ in range(turns):
            for i, step in enumerate(steps):
                for function, args, by_name in self.calls(step):
                    more = {"out": args[-1]} if by_name else {}
                    function(*args[: len(args) - by_name], **more)
                written.add(step.out.buffer)
                self.poison(i, last, kept, written)

    def poison(
        self, i: int, last: dict[int, int], kept: set[int], written: set[int]
    ) -> None:
        of = self.plan.storage.of
        alive = {of[b] for b in written & of.keys() if last[b] > i or b in kept}
        for memory in {*of.values()} - alive:
            self.memories[memory][:] = np.nan


@pytest.mark.parametrize("seed", SEEDS)
def test_no_buffer_is_used_while_it_is_alive_for_something_else(seed: int) -> None:
    graph = structured(seed)
    theta, X, seeds = block(graph, 3)
    plan = plan_of(woven(graph), by_inputs=True)
    out, gradient, back = run(plan, theta, X, seeds, by_inputs=True)
    calls = Poisoned(plan, len(X))
    calls.theta[:] = theta
    for places, values in calls.tables:
        values[:] = X.T[places]
    calls.given[:] = seeds.T if calls.varying else seeds.sum(axis=0)[:, None]
    with np.errstate(all="ignore"):
        calls.run_steps(2)
    for i, array in enumerate(calls.outputs):
        np.testing.assert_array_equal(np.broadcast_to(array, len(X)), out[:, i])
    np.testing.assert_array_equal(calls.gradient, gradient)
    calls.give_back(found := np.empty(X.shape))
    np.testing.assert_array_equal(found, back)


def test_memory_is_shared() -> None:
    """Less than half of what the buffers would take one beside the other."""
    plan = plan_of(woven(classifier()))
    work = list(plan.storage.of)
    assert len(plan.storage.memories) < len(work) / 2
    sizes = [plan.buffers[b].slots for b in work]
    assert sum(m.slots for m in plan.storage.memories) < sum(sizes) / 2


def test_a_step_writes_over_an_operand_only_number_by_number() -> None:
    for seed in range(12):
        plan = plan_of(woven(structured(seed)))
        of = plan.storage.of
        for step in plan.steps:
            over = [
                x
                for x in arrays_of(step)[1:]
                if x.buffer != step.out.buffer
                and of.get(x.buffer, -1) == of.get(step.out.buffer, -2)
            ]
            assert not over or step.word not in storage.NOT_IN_PLACE
            assert all(x[1:] == step.out[1:] for x in over)


# ------------------------------------------------------------------------------------------------- what it makes
def classifier() -> Graph:
    model = MLP(6, [5, 3], activation="relu", output="linear")
    x, t = (
        [Value(0.1 * i) for i in range(6)],
        [Value(float(i == 1)) for i in range(3)],
    )
    return [cross_entropy_with_logits(model(x), t)], [*x, *t], model.parameters()


def words(plan: Plan) -> list[str]:
    return [step.word for step in plan.steps]


def test_a_layer_is_one_product_with_its_bias_and_so_is_its_gradient() -> None:
    plan = plan_of(woven(classifier()))
    gradient = next(i for i, b in enumerate(plan.buffers) if b.kind == "gradient")
    products = [step for step in plan.steps if step.word == "dot"]
    layers = [
        step for step in products if plan.buffers[of(step, 0)].kind == "theta"
    ]
    assert [step.args[0].dims[1].size for step in layers[:2]] == [7, 6]  # type: ignore[union-attr]
    into = [step for step in plan.steps if step.out.buffer == gradient]
    assert [(step.word, [d.size for d in step.out.dims]) for step in into] == [
        ("dot", [3, 6]),
        ("dot", [5, 7]),
    ]
    assert not {"copy", "einsum"} & {*words(plan)[plan.turn :]}


def of(step: Step, i: int) -> int:
    """The buffer of an operand."""
    x = step.args[i]
    assert isinstance(x, Array)
    return x.buffer


def test_the_ones_behind_an_array_stay() -> None:
    """No step writes where the 1 of a bias stands, and its buffer is nobody else's."""
    plan = plan_of(woven(classifier()))
    marked = {i for i, b in enumerate(plan.buffers) if b.ones}
    assert marked and marked.isdisjoint(plan.storage.of)


def test_a_plan_is_for_any_number_of_rows() -> None:
    graph = classifier()
    arrays = woven(graph)
    plan = plan_of(arrays)
    for n in (1, 2, 5, 130):
        theta, X, seeds = block(graph, n)
        found = run(plan, theta, X, seeds, by_inputs=False)
        same(found, (*wanted(arrays, theta, X, seeds)[:2], found[2]))


# --------------------------------------------------------------------------------------------------- programs
@pytest.fixture(autouse=True)
def at_once(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan is tried before the first run, but where a test is about that."""
    if "later" not in request.node.name:
        monkeypatch.setattr(program_module, "WARM", 0)


def test_a_plan_is_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the lines have run so often that weaving the graph can pay; numbers stay as they are."""
    outputs, inputs, parameters = classifier()
    monkeypatch.setattr(program_module, "is_faster", lambda *_: True)
    monkeypatch.setattr(program_module.Program, "by_row", lambda *_: False)
    program = compile(outputs, inputs, parameters)
    X = np.random.default_rng(0).normal(size=(4, len(inputs)))
    first, kinds = program(X), list[str]()
    for _ in range(program.warm + 2):
        assert np.allclose(program(X), first, rtol=1e-12)
        kinds.append(type(program.bounds.free[4, 0][0]).__name__)
    assert 5 < program.warm < 10_000
    assert kinds.count("Calls") == 4
    assert kinds[-4:] == ["Calls"] * 4


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every program by a plan where it has one; the rows of each run."""
    runs, run_calls = list[int](), Calls.run
    monkeypatch.setattr(program_module, "is_faster", lambda *_: True)
    monkeypatch.setattr(program_module.Program, "by_row", lambda *_: False)
    monkeypatch.setattr(
        Calls,
        "run",
        lambda self, *args: runs.append(self.n) or run_calls(self, *args),
    )
    return runs


@pytest.mark.parametrize("bad", [-2000.0, np.inf, np.nan])
def test_a_row_that_is_not_finite_is_the_engines(
    planned: list[int], bad: float
) -> None:
    """exp(-w·x) overflows, and the sigmoid beside it is 0: as each row alone."""
    x, w = Value(1.0), Value(0.5)
    y = sigmoid(w * x) + tanh(exp(-w * x))
    program = compile(y, [x], [w])
    X = np.array([[1.0], [bad], [2.0]])
    found, by_inputs = program.vjp(X)
    assert planned == [3]
    wanted = list[tuple[float, float]]()
    for row in X.ravel().tolist():
        x.data = row
        zero_grad(x, w)
        y.forward()
        y.backward()
        wanted.append((w.grad, x.grad))
    np.testing.assert_allclose(found, np.sum(wanted, 0)[:1], rtol=1e-12)
    np.testing.assert_allclose(
        by_inputs[:, 0], [pair[1] for pair in wanted], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("formula", "has_plan"), [("erf(x)", True), ("x if x > 0.5 else -x", False)]
)
def test_an_op_that_numpy_lacks(
    planned: list[int], formula: str, has_plan: bool
) -> None:
    """A function runs number by number; a comparison has no call, so the program is Python's."""
    made = Op("made", "made", formula, (lambda z, x: 1.0,))
    try:
        x = Value(0.3)
        program = compile(made(x) * 2, [x])
        assert (program.plan() is not None) == has_plan
        if has_plan:
            rows = [-1.0, 0.0, 2.0]
            assert program(rows).tolist() == [2 * made.evaluate(v) for v in rows]
            assert planned == [3]
    finally:
        del OPS["made"]


def test_the_cheaper_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs, inputs, parameters = classifier()
    monkeypatch.setattr(program_module.Program, "by_row", lambda *_: False)
    kinds = list[Any]()
    for ratio in (0.0, 1e9):
        monkeypatch.setattr(costs, "FASTER", ratio)
        program = compile(outputs, inputs, parameters)
        kinds.append(type(program.bind(4, 0)).__name__)
    assert kinds == ["Bound", "Calls"]


def test_many_nodes_in_few_lines_are_not_woven(
    planned: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long time to weave them, for few calls that could be saved."""
    outputs, inputs, parameters = classifier()
    for woven_nodes, kind in ((1000, "Calls"), (1, "Bound")):
        monkeypatch.setattr(program_module, "WOVEN", woven_nodes)
        program = compile(outputs, inputs, parameters)
        assert type(program.bind(4, 0)).__name__ == kind
    assert not planned


def test_a_program_is_woven_once(
    planned: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = list[int]()

    def never(*_: Any, **__: Any) -> Woven:
        tried.append(1)
        raise NotWovenError("no")

    monkeypatch.setattr(planning, "weave", never)
    x = Value(1.0)
    program = compile(x * x, [x])
    assert program([1.0, 2.0]).tolist() == [1.0, 4.0]
    assert program.vjp([1.0, 2.0, 3.0])[1].tolist() == [[2.0], [4.0], [6.0]]
    assert tried == [1] and not planned


# ------------------------------------------------------------------------------------------------------ places
def test_axes_are_one_where_their_steps_are() -> None:
    assert joined(Dim(3, 4), Dim(4, 1)) == Dim(12, 1)
    assert joined(Dim(3, 5), Dim(4, 1)) is None
    assert joined(Dim(3, 1, wide=True), Dim(1, 1, rows=True)) == Dim(
        3, 1, rows=True
    )
    assert joined(Dim(3, 2, wide=True), Dim(1, 1, rows=True)) is None
    assert joined(Dim(1, 1, rows=True), Dim(3, 1, wide=True)) is None


@pytest.mark.parametrize(
    ("shape", "strides", "into"),
    [
        ((2, 6), (6, 1), (2, 2, 3)),
        ((2, 6), (6, 1), (12,)),
        ((2, 6), (7, 1), (2, 2, 3)),
        ((2, 6), (7, 1), (12,)),
        ((6, 2), (1, 6), (3, 2, 2)),
        ((4, 3), (0, 1), (2, 2, 3)),
        ((4, 3), (0, 1), (12,)),
    ],
)
def test_refolding_is_a_view_where_numpy_has_one(
    shape: Sequence[int], strides: Sequence[int], into: Sequence[int]
) -> None:
    numbers = np.arange(50.0)
    array = np.lib.stride_tricks.as_strided(
        numbers, shape, [8 * s for s in strides]
    )
    view = View(0, 0, tuple(shape), tuple(strides), False).refold(tuple(into))
    try:
        theirs = array.reshape(into, copy=False)
    except ValueError:
        assert view is None
        return
    assert view
    ours = np.lib.stride_tricks.as_strided(
        numbers, into, [8 * s for s in view.strides]
    )
    np.testing.assert_array_equal(ours, theirs)


def test_places_that_are_regular() -> None:
    assert affine([3, 4, 5, 8, 9, 10], (2, 3)) == (3, (5, 1))
    assert affine([3, 4, 5, 8, 9, 11], (2, 3)) is None
    assert affine([5, 4], (2,)) is None
    assert View(0, 0, (2, 3), (3, 1), True).group((0, 1, ROWS)) == Dim(
        6, 1, rows=True
    )


def test_without_rows_of_its_own_a_program_adds_up_the_seeds(
    planned: list[int],
) -> None:
    w = Value(3.0)
    program = compile([w * w, 2 * w], [], [w])
    for n in (0, 1, 3):
        gradient, _ = program.vjp(np.zeros((n, 0)))
        assert gradient.tolist() == [n * 8.0]
    assert planned == [0, 1, 3]


def test_a_bias_that_does_not_stand_beside_its_weights_is_added() -> None:
    w, b = [Value(0.1 * i) for i in range(6)], [Value(1.0 * i) for i in range(3)]
    x = [Value(0.5), Value(2.0)]
    outputs = [
        w[2 * i] * x[0] + w[2 * i + 1] * x[1] + b[(i * 2) % 3] for i in range(3)
    ]
    plan = plan_of(woven((outputs, x, [*w, *b])))
    assert "add" in words(plan)


def test_leaves_with_one_adjoint_and_a_third_that_overlaps() -> None:
    """Where one's adjoint stands, more is added; the other's is without it."""
    b = Tensors()
    x, y, both = (b.leaf("theta", np.arange(*at)) for at in ((3,), (3, 6), (6,)))
    shared, other = b.make("exp", (x,), (3,)), b.make("sin", (both,), (6,))
    one = b.const(np.ones(()))
    pairs = [(x, shared), (both, other), (y, shared)]
    calls = Calls(placed(Primitives(b.order, 0, [one], pairs, [], {}), 6), 1)
    theta = np.arange(6.0)
    block = np.zeros((1, 0)), np.ones((1, 1)), np.zeros((1, 1)), np.zeros((1, 0))
    gradient = calls.run(theta, *block)
    wanted = np.sin(theta) + np.tile(np.exp(theta[:3]), 2)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-15)


def test_choices_and_largest_numbers(planned: list[int]) -> None:
    x, y = Value(1.0), Value(2.0)
    program = compile(where(x, maximum(x, y), relu(y)), [x, y])
    X = np.array([[0.0, -1.0], [1.0, 3.0], [-0.0, 2.0], [5.0, 4.0]])
    assert program(X).tolist() == [0.0, 3.0, 2.0, 5.0]
    assert planned == [4]
