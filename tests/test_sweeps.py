"""The reverse sweep: backward, ledger and zero_grad, against mpmath, complex steps and truths by hand."""

from __future__ import annotations

import math
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from random import Random
from types import GeneratorType
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from autograd import (
    OPS,
    Op,
    StaleGraphError,
    Value,
    exp,
    grad,
    hvp,
    jvp,
    ledger,
    log,
    maximum,
    minimum,
    relu,
    sqrt,
    sweeps,
    toposort,
    vjp,
    where,
    zero_grad,
)  # fmt: skip
from autograd.value import NO_GRAD
from tests.oracle import EDGES, ORACLES, mp, room_of_partial, ulp, ulp_error
from tests.programs import Case, grown, random_case

SEEDS = st.integers(0, 2**32 - 1)
GENTLE, ANY = [
    SEEDS.map(lambda seed, guarded=guarded: random_case(Random(seed), 40, guarded))
    for guarded in (True, False)
]  # tests/test_truth.py has the gradients of such programs against mpmath


# Sharing


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (lambda x: x * x, 3.0, 6.0),
        (lambda x: x - x, 3.0, 0.0),
        (lambda x: x + x, 3.0, 2.0),
        (lambda x: x / x, 4.0, 0.0),
        (lambda x: maximum(x, x), 3.0, 1.0),
        (lambda x: minimum(x, x), 3.0, 1.0),
        (lambda x: x**x, 1.0, 1.0),
        (lambda x: where(x, x, x), 3.0, 1.0),
        (lambda x: x * x * x * x, 3.0, 108.0),
        (lambda x: (x * x) * (x * x) + x * x, 3.0, 114.0),
        (lambda x: (x + 1) * (x + 1) - x * x, 3.0, 2.0),
    ],
)
def test_the_same_operand_twice(
    function: Callable[[Value], Value], x: float, expected: float
) -> None:
    v = Value(x)
    function(v).backward()
    assert v.grad == expected


def test_a_shared_node_counts_once() -> None:
    a = Value(1.0)
    b = a + a
    c = b + b
    c.backward()
    assert (a.grad, b.grad, c.grad) == (4.0, 2.0, 1.0)


def test_sixty_doublings() -> None:
    x = y = Value(1.0)
    for _ in range(60):
        y = y + y
    y.backward()
    assert (y.data, x.grad) == (2.0**60, 2.0**60)
    assert len(list(ledger(y))) == 120


@pytest.mark.parametrize("first", [0, 1])
def test_two_heads_that_share_an_interior(first: int) -> None:
    x = Value(3.0)
    h = x * x
    heads = [h * 2, h + x]
    for head in (heads[first], heads[1 - first]):
        head.backward()
    assert x.grad == 12.0 + 7.0
    assert h.grad == (1.0 if first == 0 else 2.0)  # the last pass alone


def test_what_the_root_does_not_use_is_left_alone() -> None:
    x, unused = Value(3.0), Value(1.0)
    aside = x * unused
    aside.grad = unused.grad = 5.0
    (x * 2).backward()
    assert (x.grad, unused.grad, aside.grad) == (2.0, 5.0, 5.0)


def test_the_root_may_be_an_operand_of_other_nodes() -> None:
    x = Value(3.0)
    y = x * x
    z = y * y
    z.backward()
    zero_grad(x)
    y.backward()
    assert (x.grad, y.grad, z.grad) == (6.0, 1.0, 1.0)


def test_a_leaf_and_a_constant_graph() -> None:
    x = Value(3.0)
    x.backward()
    x.backward(2.0)
    assert x.grad == 3.0
    y = Value(2.0) * 3 + 1
    y.backward()
    assert y.grad == 1.0
    constant = maximum(1.0, 2.0)
    assert type(constant) is float


# Passes: accumulation, seeds, zero_grad


@settings(deadline=None, derandomize=True, max_examples=60)
@given(ANY)
def test_backward_twice_doubles_leaves_exactly(case: Case) -> None:
    """A where of a constant condition is one of its operands, maybe a leaf."""
    nodes = case.build()
    leaves, root = [v for v in nodes if v.op is None], nodes[-1]
    others = [v for v in nodes if v.op]
    root.backward()
    reached = {*toposort(root)}
    assert all((v.grad is NO_GRAD) == (v not in reached) for v in nodes)
    once, inside = [v.grad for v in leaves], [v.grad for v in others]
    root.backward()
    assert bits(v.grad for v in leaves) == bits(2 * x for x in once)
    assert bits(v.grad for v in others) == bits(inside)
    zero_grad(*leaves)
    assert all(v.grad is NO_GRAD for v in leaves)
    root.backward()
    assert bits(v.grad for v in leaves) == bits(once)
    assert bits(v.grad for v in others) == bits(inside)


def bits(numbers: Any) -> list[str]:
    return [float(x).hex() for x in numbers]


def test_backward_twice_on_graphs_of_sums_and_of_products() -> None:
    for function, expected in (
        (lambda x: x + x + 1, 2.0),
        (lambda x: x * x * x, 27.0),
    ):
        x = Value(3.0)
        y = function(x)
        for passes in (1, 2, 3):
            y.backward()
            assert x.grad == passes * expected
        assert y.grad == 1.0


@settings(deadline=None, derandomize=True, max_examples=60)
@given(GENTLE, st.integers(-40, 40))
def test_a_seed_that_is_a_power_of_two_scales_exactly(
    case: Case, power: int
) -> None:
    nodes = case.build()
    nodes[-1].backward()
    once = [v.grad for v in nodes]
    assume(all(x == 0 or 1e-200 < abs(x) < 1e200 for x in once))
    zero_grad(*nodes)
    nodes[-1].backward(2.0**power)
    assert [v.grad for v in nodes] == [math.ldexp(x, power) for x in once]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(GENTLE)
def test_seed_zero_and_negative_seed(case: Case) -> None:
    nodes = case.build()
    nodes[-1].backward()
    once = [v.grad for v in nodes]
    assume(
        all(map(math.isfinite, once))
        and all(math.isfinite(s.local) for s in ledger(nodes[-1]))
    )
    zero_grad(*nodes)
    nodes[-1].backward(-1.0)
    assert [v.grad for v in nodes] == [-x for x in once]
    zero_grad(*nodes)
    nodes[-1].backward(0)
    assert all(v.grad == 0 for v in nodes)


@pytest.mark.parametrize("seed", [2, np.float32(2), np.int64(2), np.float64(2)])
def test_seeds_of_every_type(seed: Any) -> None:
    x = Value(3.0)
    y = x * x
    y.backward(seed)
    assert (x.grad, type(x.grad), type(y.grad)) == (12.0, float, float)
    assert sum(s.contribution for s in ledger(y, seed)) == 12.0


def test_a_nan_seed_and_an_infinite_one_go_through() -> None:
    x = Value(3.0)
    y = x * x
    y.backward(math.nan)
    assert math.isnan(x.grad)
    zero_grad(x)
    y.backward(math.inf)
    assert x.grad == math.inf


BAD_SEEDS = [
    *(
        "1",
        b"1",
        None,
        True,
        np.True_,
        1j,
        np.complex128(1),
        [1.0],
        (1.0,),
        {},
        object(),
        Decimal(1),
    ),
    *(np.array(1.0), np.array([1.0]), np.timedelta64(1, "s"), Value(1.0)),
]


@pytest.mark.parametrize("seed", BAD_SEEDS, ids=lambda seed: type(seed).__name__)
def test_bad_seeds_change_nothing(seed: Any) -> None:
    x = Value(3.0)
    y = x * x
    y.backward()
    for call in (y.backward, lambda seed: ledger(y, seed)):
        with pytest.raises(TypeError, match=type(seed).__name__):
            call(seed)
    assert (x.grad, y.grad, x.data, y.data) == (6.0, 1.0, 3.0, 9.0)


def test_gradients_that_a_user_has_set() -> None:
    for start in (0, 0.0, None):
        x = Value(3.0)
        y = x * x
        x.grad = y.grad = start
        y.backward()
        assert (x.grad, y.grad) == (6.0, 1.0)
    x.grad = 1.5
    y.grad = math.nan
    y.backward()
    assert (x.grad, y.grad) == (7.5, 1.0)


def test_zero_grad() -> None:
    x, w = Value(3.0), Value(2.0)
    y = x * w
    y.backward()
    zero_grad(x)
    assert (x.grad, x.grad is NO_GRAD, w.grad) == (0.0, True, 3.0)
    zero_grad()
    zero_grad(x, w)
    assert w.grad is NO_GRAD
    y.backward()
    assert (x.grad, w.grad) == (2.0, 3.0)


# Exceptions half-way


@pytest.fixture
def faulty() -> Op:
    """An op whose partial raises what its operand's name says."""

    def partial(z: Value, x: Value) -> Value:
        raise ERROR[0]

    return Op("faulty", "faulty", "x + 0.0", (partial,))


ERROR: list[BaseException] = []


@pytest.mark.parametrize(
    "error", [RuntimeError, ZeroDivisionError, KeyboardInterrupt, MemoryError]
)
def test_if_a_pass_raises_the_leaves_have_the_gradients_of_before(
    faulty: Op, error: type[BaseException]
) -> None:
    ERROR[:] = [error()]
    untouched, before, given_, ahead = (Value(float(i)) for i in range(4))
    (before * 7).backward()
    given_.grad = None
    grads = [v.grad for v in (untouched, before, given_, ahead)]
    y = (
        ahead * before
        + untouched * given_
        + (faulty(untouched * before) * given_ + before)
    )
    for _ in range(2):
        with pytest.raises(error):
            y.backward()
        assert all(
            v.grad is g
            for v, g in zip((untouched, before, given_, ahead), grads, strict=True)
        )
    (ahead * before).backward()
    assert before.grad == 7.0 + 3.0


def test_a_leaf_whose_gradient_is_no_number() -> None:
    x, w = Value(3.0), Value(2.0)
    (x * w).backward()
    w.grad = "two"
    with pytest.raises(TypeError):
        (x * w).backward()
    assert (x.grad, w.grad) == (2.0, "two")


def test_the_ledger_raises_when_it_comes_to_the_edge(faulty: Op) -> None:
    ERROR[:] = [RuntimeError()]
    x = Value(3.0)
    steps = ledger(faulty(x) * 2)
    assert next(steps).local == 2.0
    with pytest.raises(RuntimeError):
        next(steps)


# Stale graphs

each_sweep = pytest.mark.parametrize(
    "sweep",
    [
        lambda y, x: y.backward(),
        lambda y, x: ledger(y),
        lambda y, x: grad(y, x),
        lambda y, x: grad(y, [x]),
        lambda y, x: vjp(y, [x]),
        lambda y, x: jvp(y, {x: 1.0}),
        lambda y, x: hvp(y, [x], [1.0]),
        lambda y, x: pickle.dumps(y),
    ],
    ids=["backward", "ledger", "grad", "grads", "vjp", "jvp", "hvp", "pickle"],
)
Sweep: TypeAlias = Callable[[Value, Value], Any]


@each_sweep
def test_a_stale_graph_raises_and_names_the_leaf(sweep: Sweep) -> None:
    x, w = Value(3.0, "x"), Value(2.0, "weight")
    y = (x * w).tanh() + x
    sweep(y, x)
    w.data = 5.0
    grads = x.grad, w.grad
    for _ in range(2):
        with pytest.raises(StaleGraphError, match=r"'weight'.*forward\(\)"):
            sweep(y, x)
    assert (x.grad, w.grad) == grads
    y.forward()
    sweep(y, x)


@each_sweep
def test_a_leaf_without_a_name_is_named_by_its_number(sweep: Sweep) -> None:
    x = Value(3.0)
    y = x * x
    x.data = 5.25
    with pytest.raises(StaleGraphError, match=r"5\.25"):
        sweep(y, x)


@each_sweep
def test_the_same_number_again_is_an_assignment_too(sweep: Sweep) -> None:
    x = Value(3.0, "x")
    y = x * x
    x.data = 3.0
    with pytest.raises(StaleGraphError):
        sweep(y, x)


@each_sweep
def test_an_unrelated_leaf_may_be_assigned(sweep: Sweep) -> None:
    x, other = Value(3.0), Value(1.0)
    y = x * x
    z = other * 2
    other.data = 7.0
    sweep(y, x)
    with pytest.raises(StaleGraphError):
        sweep(z, other)


@each_sweep
def test_a_graph_built_in_pieces_around_an_assignment(sweep: Sweep) -> None:
    x = Value(3.0, "x")
    h = x * x
    x.data = 5.0
    y = h + x
    with pytest.raises(StaleGraphError, match="'x'"):
        sweep(y, x)
    sweep(x * x + x, x)
    sweep(y.forward(), x)
    assert y.data == 30.0


@each_sweep
def test_another_roots_forward_leaves_this_one_stale(sweep: Sweep) -> None:
    x = Value(3.0, "x")
    h = x * x
    y, z = h + 1, h * 2
    x.data = 5.0
    y.forward()
    sweep(y, x)
    sweep(h, x)
    with pytest.raises(StaleGraphError):
        sweep(z, x)
    sweep(z.forward(), x)
    sweep(y, x)
    assert (y.data, z.data) == (26.0, 50.0)


@each_sweep
def test_a_node_made_from_a_stale_one_that_was_recomputed_later(
    sweep: Sweep,
) -> None:
    x = Value(3.0, "x")
    h = x * x
    x.data = 5.0
    y = 1 / h  # of the old h, at the new time
    h.forward()
    with pytest.raises(StaleGraphError):
        sweep(y, x)


def test_the_message_blames_no_inner_node_of_being_assigned() -> None:
    x = Value(3.0, "x")
    h = x * x
    h.name = "h"
    y, z = h + 1, h * 2
    x.data = 5.0
    y.forward()
    with pytest.raises(StaleGraphError) as caught:
        z.backward()
    assert "'h' was assigned" not in str(caught.value)


@each_sweep
def test_forward_of_a_fresh_graph_makes_no_other_graph_stale(sweep: Sweep) -> None:
    x = Value(3.0)
    h = x * x
    y, z = h + 1, h * 2
    y.forward()
    sweep(z, x)


@each_sweep
def test_forward_after_an_unrelated_assignment_makes_no_other_graph_stale(
    sweep: Sweep,
) -> None:
    x, unrelated = Value(3.0), Value(1.0)
    h = x * x
    y, z = h + unrelated, h * 2
    unrelated.data = 2.0
    y.forward()
    sweep(z, x)


@each_sweep
def test_a_leaf_assigned_before_the_graph_was_built(sweep: Sweep) -> None:
    x = Value(3.0)
    x.data = 5.0
    y = x * x
    sweep(y, x)
    assert y.data == 25.0


@settings(deadline=None, derandomize=True, max_examples=60)
@given(ANY, st.data())
def test_a_write_anywhere_raises_or_changes_nothing(
    case: Case, data: st.DataObject
) -> None:
    """Whenever a leaf is assigned, backward raises exactly if the root was computed from an older number."""
    leaves = [*map(Value, case.leaves)]
    cut = data.draw(st.integers(0, len(case.program)))
    which = data.draw(st.integers(0, len(leaves) - 1))
    first = replace(case, program=case.program[:cut]).build(leaves=leaves)
    leaves[which].data = 0.75
    rest = replace(case, program=case.program[cut:])
    root, nodes = rest.build(leaves=first)[-1], first[len(leaves) :]
    early = set(nodes[:cut])
    stale = any(leaves[which] in v.inner for v in toposort(root) if v in early)
    if stale:
        with pytest.raises(StaleGraphError):
            root.backward()
    else:
        root.backward()
    root.forward()
    root.backward()


def read_on(change: Callable[[Value, Value], object], read: int) -> None:
    """What is left of a ledger, when something has changed after so many steps."""
    x = Value(3.0, "x")
    y = x * x * x
    steps = ledger(y)
    for _ in range(read):
        next(steps)
    change(x, y)
    list(steps)


def assign(x: Value, y: Value) -> None:
    x.data = 5.0


def recompute(x: Value, y: Value) -> None:
    x.data = 5.0
    y.forward()


@pytest.mark.parametrize("change", [assign, recompute])
@pytest.mark.parametrize("read", [0, 1, 2])
def test_a_change_while_a_ledger_is_read(
    change: Callable[[Value, Value], None], read: int
) -> None:
    with pytest.raises(StaleGraphError):
        read_on(change, read)


@pytest.mark.parametrize("read", [0, 1, 2])
def test_an_unrelated_change_while_a_ledger_is_read(read: int) -> None:
    other = Value(1.0)
    read_on(lambda x, y: assign(other, y), read)


# The ledger


def sums(y: Value, seed: float = 1.0) -> dict[Value, float]:
    found: dict[Value, float] = {}
    for _, operand, _, _, _, contribution in ledger(y, seed):
        found[operand] = found.get(operand, 0.0) + contribution
    return found


def check_ledger(y: Value, seed: float = 1.0) -> None:
    """The ledger's sums are the gradients of a fresh pass, bit for bit, and it tells every edge in order."""
    order = toposort(y)
    before = [(v.data.hex(), v.grad, v.clock, vars(v).copy()) for v in order]
    steps, totals = list(ledger(y, seed)), sums(y, seed)
    assert all(v.grad is old[1] for v, old in zip(order, before, strict=True))
    assert [(v.data.hex(), v.grad, v.clock, vars(v)) for v in order] == before
    zero_grad(*(v for v in order if v.op is None))
    y.backward(seed)
    expected = [v for v in order if v is not y]
    assert bits(totals[v] for v in expected) == bits(v.grad for v in expected)
    edges = [(s.node, s[2]) for s in steps]
    assert edges == [
        (v, i)
        for v in reversed(order)
        for i, x in enumerate(v.args)
        if isinstance(x, Value)
    ]
    assert all(s.node.args[s[2]] is s.operand for s in steps)
    assert bits(s.upstream for s in steps) == bits(s.node.grad for s in steps)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(GENTLE)
def test_the_ledger_adds_up_to_the_gradients(case: Case) -> None:
    check_ledger(case.build()[-1])


@settings(deadline=None, derandomize=True, max_examples=200)
@given(ANY, st.floats(-3, 3) | st.sampled_from(EDGES))
def test_the_ledger_adds_up_to_the_gradients_at_the_edges_too(
    case: Case, seed: float
) -> None:
    check_ledger(case.build()[-1], seed)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(GENTLE)
def test_a_contribution_is_upstream_times_local(case: Case) -> None:
    for s in ledger(case.build()[-1]):
        assert s.contribution == s.upstream * s.local
        name = s.node.op.name
        at = [mp.mpf(x.data if isinstance(x, Value) else x) for x in s.node.args]
        exact = ORACLES[name].partials[s[2]](*at)
        allowed = ORACLES[name].partial_ulps + room_of_partial(
            name, s[2], at
        ) / ulp(exact)
        assert ulp_error(s.local, exact) <= allowed


def test_both_edges_of_a_square() -> None:
    x = Value(3.0)
    y = x * x
    first, second = ledger(y)
    assert tuple(first) == (y, x, 0, 3.0, 1.0, 3.0)
    assert tuple(second) == (y, x, 1, 3.0, 1.0, 3.0)


def test_constants_have_no_edges() -> None:
    x = Value(3.0)
    assert [(s[2], s.local) for s in ledger(2 - x)] == [(1, -1.0)]
    assert [(s[2], s.local) for s in ledger(where(x, 2.0, x))] == [
        (0, 0.0),
        (2, 0.0),
    ]
    assert list(ledger(x)) == []


def test_the_ledger_is_lazy_but_its_errors_are_not() -> None:
    x = Value(3.0, "x")
    y = x * x
    steps = ledger(y)
    assert isinstance(steps, GeneratorType)
    assert next(steps).contribution == 3.0
    with pytest.raises(TypeError):
        ledger(y, "1")
    x.data = 5.0
    with pytest.raises(StaleGraphError):
        ledger(y)


def test_the_ledger_of_a_second_pass_is_of_that_pass_alone() -> None:
    x = Value(3.0)
    y = x * x
    y.backward()
    y.backward()
    assert sums(y) == {x: 6.0}


# What is selected, saturated, or at a pole


def test_branches_that_where_did_not_choose_get_no_gradient() -> None:
    x, a, b = Value(1.0), Value(2.0), Value(3.0)
    where(x, a, b).backward()
    assert (x.grad, a.grad, b.grad) == (0.0, 1.0, 0.0)
    zero_grad(x, a, b)
    x.data = 0.0
    where(x, a, b).backward()
    assert (x.grad, a.grad, b.grad) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("x", [0.0, -1.0])
def test_what_was_not_chosen_may_be_undefined(x: float) -> None:
    v = Value(x)
    for unchosen in (log(v), v.sqrt(), 1 / (v * 0.0), log(log(v)) * v):
        for y in (
            where(0.0, unchosen, 2 * v),
            where(Value(0.0), unchosen, 2 * v),
            where(Value(1.0), 2 * v, unchosen),
        ):
            zero_grad(v)
            y.backward()
            assert v.grad == 2.0


def sigmoid_of_four_primitives(x: Value) -> Value:
    return 1 / (1 + exp(-x))


@pytest.mark.parametrize(
    "x", [-709.0, -710.0, -800.0, -1000.0, -1e308, 0.0, 40.0, 1000.0]
)
def test_the_composed_sigmoid_saturates(x: float) -> None:
    v = Value(x)
    y = sigmoid_of_four_primitives(v)
    y.backward()
    exact = (
        mp.exp(-mp.mpf(x)) / (1 + mp.exp(-mp.mpf(x))) ** 2
        if abs(x) < 1e6
        else mp.mpf(0)
    )
    assert abs(v.grad - exact) <= 1e-12 * exact + 1e-130
    assert sorted(u.op.name for u in toposort(y) if u.op) == [
        "add",
        "exp",
        "neg",
        "reciprocal",
    ]


def test_saturated_branches_leave_the_others_alone() -> None:
    x = Value(-1000.0)
    y = sigmoid_of_four_primitives(x) + 3 * x + exp(-exp(-x)) + (exp(-x)).tanh()
    y.backward()
    assert x.grad == 3.0
    check_ledger(y)


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x: log(1 + exp(x)), 1000.0),  # truth 1
        (lambda x: sqrt(x) * sqrt(x), 0.0),  # truth 1
        (lambda x: 1 / (1 / x), 0.0),  # truth 1
        (
            lambda x: relu(-(1 / x)),
            0.0,
        ),  # a pole that a later op passes on is no overflow
        (lambda x: x * log(x), 0.0),  # truth -inf
        (lambda x: exp(log(x)), 0.0),  # truth 1
        (lambda x: exp(x) * exp(-x), 1000.0),  # truth 0
        (
            lambda x: sqrt(1 / exp(-x)),
            -1000.0,
        ),  # truth 0, but the root has an infinite slope there
    ],
)
def test_where_the_rule_does_not_apply_the_gradient_is_loud(
    function: Callable[[Value], Value], x: float
) -> None:
    v = Value(x)
    function(v).backward()
    assert not math.isfinite(v.grad)


@pytest.mark.parametrize(
    "function",
    [lambda x: exp(-x) * 0.0, lambda x: relu(-exp(-x)), lambda x: 1 / exp(-x)],
)
def test_a_zero_partial_at_an_overflow(function: Callable[[Value], Value]) -> None:
    v = Value(-1000.0)
    y = function(v)
    y.backward()
    assert (v.grad == 0) == math.isfinite(y.data)


# One bit pattern, whatever else happens


TANGLED = [
    lambda x, y, op=op: OPS[op](x, y.tanh())
    for op in ("add", "sub", "mul", "maximum")
]


def tangle(seed: int) -> tuple[list[Value], Value]:
    """Leaves, and a graph in which everything is used many times over."""
    rng = Random(seed)
    leaves = [Value(rng.uniform(-1, 1)) for _ in range(5)]
    return leaves, sum(grown(rng, leaves, TANGLED, 60), start=Value(0.0))


def gradients(seed: int) -> list[str]:
    """The gradients of a tangle, as hexadecimal text."""
    leaves, root = tangle(seed)
    root.backward()
    return [v.grad.hex() for v in leaves]


@pytest.mark.parametrize("seed", range(20))
def test_the_ledger_of_a_tangle(seed: int) -> None:
    check_ledger(tangle(seed)[1])


# Threads


@pytest.fixture
def hasty() -> Iterator[None]:
    """Python changes threads as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_threads(work: Callable[[int], object], count: int) -> list[Any]:
    """What the work gives in each thread; its exceptions are raised here."""
    results: list[Any] = [None] * count

    def call(i: int) -> None:
        try:
            results[i] = work(i)
        except BaseException as error:
            results[i] = error

    threads = [threading.Thread(target=call, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def test_threads_with_graphs_of_their_own(hasty: None) -> None:
    def work(i: int) -> list[list[str]]:
        return [gradients(100 * i + k) for k in range(20)]

    assert in_threads(work, 8) == [work(i) for i in range(8)]


def test_threads_that_train_models_of_their_own(hasty: None) -> None:
    def work(i: int) -> str:
        w = Value(0.1 * i + 1)
        for _ in range(100):
            zero_grad(w)
            loss = (w * w - 2) ** 2
            loss.backward()
            w.data -= 0.01 * w.grad
        return w.data.hex()

    assert in_threads(work, 8) == [work(i) for i in range(8)]


def test_threads_that_recompute_graphs_of_their_own(hasty: None) -> None:
    def work(i: int) -> str:
        w = Value(0.1 * i + 1)
        loss = (w * w - 2) ** 2
        for _ in range(100):
            zero_grad(w)
            loss.forward().backward()
            w.data -= 0.01 * w.grad
        return w.data.hex()

    assert in_threads(work, 8) == [work(i) for i in range(8)]


def test_threads_that_share_leaves_lose_no_update(hasty: None) -> None:
    x, w = Value(3.0), Value(2.0)

    def work(i: int) -> None:
        y = x * w + x
        for _ in range(500):
            y.backward()

    in_threads(work, 4)
    assert (x.grad, w.grad) == (2000 * 3.0, 2000 * 3.0)


def test_threads_that_share_inner_nodes_lose_no_update(hasty: None) -> None:
    x = Value(3.0)
    h = x * x
    heads = [h * float(i) for i in range(1, 5)]

    def work(i: int) -> None:
        for _ in range(300):
            heads[i].backward()

    in_threads(work, 4)
    assert x.grad == 300 * 6.0 * (1 + 2 + 3 + 4)


# Size


def test_fan_in_of_twenty_thousand() -> None:
    leaves = [Value(1.0) for _ in range(20_000)]
    total = sum(leaves)
    assert isinstance(total, Value)
    total.backward(3.0)
    assert total.data == 20_000
    assert {v.grad for v in leaves} == {3.0}


def test_fan_out_of_twenty_thousand() -> None:
    x = Value(2.0)
    uses = [x * float(i % 3) for i in range(20_000)]
    total = sum(uses)
    assert isinstance(total, Value)
    total.backward()
    assert x.grad == sum(i % 3 for i in range(20_000))
    assert len(list(ledger(total))) == 20_000 + 2 * (20_000 - 1)


def test_a_deep_ladder_of_shared_nodes() -> None:
    x = y = Value(1.0)
    for _ in range(20_000):
        y = (y + y) * 0.5
    y.backward()
    assert (y.data, x.grad) == (1.0, 1.0)
    assert grad(y, x).data == 1.0


def test_a_partial_that_asks_for_data_is_refused() -> None:
    leaky = Op(
        "leaky",
        "leaky",
        "where(x > 0, x, 0.1 * x)",
        (lambda z, x: where(x > 0, 1.0, 0.1),),
    )
    x = Value(-1.0)
    with pytest.raises(TypeError, match=r"leaky asks for data.*where\(step\(x\)"):
        leaky(x).backward()
    del OPS["leaky"]
    better = Op(
        "leaky",
        "leaky",
        "where(x > 0, x, 0.1 * x)",
        (lambda z, x: where(x.step(), 1.0, 0.1),),
    )
    y = better(x)
    y.backward()
    assert (x.grad, grad(y, x).data) == (0.1, 0.1)


def test_zero_grad_takes_values_and_changes_nothing_otherwise() -> None:
    x = Value(2.0)
    (x * x).backward()
    with pytest.raises(TypeError, match=r"not list; write zero_grad\(\*leaves\)"):
        zero_grad(x, [x])  # type: ignore[arg-type]
    assert x.grad == 4.0


def test_a_pass_starts_with_1() -> None:
    x = Value(3.0)
    sweeps.backward(x * x)
    assert x.grad == 6.0


def test_the_message_says_that_an_inner_node_was_computed_again() -> None:
    x = Value(3.0)
    h = Value(2.0) * x
    y = h * h
    x.data = 5.0
    h.forward()
    with pytest.raises(
        StaleGraphError, match=r"the Value 10 was computed again after"
    ):
        y.backward()


def test_one_pass_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums into the leaves are made under the lock, and it is given back."""
    held = list[bool]()

    class Lock:
        def __enter__(self) -> None:
            held.append(True)

        def __exit__(self, *_: object) -> None:
            held.append(False)

    monkeypatch.setattr(sweeps, "LOCK", Lock())
    monkeypatch.setattr(
        sweeps, "clear", lambda *_: held.append(held == [True]) or []
    )
    Value(1.0).backward()
    assert held == [True, True, False]


def test_an_interrupt_before_anything_was_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = Value(3.0)
    y = x * x
    y.backward()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "clear", interrupted)
    with pytest.raises(KeyboardInterrupt):
        y.backward()
    assert (x.grad, y.grad is NO_GRAD) == (6.0, True)


def test_a_grad_that_was_set_to_no_number_is_named() -> None:
    x, w = Value(2.0), Value(3.0)
    y = x * w
    x.grad = "5"  # type: ignore[assignment]
    with pytest.raises(
        TypeError, match=r"a leaf's grad takes real numbers .*not str"
    ):
        y.backward()
    assert (x.grad, w.grad) == ("5", 0.0)
