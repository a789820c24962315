"""Any sequence of operations on graphs, against a model of numbers, staleness and sums of gradients."""

from __future__ import annotations

import copy
import math
import operator
import pickle
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from autograd import (
    OPS,
    Op,
    Program,
    StaleGraphError,
    Value,
    compile,
    copying,
    grad,
    jvp,
    ledger,
    no_grad,
    scope,
    sweeps,
    toposort,
)
from autograd.ieee import number
from autograd.value import NO_GRAD
from tests.jets import EPS, Truth, follow
from tests.oracle import ORACLES, Exact, mp, same_bits


def larger(*numbers: float) -> float:
    """The largest; of the zeros 0.0."""
    return max(numbers, key=lambda x: (x, math.copysign(1, x)))


FLOATS: dict[str, Callable[..., float]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "neg": operator.neg, "sin": math.sin,
    "tanh": math.tanh, "sigmoid": OPS["sigmoid"].evaluate, "maximum": larger,
    "relu": lambda x: larger(x, 0.0),
}  # fmt: skip
BINARY = {name for name in FLOATS if len(ORACLES[name].partials) == 2}
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5]) | st.floats(-3, 3).map(
    lambda x: round(x, 3) + 0.0
)
PLACES = st.integers(0, 30)
LINES = st.tuples(
    st.sampled_from(sorted(FLOATS)),
    PLACES,
    PLACES | NUMBERS,
    st.sampled_from(["", "", "f", "f/g"]),
)
MOST = 30  # nodes that are held


# ------------------------------------------------------------------------------------------------ the model
@dataclass(eq=False, repr=False)
class Node:
    """What the model knows of a Value: its number's version, and those of the operands when it was made."""

    op: str
    operands: tuple[Node | float, ...]
    data: float
    seen: tuple[int, ...] = ()
    version: int = 0
    grad: tuple[Exact, Exact] | None = (
        None  # the sum, and by how much it may be off
    )
    scope: tuple[str, ...] = ()
    value: Value | None = None

    @property
    def inner(self) -> list[Node]:
        return [x for x in self.operands if isinstance(x, Node)]

    @property
    def versions(self) -> tuple[int, ...]:
        return tuple(x.version for x in self.inner)

    @property
    def numbers(self) -> list[float]:
        return [x.data if isinstance(x, Node) else x for x in self.operands]


def below(*roots: Node) -> list[Node]:
    """All that the roots depend on, operands before results."""
    found: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node not in found:
            for x in node.inner:
                visit(x)
            found[node] = None

    for root in roots:
        visit(root)
    return list(found)


def is_fresh(*roots: Node) -> bool:
    return all(v.seen == v.versions for v in below(*roots))


def adjoints(root: Node, seed: float) -> dict[Node, tuple[Exact, Exact]]:
    """Every adjoint, exact at the model's numbers, and by how much it may be off."""
    order, found = below(root), {root: (mp.mpf(seed), mp.mpf(abs(seed)))}
    for z in reversed(order):
        above, size = found[z]
        values = [*map(mp.mpf, z.numbers)]
        for x, partial in zip(
            z.operands, ORACLES[z.op].partials if z.op else (), strict=True
        ):
            if isinstance(x, Node):
                d, (old, old_size) = (
                    partial(*values),
                    found.get(x, (mp.mpf(0), mp.mpf(0))),
                )
                found[x] = (
                    old + d * above,
                    old_size + (abs(d) + mp.mpf(2) ** -1000) * size,
                )
    return {
        v: (above, 4 * len(order) * EPS * size)
        for v, (above, size) in found.items()
    }


def truth_of(
    root: Node, leaves: Sequence[Node], numbers: Sequence[float], *directions: Any
) -> Truth:
    """The truth about the root's graph as a program of these leaves, with such numbers."""
    order = [*leaves, *(v for v in below(root) if v.op)]
    place = {v: i for i, v in enumerate(order)}
    program = [
        (v.op, *[place[x] if isinstance(x, Node) else x for x in v.operands])
        for v in order
        if v.op
    ]
    return follow(
        program, numbers, directions or unit(len(leaves)), len(directions) or 1
    )


def unit(n: int) -> list[list[float]]:
    return [[float(i == k) for k in range(n)] for i in range(n)]


def check(truth: Truth, got: float, mask: int = 0, place: int = -1) -> None:
    assert (truth.ratio(got, place % len(truth.jets), mask) or 0.0) <= 1


def told(y: Value) -> list[tuple[float, ...]]:
    """The numbers of the ledger."""
    return [step[2:] for step in ledger(y)]


@dataclass
class Recording:
    """A compiled program: its root, inputs and parameters, and the numbers of those once it is a copy."""

    program: Program
    root: Node
    inputs: list[Node]
    parameters: list[Node]
    theta: list[float] | None = None


# ---------------------------------------------------------------------------------------------- the machine
class InterruptedPassError(Exception):
    """What the faulty op's partial raises."""


def raises(*args: Any) -> Any:
    raise InterruptedPassError


STEPS: Counter[str] = Counter()
WORST = [0.0]  # of a gradient's error, in parts of its bound


def counted(function: Callable[..., None]) -> Callable[..., None]:
    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        STEPS[function.__name__] += 1
        function(self, *args, **kwargs)

    run.__name__ = function.__name__
    return run


class States(RuleBasedStateMachine):
    """Operations in any order, on the engine and on the model; afterwards they agree about everything."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Node] = []
        self.recordings: list[Recording] = []
        self.gone: list[tuple[Node, weakref.ref[Value]]] = []
        self.faulty = Op("faulty", "faulty", "x + 0.0", (raises,))

    def teardown(self) -> None:
        OPS.pop("faulty", None)

    def pick(self, i: int) -> Node:
        return self.held[-1 - i % len(self.held)]

    def root(self, i: int) -> Node:
        """Mostly what an op made."""
        made = [v for v in self.held if v.op and i % 8]
        return made[-1 - i % len(made)] if made else self.pick(i)

    def hold(self, node: Node, value: Value) -> Node:
        node.value = value
        self.held.append(node)
        return node

    @initialize(numbers=st.lists(NUMBERS, min_size=2, max_size=3))
    def leaves(self, numbers: list[float]) -> None:
        for x in numbers:
            self.leaf(x)

    @precondition(lambda self: len(self.held) < MOST)
    @rule(x=NUMBERS)
    @counted
    def leaf(self, x: float) -> None:
        self.hold(Node("", (), x), Value(x))

    @precondition(lambda self: len(self.held) < MOST)
    @rule(lines=st.lists(LINES, min_size=2, max_size=8))
    def ops(self, lines: list[tuple[str, int, int | float, str]]) -> None:
        for line in lines:
            self.op(*line)

    @counted
    def op(self, name: str, i: int, j: int | float, where: str) -> None:
        x, y = self.pick(i), self.pick(j) if isinstance(j, int) else j
        operands = (x, y)[: 1 + (name in BINARY)]
        data = FLOATS[name](
            *[v.data if isinstance(v, Node) else v for v in operands]
        )
        if abs(data) > 1e3:
            name, operands, data = "tanh", (x,), math.tanh(x.data)
        node = Node(
            name, operands, data, scope=tuple(where.split("/")) if where else ()
        )
        node.seen = node.versions
        self.hold(node, self.made(name, operands, where))

    def made(self, name: str, operands: Iterable[Any], where: str) -> Value:
        """The op on the engine's Values, in scopes of these names."""
        if not where:
            return OPS[name](
                *[v.value if isinstance(v, Node) else v for v in operands]
            )
        first, _, rest = where.partition("/")
        with scope(first):
            return self.made(name, operands, rest)

    @precondition(lambda self: len(self.held) < MOST)
    @rule(i=PLACES, detach=st.booleans())
    @counted
    def without_history(self, i: int, detach: bool) -> None:
        x = self.pick(i)
        with no_grad():
            value = x.value * 2.0
        self.hold(
            Node("", (), x.data * (1 if detach else 2)),
            x.value.detach() if detach else value,
        )

    @precondition(lambda self: any(not v.op for v in self.held))
    @rule(i=PLACES, x=NUMBERS)
    @counted
    def assign(self, i: int, x: float) -> None:
        leaves = [v for v in self.held if not v.op]
        self.assign_leaf(leaves[i % len(leaves)], x)

    def assign_leaf(self, leaf: Node, x: float) -> None:
        leaf.value.data = leaf.data = x
        leaf.version += 1

    @rule(i=PLACES, seeds=st.lists(NUMBERS, min_size=1, max_size=3))
    @counted
    def backward(self, i: int, seeds: list[float]) -> None:
        for seed in seeds:
            self.backward_of(self.root(i), seed)

    def backward_of(self, root: Node, seed: float) -> None:
        if is_fresh(root):
            root.value.backward(seed)
            self.add(adjoints(root, seed))
        else:
            self.fails(root, StaleGraphError, root.value.backward)

    def add(self, found: dict[Node, tuple[Exact, Exact]]) -> None:
        """Sums in the leaves; inner nodes have this pass's adjoint alone."""
        for v, (exact, bound) in found.items():
            old, old_bound = (
                v.grad if v.grad and not v.op else (mp.mpf(0), mp.mpf(0))
            )
            v.grad = old + exact, bound + old_bound + EPS * (abs(old) + abs(exact))

    def fails(
        self, root: Node, error: type[Exception], backward: Callable[[], None]
    ) -> None:
        with pytest.raises(error):
            backward()
        for v in below(root):
            v.grad = None if v.op else v.grad

    @rule(i=PLACES)
    @counted
    def backward_interrupted(self, i: int) -> None:
        root = self.root(i)
        value = root.value * 2.0 + self.faulty(root.value) * root.value
        self.fails(
            root,
            InterruptedPassError if is_fresh(root) else StaleGraphError,
            value.backward,
        )

    @rule(i=PLACES, wrong=st.sampled_from(["1", None, True, 1j, [1.0]]))
    @counted
    def what_is_refused(self, i: int, wrong: Any) -> None:
        node = self.pick(i)
        with pytest.raises(TypeError):
            node.value.backward(wrong)
        with pytest.raises(AttributeError if node.op else TypeError):
            node.value.data = wrong

    @rule(chosen=st.lists(PLACES, max_size=4))
    @counted
    def zero_grad(self, chosen: list[int]) -> None:
        nodes = [self.pick(i) for i in chosen]
        sweeps.zero_grad(*[v.value for v in nodes])
        for v in nodes:
            v.grad = None

    @rule(i=PLACES)
    @counted
    def forward(self, i: int) -> None:
        self.refresh(self.root(i))

    def refresh(self, root: Node) -> None:
        assert root.value.forward() is root.value
        for v in below(root):
            if v.op:
                v.grad = None
                if v.seen != v.versions:
                    v.data, v.seen, v.version = (
                        FLOATS[v.op](*v.numbers),
                        v.versions,
                        v.version + 1,
                    )

    @rule(i=PLACES, j=PLACES, x=NUMBERS)
    @counted
    def train(self, i: int, j: int, x: float) -> None:
        """What training does: a pass, a leaf of that graph assigned, the graph computed again."""
        root = max((self.root(i), self.root(j)), key=lambda v: len(below(v)))
        self.backward_of(root, 1.0)
        leaves = [v for v in below(root) if not v.op and v.value is not None]
        if leaves:
            self.assign_leaf(leaves[j % len(leaves)], x)
        self.numbers_are_equal()
        self.refresh(root)

    @rule(i=PLACES)
    @counted
    def grad_of_grad(self, i: int) -> None:
        root = self.root(i)
        leaves = [v for v in below(root) if not v.op and v.value is not None]
        if not is_fresh(root):
            with pytest.raises(StaleGraphError):
                grad(root.value, [v.value for v in leaves])
        elif leaves == [v for v in below(root) if not v.op]:
            values, ones = [v.value for v in leaves], [1.0] * len(leaves)
            first = sum(grad(root.value, values), start=Value(0.0))
            truth = truth_of(root, leaves, [v.data for v in leaves], ones, ones)
            check(truth, first.data, 2)
            check(truth, jvp(first, dict.fromkeys(values, 1.0)).data, 6)

    @precondition(lambda self: len(self.recordings) < 4)
    @rule(i=PLACES, split=st.integers(0, 3))
    @counted
    def compile(self, i: int, split: int) -> None:
        root = self.root(i)
        leaves = [v for v in below(root) if not v.op]
        if all(v.value is not None for v in leaves):
            inputs, parameters = leaves[:split], leaves[split:]
            program = compile(
                root.value, [v.value for v in inputs], [v.value for v in parameters]
            )
            self.recordings.append(Recording(program, root, inputs, parameters))

    def theta(self, r: Recording) -> list[float]:
        return r.theta if r.theta is not None else [v.data for v in r.parameters]

    @precondition(lambda self: self.recordings)
    @rule(p=PLACES, row=st.lists(NUMBERS, min_size=3, max_size=3))
    @counted
    def replay(self, p: int, row: list[float]) -> None:
        r = self.recordings[p % len(self.recordings)]
        row, theta, n = row[: len(r.inputs)], self.theta(r), len(r.inputs)
        assert r.program.theta.tolist() == theta
        truth = truth_of(r.root, [*r.inputs, *r.parameters], [*row, *theta])
        root = -1 if r.root.op else [*r.inputs, *r.parameters].index(r.root)
        check(truth, r.program([row])[0], 0, root)
        by_theta, by_inputs = r.program.vjp([row])
        for i, got in enumerate([*by_inputs[0], *by_theta]):
            check(truth, got, 2 << i, root)
        assert n == len(by_inputs[0])

    @precondition(lambda self: self.recordings)
    @rule(p=PLACES, numbers=st.lists(NUMBERS, min_size=30, max_size=30))
    @counted
    def assign_theta(self, p: int, numbers: list[float]) -> None:
        r = self.recordings[p % len(self.recordings)]
        r.program.theta = numbers = numbers[: len(r.parameters)]
        if r.theta is not None:
            r.theta = numbers
            return
        for v, x in zip(r.parameters, numbers, strict=True):
            v.data, v.version = x, v.version + 1

    @precondition(lambda self: self.recordings)
    @rule(p=PLACES)
    @counted
    def pickle_program(self, p: int) -> None:
        r = self.recordings[p % len(self.recordings)]
        r.theta, r.program = [*self.theta(r)], pickle.loads(pickle.dumps(r.program))

    def duplicates(
        self, nodes: Iterable[Node], known: dict[Node, Node]
    ) -> dict[Node, Node]:
        """Copies of these nodes, operands before results, beside the known ones."""
        for v in nodes:
            if v not in known:
                operands = tuple(
                    known.get(x, x) if isinstance(x, Node) else x
                    for x in v.operands
                )
                known[v] = Node(
                    v.op, operands, v.data, v.seen, v.version, v.grad, v.scope
                )
        return known

    @precondition(lambda self: len(self.held) < MOST)
    @rule(i=PLACES, j=PLACES)
    @counted
    def pickle(self, i: int, j: int) -> None:
        """Leaves stay shared; each of two roots gets inner nodes of its own."""
        roots = [self.root(i), self.root(j)]
        if not is_fresh(*roots):
            with pytest.raises(StaleGraphError):
                pickle.dumps([v.value for v in roots])
            return
        loaded = pickle.loads(pickle.dumps([v.value for v in roots]))
        leaves = self.duplicates([v for v in below(*roots) if not v.op], {})
        for root, value in dict(zip(roots, loaded, strict=True)).items():
            assert told(value) == told(root.value)
            copies = self.duplicates(below(root), dict(leaves))
            for v in copies.values():
                v.seen = v.versions
            self.hold_all(copies[root], value)
        assert (loaded[0] is loaded[1]) == (roots[0] is roots[1])

    def hold_all(self, root: Node, value: Value) -> None:
        """A root that came with a graph of its own: it is held, and so are its leaves, once each."""
        pairs = {root: value}
        for v in reversed(below(root)):
            pairs |= zip(v.inner, pairs[v].inner, strict=True)
        for v, x in pairs.items():
            assert v.value is None or v.value is x
            if (not v.op or v is root) and v.value is None:
                self.hold(v, x)

    @precondition(lambda self: len(self.held) < MOST)
    @rule(i=PLACES, j=PLACES)
    @counted
    def deepcopy(self, i: int, j: int) -> None:
        roots = [self.root(i), self.root(j)]
        copies = self.duplicates(below(*roots), {})
        for root, value in zip(
            roots, copy.deepcopy([v.value for v in roots]), strict=True
        ):
            self.hold_all(copies[root], value)
            assert not is_fresh(root) or told(value) == told(root.value)

    @precondition(lambda self: len(self.held) < MOST)
    @rule(i=PLACES)
    @counted
    def copy(self, i: int) -> None:
        v = self.pick(i)
        self.hold(
            Node(v.op, v.operands, v.data, v.seen, v.version, v.grad, v.scope),
            copy.copy(v.value),
        )

    @precondition(lambda self: len(self.held) > 16)
    @rule(chosen=st.lists(PLACES, min_size=3, max_size=12))
    @counted
    def drop(self, chosen: list[int]) -> None:
        for i in chosen:
            node = self.held.pop(i % len(self.held))
            self.gone.append((node, weakref.ref(node.value)))
            node.value = None

    # ------------------------------------------------------------------------------------- after every step
    @invariant()
    def numbers_are_equal(self) -> None:
        for v in self.held:
            assert same_bits(v.value.data, v.data)
            assert (v.value.op.name if v.value.op else "") == v.op
            assert (
                tuple(
                    s.name for s in (v.value.scope.path() if v.value.scope else ())
                )
                == v.scope
            )
            for x, operand in zip(v.operands, v.value.args, strict=True):
                assert (
                    not isinstance(x, Node) or x.value is None or operand is x.value
                )

    @invariant()
    def gradients_are_equal(self) -> None:
        for v in self.held:
            assert (v.value.grad is NO_GRAD) == (v.grad is None)
            if v.grad:
                exact, bound = v.grad
                error = abs(v.value.grad - exact)
                assert error <= bound
                WORST[0] = max(WORST[0], float(error / bound) if bound else 0.0)

    @invariant()
    def stale_graphs_raise_and_fresh_ones_do_not(self) -> None:
        fresh: dict[Node, bool] = {}
        for v in below(*self.held):
            fresh[v] = v.seen == v.versions and all(fresh[x] for x in v.inner)
        for v in self.held:
            with nullcontext() if fresh[v] else pytest.raises(StaleGraphError):
                ledger(v.value)

    @invariant()
    def what_nothing_needs_is_gone(self) -> None:
        roots = [
            *self.held,
            *(
                x
                for r in self.recordings
                for x in (r.root, *r.inputs, *r.parameters)
            ),
        ]
        needed = {*below(*roots)}
        assert all(ref() is None for v, ref in self.gone if v not in needed)


def run(examples: int, **options: Any) -> None:
    settled = {
        "derandomize": True,
        "deadline": None,
        "database": None,
        "stateful_step_count": 40,
    }
    run_state_machine_as_test(
        States, settings=settings(max_examples=examples, **settled, **options)
    )


def test_any_sequence_of_operations() -> None:
    STEPS.clear()
    run(100)
    assert len(STEPS) == 19 and STEPS.total() > 2000, STEPS


# ------------------------------------------------------------------------------------------- test the tests
ENGINE_BACKWARD, ENGINE_FORWARD = Value.backward, Value.forward


def backward_that_forgets(self: Value, seed: Any = 1.0) -> None:
    """After an exception, the leaves have lost what they had."""
    try:
        ENGINE_BACKWARD(self, seed)
    except InterruptedPassError:
        for v in toposort(self):
            v.grad = NO_GRAD
        raise


def backward_that_adds_up_inside(self: Value, seed: Any = 1.0) -> None:
    """An inner node's gradient is added to what it had, as a leaf's is."""
    before = {v: v.grad for v in toposort(self) if v.form}
    ENGINE_BACKWARD(self, seed)
    for v, earlier in before.items():
        v.grad += earlier


def forward_that_keeps_gradients(self: Value) -> Value:
    before = {v: v.grad for v in toposort(self)}
    ENGINE_FORWARD(self)
    for v, earlier in before.items():
        v.grad = earlier
    return self


def forward_of_one_node(self: Value) -> Value:
    """Computes the root alone."""
    if self.form:
        self._data = self.form.op.evaluate(
            *[x.data if isinstance(x, Value) else x for x in self.args]
        )
    return self


def reduce_that_copies_leaves(v: Value) -> tuple[Any, ...]:
    """Two roots do not share a leaf any more."""
    if v.form is None:
        return ENGINE_REDUCE(v)
    load, (rows,) = ENGINE_REDUCE(v)
    return load, (
        [copy.copy(row) if isinstance(row, Value) else row for row in rows],
    )


def assign_without_clock(self: Value, x: float) -> None:
    if self.form is not None:
        raise AttributeError("computed")
    self._data = number(x, "a leaf")


ENGINE_REDUCE = copying.reduce
BREAKS: dict[str, tuple[Any, str, Any]] = {
    "backward does not look at the clock": (
        sweeps,
        "check_fresh",
        lambda order: order,
    ),
    "zero_grad does not clear": (sweeps, "zero_grad", lambda *leaves: None),
    "zero_grad clears to a zero like any other": (sweeps, "NO_GRAD", float("0.0")),
    "backward forgets after an exception": (
        Value,
        "backward",
        backward_that_forgets,
    ),
    "inner gradients add up": (Value, "backward", backward_that_adds_up_inside),
    "forward keeps gradients": (Value, "forward", forward_that_keeps_gradients),
    "forward computes one node": (Value, "forward", forward_of_one_node),
    "pickle copies what two roots share": (
        Value,
        "__reduce__",
        reduce_that_copies_leaves,
    ),
    "deepcopy is shallow": (
        Value,
        "__deepcopy__",
        lambda self, memo: copying.shallow(self),
    ),
    "a leaf is assigned and no clock advances": (
        Value,
        "data",
        Value.data.setter(assign_without_clock),
    ),
    "detach does not": (Value, "detach", lambda self: self * 1.0),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_engine_is_noticed(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*BREAKS[what])
    with pytest.raises((AssertionError, StaleGraphError, pytest.fail.Exception)):
        run(400, phases=[Phase.generate], print_blob=False)


def figures(count: int = 1000) -> list[tuple[str, str, str]]:
    """So many sequences, their steps by kind, and the worst gradient; a disagreement raises."""
    STEPS.clear()
    WORST[0] = 0.0
    run(count)
    kinds = ", ".join(f"{n:,} {name}" for name, n in STEPS.most_common())
    tried = f"{count:,} sequences, {STEPS.total():,} steps: {kinds}"
    return [
        (
            "operations in any order against a model",
            tried,
            f"a gradient off by {WORST[0]:.3f} of its bound",
        )
    ]
