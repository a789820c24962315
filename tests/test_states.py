"""Any sequence of operations on graphs: a model of numbers, staleness and sums of gradients says what comes out."""

from __future__ import annotations

import copy
import gc
import math
import operator
import pickle
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
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
)
from autograd.value import NO_GRAD
from tests.jets import EPS, Truth, follow
from tests.oracle import ORACLES, Exact, mp, same_bits

FLOATS: dict[str, Callable[..., float]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "neg": operator.neg, "sin": math.sin,
    "tanh": math.tanh, "sigmoid": OPS["sigmoid"].evaluate, "maximum": max, "relu": lambda x: max(x, 0.0),
}  # fmt: skip
BINARY = {name for name in FLOATS if len(ORACLES[name].partials) == 2}
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5]) | st.floats(-3, 3).map(lambda x: round(x, 3) + 0.0)
PLACES = st.integers(0, 30)
MOST = 24  # nodes that are held


# ----------------------------------------------------------------------------------------------------- the model
@dataclass(eq=False)
class Node:
    """What the model knows of a Value: a version for every number that it has had, and those it was made from."""

    op: str
    operands: tuple[Node | float, ...]
    data: float
    seen: tuple[int, ...] = ()
    version: int = 0
    grad: tuple[Exact, Exact] | None = None  # the sum, and by how much it may be off
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
        for x, partial in zip(z.operands, ORACLES[z.op].partials if z.op else (), strict=True):
            if isinstance(x, Node):
                d, (old, old_size) = partial(*values), found.get(x, (mp.mpf(0), mp.mpf(0)))
                found[x] = old + d * above, old_size + (abs(d) + mp.mpf(2) ** -1000) * size
    return {v: (above, 4 * len(order) * EPS * size) for v, (above, size) in found.items()}


def truth_of(root: Node, leaves: Sequence[Node], numbers: Sequence[float], *directions: Any) -> Truth:
    """The truth about the root's graph as a program of these leaves, with such numbers."""
    order = [*leaves, *(v for v in below(root) if v.op)]
    place = {v: i for i, v in enumerate(order)}
    program = [(v.op, *[place[x] if isinstance(x, Node) else x for x in v.operands]) for v in order if v.op]
    return follow(program, numbers, directions or unit(len(leaves)), len(directions) or 1)


def unit(n: int) -> list[list[float]]:
    return [[float(i == k) for k in range(n)] for i in range(n)]


def check(truth: Truth, got: float, mask: int = 0, place: int = -1) -> None:
    assert (truth.ratio(got, place % len(truth.jets), mask) or 0.0) <= 1


@dataclass
class Recording:
    """A compiled program: its root, inputs and parameters, and the numbers of those once it is a copy."""

    program: Program
    root: Node
    inputs: list[Node]
    parameters: list[Node]
    theta: list[float] | None = None


# --------------------------------------------------------------------------------------------------- the machine
class Interrupted(Exception):
    """What the faulty op's partial raises."""


def raises(*args: Any) -> Any:
    raise Interrupted


STEPS: Counter[str] = Counter()


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

    def leaf_below(self, i: int) -> Node:
        leaves = [v for v in self.held if not v.op]
        return leaves[i % len(leaves)]

    def hold(self, node: Node, value: Value) -> Node:
        node.value = value
        self.held.append(node)
        return node

    @rule(x=NUMBERS)
    @counted
    def leaf(self, x: float) -> None:
        self.hold(Node("", (), x), Value(x))

    @precondition(lambda self: 0 < len(self.held) < MOST)
    @rule(
        name=st.sampled_from(sorted(FLOATS)),
        i=PLACES,
        j=PLACES | NUMBERS,
        where=st.sampled_from(["", "", "f", "f/g"]),
    )
    @counted
    def op(self, name: str, i: int, j: int | float, where: str) -> None:
        x, y = self.pick(i), self.pick(j) if isinstance(j, int) else j
        operands = (x, y)[: 1 + (name in BINARY)]
        data = FLOATS[name](*[v.data if isinstance(v, Node) else v for v in operands])
        if abs(data) > 1e3:
            name, operands, data = "tanh", (x,), math.tanh(x.data)
        node = Node(name, operands, data, scope=tuple(where.split("/")) if where else ())
        node.seen = node.versions
        self.hold(node, self.made(name, operands, where))

    def made(self, name: str, operands: Iterable[Any], where: str) -> Value:
        """The op on the engine's Values, in scopes of these names."""
        if not where:
            return OPS[name](*[v.value if isinstance(v, Node) else v for v in operands])
        first, _, rest = where.partition("/")
        with scope(first):
            return self.made(name, operands, rest)

    @precondition(lambda self: 0 < len(self.held) < MOST)
    @rule(i=PLACES, detach=st.booleans())
    @counted
    def without_history(self, i: int, detach: bool) -> None:
        x = self.pick(i)
        with no_grad():
            value = x.value.detach() if detach else x.value * 2.0
        self.hold(Node("", (), x.data if detach else x.data * 2.0), value)

    @precondition(lambda self: any(not v.op for v in self.held))
    @rule(i=PLACES, x=NUMBERS)
    @counted
    def assign(self, i: int, x: float) -> None:
        leaf = self.leaf_below(i)
        leaf.value.data = leaf.data = x
        leaf.version += 1

    @precondition(lambda self: self.held)
    @rule(i=PLACES)
    @counted
    def assign_what_an_op_made(self, i: int) -> None:
        node = self.pick(i)
        if node.op:
            with pytest.raises(AttributeError):
                node.value.data = 0.25

    @precondition(lambda self: self.held)
    @rule(i=PLACES, seed=NUMBERS)
    @counted
    def backward(self, i: int, seed: float) -> None:
        root = self.pick(i)
        if is_fresh(root):
            root.value.backward(seed)
            self.add(adjoints(root, seed))
        else:
            self.fails(root, StaleGraphError, root.value.backward)

    def add(self, found: dict[Node, tuple[Exact, Exact]]) -> None:
        """Sums in the leaves; inner nodes have this pass's adjoint alone."""
        for v, (exact, bound) in found.items():
            old, old_bound = v.grad if v.grad and not v.op else (mp.mpf(0), mp.mpf(0))
            v.grad = old + exact, bound + old_bound + EPS * (abs(old) + abs(exact))

    def fails(self, root: Node, error: type[Exception], backward: Callable[[], None]) -> None:
        with pytest.raises(error):
            backward()
        for v in below(root):
            v.grad = None if v.op else v.grad

    @precondition(lambda self: self.held)
    @rule(i=PLACES)
    @counted
    def backward_interrupted(self, i: int) -> None:
        root = self.pick(i)
        value = root.value * 2.0 + self.faulty(root.value) * root.value
        self.fails(root, Interrupted if is_fresh(root) else StaleGraphError, value.backward)

    @precondition(lambda self: self.held)
    @rule(i=PLACES, seed=st.sampled_from(["1", None, True, 1j, [1.0]]))
    @counted
    def bad_seed(self, i: int, seed: Any) -> None:
        with pytest.raises(TypeError):
            self.pick(i).value.backward(seed)

    @precondition(lambda self: self.held)
    @rule(chosen=st.lists(PLACES, max_size=4))
    @counted
    def zero_grad(self, chosen: list[int]) -> None:
        nodes = [self.pick(i) for i in chosen]
        sweeps.zero_grad(*[v.value for v in nodes])
        for v in nodes:
            v.grad = None

    @precondition(lambda self: self.held)
    @rule(i=PLACES)
    @counted
    def forward(self, i: int) -> None:
        root = self.pick(i)
        assert root.value.forward() is root.value
        for v in below(root):
            if v.op:
                v.grad = None
                if v.seen != v.versions:
                    v.data, v.seen, v.version = FLOATS[v.op](*v.numbers), v.versions, v.version + 1

    @precondition(lambda self: self.held)
    @rule(i=PLACES)
    @counted
    def grad_of_grad(self, i: int) -> None:
        root = self.pick(i)
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

    @precondition(lambda self: self.held and len(self.recordings) < 4)
    @rule(i=PLACES, split=st.integers(0, 3))
    @counted
    def compile(self, i: int, split: int) -> None:
        root = self.pick(i)
        leaves = [v for v in below(root) if not v.op]
        if all(v.value is not None for v in leaves):
            inputs, parameters = leaves[:split], leaves[split:]
            program = compile(root.value, [v.value for v in inputs], [v.value for v in parameters])
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

    def duplicates(self, nodes: Iterable[Node], known: dict[Node, Node]) -> dict[Node, Node]:
        """Copies of these nodes, operands before results, beside the known ones."""
        for v in nodes:
            if v not in known:
                operands = tuple(known.get(x, x) if isinstance(x, Node) else x for x in v.operands)
                known[v] = Node(v.op, operands, v.data, v.seen, v.version, v.grad, v.scope)
        return known

    @precondition(lambda self: 0 < len(self.held) < MOST)
    @rule(i=PLACES, j=PLACES)
    @counted
    def pickle(self, i: int, j: int) -> None:
        """Leaves stay shared; each of two roots gets inner nodes of its own."""
        roots = [self.pick(i), self.pick(j)]
        if not is_fresh(*roots):
            with pytest.raises(StaleGraphError):
                pickle.dumps([v.value for v in roots])
            return
        loaded = pickle.loads(pickle.dumps([v.value for v in roots]))
        leaves = self.duplicates([v for v in below(*roots) if not v.op], {})
        for root, value in dict(zip(roots, loaded, strict=True)).items():
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

    @precondition(lambda self: 0 < len(self.held) < MOST)
    @rule(i=PLACES, j=PLACES)
    @counted
    def deepcopy(self, i: int, j: int) -> None:
        roots = [self.pick(i), self.pick(j)]
        copies = self.duplicates(below(*roots), {})
        for root, value in zip(roots, copy.deepcopy([v.value for v in roots]), strict=True):
            self.hold_all(copies[root], value)

    @precondition(lambda self: 0 < len(self.held) < MOST)
    @rule(i=PLACES)
    @counted
    def copy(self, i: int) -> None:
        v = self.pick(i)
        self.hold(Node(v.op, v.operands, v.data, v.seen, v.version, v.grad, v.scope), copy.copy(v.value))

    @precondition(lambda self: len(self.held) > 4)
    @rule(i=PLACES)
    @counted
    def drop(self, i: int) -> None:
        node = self.held.pop(i % len(self.held))
        self.gone.append((node, weakref.ref(node.value)))
        node.value = None

    # ---------------------------------------------------------------------------------------- after every step
    @invariant()
    def numbers_are_equal(self) -> None:
        for v in self.held:
            assert same_bits(v.value.data, v.data)
            assert (v.value.op.name if v.value.op else "") == v.op
            assert tuple(s.name for s in (v.value.scope.path() if v.value.scope else ())) == v.scope
            for x, operand in zip(v.operands, v.value.args, strict=True):
                assert not isinstance(x, Node) or x.value is None or operand is x.value

    @invariant()
    def gradients_are_equal(self) -> None:
        for v in self.held:
            assert (v.value.grad is NO_GRAD) == (v.grad is None)
            if v.grad:
                exact, bound = v.grad
                assert abs(v.value.grad - exact) <= bound

    @invariant()
    def stale_graphs_raise_and_fresh_ones_do_not(self) -> None:
        for v in self.held:
            if is_fresh(v):
                ledger(v.value)
            else:
                with pytest.raises(StaleGraphError):
                    ledger(v.value)

    @invariant()
    def what_nothing_needs_is_gone(self) -> None:
        roots = [*self.held, *(x for r in self.recordings for x in (r.root, *r.inputs, *r.parameters))]
        needed = {*below(*roots)}
        assert all(ref() is None for v, ref in self.gone if v not in needed)


def run(examples: int, steps: int = 40, **options: Any) -> None:
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        database=None,
        **options,
    )
    run_state_machine_as_test(States, settings=how)


def test_any_sequence_of_operations() -> None:
    run(60)
