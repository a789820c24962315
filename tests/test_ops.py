"""Every op of the table: against mpmath, at the edges of the float range, and with an op that a test adds."""

from __future__ import annotations

import math
import operator
import pickle
import sys
from collections.abc import Callable, Iterator
from inspect import ismodule
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

import autograd
from autograd import OPS, Op, Value, grad, hvp, jvp, ledger, ops, toposort
from autograd.ieee import WORDS
from autograd.ops import reciprocal
from tests.oracle import (
    EDGES,
    INF,
    LARGEST,
    NAN,
    ORACLES,
    TINY,
    Exact,
    Program,
    derivative as differences,
    exact,
    gradient,
    mp,
    room_of_partial,
    room_of_value,
    run,
    same_bits,
    ulp,
    ulp_error,
    ulps_apart,
)

TABLE = {
    name: op for name, op in OPS.items() if getattr(ops, name, None) is op
}  # without a doctest's
ARITY = {name: len(op.operands) for name, op in TABLE.items()}
UNARY, BINARY = ([name for name, n in ARITY.items() if n == k] for k in (1, 2))
SMOOTH_LIMIT = 1e15  # sin and cos are tested up to here: beyond, floats are sparser than the waves

every_op = pytest.mark.parametrize("name", TABLE)
many = settings(deadline=None, derandomize=True, database=None, max_examples=400)


def log_uniform() -> st.SearchStrategy[float]:
    """Any sign, any exponent, as likely as any other."""
    signed = st.builds(
        math.copysign,
        st.floats(1, 2, exclude_max=True),
        st.sampled_from([1.0, -1.0]),
    )
    return st.builds(math.ldexp, signed, st.integers(-1074, 1023))


RANGES = [st.floats(-3, 3), st.floats(-50, 50), st.floats(-800, 800), st.floats()]
NUMBERS = st.one_of(st.sampled_from(EDGES), log_uniform(), *RANGES)
FINITE = NUMBERS.filter(math.isfinite)


def edge_points(name: str) -> Iterator[tuple[float, ...]]:
    """Every edge, every pair of edges, and every pair with a third operand of 0 or -3."""
    return product(*[EDGES, EDGES, (0.0, -3.0)][: ARITY[name]])


def number(x: Value | float) -> float:
    return x.data if isinstance(x, Value) else x


def same(x: float, y: float) -> bool:
    return x == y or (x != x and y != y)


def function(expression: str, names: str = "x") -> Callable[..., Any]:
    """The expression as a function of these one-letter names; its words are ops."""
    return eval(f"lambda {', '.join(names)}: {expression}", vars(ops))  # noqa: S307  our own text


def value_and_gradient(
    f: Callable[..., Any], *xs: float
) -> tuple[float, list[float]]:
    leaves = [Value(x) for x in xs]
    y = f(*leaves)
    y.backward()
    return y.data, [x.grad for x in leaves]


def derivative(f: Callable[..., Any], x: float, order: int) -> float:
    """The derivative of that order, by grad of grad of grad."""
    leaf = Value(x)
    y = f(leaf)
    for _ in range(order):
        y = grad(y, leaf)
    return y.data


# --------------------------------------------------------------------------------------- the table and mpmath
def test_every_op_has_an_oracle() -> None:
    assert set(ORACLES) == set(TABLE)
    assert {name: len(oracle.partials) for name, oracle in ORACLES.items()} == ARITY
    assert len(EDGES) == 76
    assert TINY / 1 != 0  # nobody has switched subnormals off


def check_against_mpmath(name: str, operands: tuple[float, ...]) -> int:
    """Checks the value, and the partials from plain floats and from backward; how many had an oracle."""
    op, oracle = TABLE[name], ORACLES[name]
    if name in ("sin", "cos", "tan") and abs(operands[0]) > SMOOTH_LIMIT:
        return 0
    z = op.evaluate(*operands)
    wanted = exact(oracle.value, operands)
    if wanted is not None:
        allowed = oracle.value_ulps + room_of_value(
            name, [*map(mp.mpf, operands)]
        ) / ulp(wanted)
        assert ulp_error(z, wanted) <= allowed, (name, operands, z, wanted)
    compared = int(wanted is not None)
    local = op.form(*[True] * len(operands)).local(z, *operands)
    _, grads = value_and_gradient(op, *operands)
    for i, partial in enumerate(oracle.partials):
        wanted = exact(partial, operands)
        if wanted is None or parity_is_lost(name, i, operands):
            continue
        allowed = oracle.partial_ulps + room(name, i, operands) / ulp(wanted)
        for got in (local[i], grads[i]):
            assert allowed == mp.inf or ulp_error(got, wanted) <= allowed, (
                name,
                i,
                operands,
                got,
                wanted,
            )
        compared += 1
    return compared


def room(name: str, i: int, operands: tuple[float, ...]) -> Exact:
    finite = all(map(math.isfinite, operands))
    return (
        room_of_partial(name, i, [*map(mp.mpf, operands)]) if finite else mp.mpf(0)
    )


def parity_is_lost(name: str, i: int, operands: tuple[float, ...]) -> bool:
    """Whether y - 1 rounds to y: then x^(y-1) has the wrong sign at x < 0, a known fault of power."""
    return (
        (name, i) == ("power", 0) and operands[0] < 0 and abs(operands[1]) > 2.0**53
    )


@every_op
def test_value_and_partials_against_mpmath(name: str) -> None:
    """Anywhere; tests/test_edges.py does the same at all pairs of edges."""
    compared = 0

    @settings(many, max_examples=80 if ORACLES[name].by_differences else 400)
    @given(st.tuples(*[NUMBERS] * ARITY[name]))
    def anywhere(operands: tuple[float, ...]) -> None:
        nonlocal compared
        compared += check_against_mpmath(name, operands)

    anywhere()
    assert compared >= 40


@every_op
def test_oracle_against_numerical_differentiation(name: str) -> None:
    if name == "stop_gradient":
        return  # its slope is chosen
    oracle, point = (
        ORACLES[name],
        [mp.mpf(x) for x in (0.375, 1.25, -0.75)][: ARITY[name]],
    )
    for i, partial in enumerate(oracle.partials):
        order = tuple(int(i == j) for j in range(len(point)))
        measured = mp.diff(oracle.value, tuple(point), order)
        assert abs(measured - partial(*point)) < 1e-20


def test_dual_numbers_against_numerical_differentiation() -> None:
    first: Program = [("mul", 0, 1), ("exp", 2), ("add", 3, 1.0)]
    program: Program = [*first, ("div", 0, 4), ("power", 3, 5), ("sub", 6, 2)]

    def last(x: Exact, y: Exact) -> Exact:
        return run(program, [x, y], [0.0, 0.0])[-1].value

    by_x, by_y = gradient(program, [0.75, -1.5])
    assert abs(by_x - mp.diff(last, (0.75, -1.5), (1, 0))) < 1e-20
    assert abs(by_y - mp.diff(last, (0.75, -1.5), (0, 1))) < 1e-20


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("x", [0.75, 3.0, 40.0])
def test_one_node_may_be_both_operands(name: str, x: float) -> None:
    z, (slope,) = value_and_gradient(lambda v: TABLE[name](v, v), x)
    program: Program = [(name, 0, 0)]
    assert ulp_error(z, run(program, [x], [0.0])[-1].value) <= 1
    (wanted,) = gradient(program, [x])
    assert abs(slope - wanted) <= 1e-15 * max(1.0, abs(wanted))


# -------------------------------------------------------------------------------------------------- the edges
class Case(NamedTuple):
    """An expression of x and y at a point; where a second derivative is given, any of its numbers will do."""

    expression: str
    point: tuple[float, ...]
    value: float
    gradient: tuple[float, ...]
    second: tuple[float, ...] = ()
    precision: float = 1e-15

    def function(self) -> Callable[..., Any]:
        return function(self.expression, "xy"[: len(self.point)])

    def agrees(self, got: float, wanted: float) -> bool:
        """To the last digit or two; zeros, infinities and nan exactly."""
        return same(got, wanted) or math.isclose(
            got, wanted, rel_tol=self.precision
        )

    def __str__(self) -> str:
        return f"{self.expression} at {', '.join(map(repr, self.point))}"


LOUD = (
    0.0,
    NAN,
)  # 0 by the saturation rule, which gradients recorded as graphs do not apply: nan
SIGMOID, SIGMOID_BY_NEG = "1 / (1 + exp(x * -1))", "1 / (1 + exp(-x))"
LN2 = math.log(2)
EXP_40, EXP_360, EXP_400 = (
    4.248354255291589e-18,
    4.508027065606742e-157,
    1.9151695967140057e-174,
)
# fmt: off
EDGE_CASES = [
    # kinks
    Case("relu(x)", (0.0,), 0.0, (0.0,), (0.0,)),
    Case("relu(x)", (-0.0,), 0.0, (0.0,), (0.0,)),
    Case("relu(x)", (NAN,), NAN, (NAN,)),
    Case("relu(x)", (INF,), INF, (1.0,), (0.0,)),
    Case("relu(x)", (-INF,), 0.0, (0.0,), (0.0,)),
    Case("maximum(x, 0)", (0.0,), 0.0, (0.5,)),  # not relu
    Case("abs(x)", (0.0,), 0.0, (0.0,), (0.0,)),
    Case("abs(x)", (-0.0,), 0.0, (0.0,), (0.0,)),
    Case("abs(x)", (NAN,), NAN, (NAN,)),
    Case("sign(x)", (0.0,), 0.0, (0.0,), (0.0,)),
    Case("step(x)", (0.0,), 0.0, (0.0,), (0.0,)),
    # ties and nan
    Case("maximum(x, y)", (2.0, 2.0), 2.0, (0.5, 0.5)),
    Case("minimum(x, y)", (2.0, 2.0), 2.0, (0.5, 0.5)),
    Case("maximum(x, y)", (0.0, -0.0), 0.0, (0.5, 0.5)),
    Case("maximum(x, y)", (-0.0, 0.0), 0.0, (0.5, 0.5)),
    Case("minimum(x, y)", (0.0, -0.0), -0.0, (0.5, 0.5)),
    Case("minimum(x, y)", (-0.0, 0.0), -0.0, (0.5, 0.5)),
    Case("maximum(x, x)", (2.0,), 2.0, (1.0,), (0.0,)),
    Case("maximum(x, y)", (NAN, 1.0), NAN, (NAN, NAN)),
    Case("maximum(x, y)", (1.0, NAN), NAN, (NAN, NAN)),
    Case("minimum(x, y)", (NAN, 1.0), NAN, (NAN, NAN)),
    Case("minimum(x, y)", (1.0, NAN), NAN, (NAN, NAN)),
    Case("maximum(x, y)", (INF, INF), INF, (NAN, NAN)),  # documented: inf - inf
    # sqrt
    Case("sqrt(x)", (0.0,), 0.0, (INF,), (-INF,)),
    Case("sqrt(x)", (-0.0,), -0.0, (INF,)),
    Case("sqrt(x)", (-1.0,), NAN, (NAN,)),
    Case("sqrt(x)", (INF,), INF, (0.0,)),
    Case("sqrt(x * x)", (0.0,), 0.0, (NAN,)),
    Case("sqrt(x) ** 2", (0.0,), 0.0, (NAN,)),
    Case("sqrt(x) * sqrt(x)", (0.0,), 0.0, (NAN,)),
    # logarithms
    Case("log(x)", (0.0,), -INF, (INF,)),
    Case("log(x)", (-0.0,), -INF, (-INF,)),
    Case("log(x)", (-1.0,), NAN, (NAN,)),
    Case("log(x)", (INF,), INF, (0.0,)),
    Case("log1p(x)", (-1.0,), -INF, (INF,)),
    Case("log1p(x)", (-2.0,), NAN, (NAN,)),
    Case("x * log(x)", (0.0,), NAN, (NAN,)),
    Case("0 * log(x)", (0.0,), NAN, (NAN,)),
    Case("relu(log(x))", (0.0,), 0.0, (NAN,)),
    # powers of two Values
    Case("x ** y", (0.0, 0.0), 1.0, (0.0, 0.0)),
    Case("x ** y", (0.0, 0.5), 0.0, (INF, 0.0)),
    Case("x ** y", (0.0, 1.0), 0.0, (1.0, 0.0)),
    Case("x ** y", (0.0, 2.0), 0.0, (0.0, 0.0)),
    Case("x ** y", (0.0, -1.0), INF, (-INF, -INF)),
    Case("x ** y", (0.0, -2.0), INF, (-INF, -INF)),
    Case("x ** y", (-0.0, -1.0), -INF, (-INF, INF)),  # documented: as torch
    Case("x ** y", (-8.0, 1 / 3), NAN, (NAN, NAN)),
    Case("x ** y", (-2.0, 3.0), -8.0, (12.0, NAN)),
    Case("x ** y", (-2.0, 2.0), 4.0, (-4.0, NAN)),
    Case("x ** y", (-2.0, 0.0), 1.0, (0.0, NAN)),
    Case("x ** y", (2.0, 3.0), 8.0, (12.0, 8 * LN2)),
    Case("x ** y", (1.0, NAN), 1.0, (NAN, 0.0)),
    Case("x ** y", (NAN, 0.0), 1.0, (0.0, NAN)),
    Case("x ** y", (1.0, INF), 1.0, (INF, 0.0)),
    Case("x ** y", (INF, 0.0), 1.0, (0.0, INF)),
    Case("x ** x", (0.0,), 1.0, (0.0,)),  # the truth is -inf; 0 by the rule for 0**0
    # powers with a constant
    Case("x ** 0", (0.0,), 1.0, (0.0,), (0.0,)),
    Case("x ** 0.0", (0.0,), 1.0, (0.0,), (0.0,)),
    Case("x ** 1", (0.0,), 0.0, (1.0,), (0.0,)),
    Case("x ** 1.0", (0.0,), 0.0, (1.0,), (0.0,)),
    Case("x ** 2", (0.0,), 0.0, (0.0,), (2.0,)),
    Case("x ** 2.0", (0.0,), 0.0, (0.0,), (2.0,)),
    Case("x ** 3.0", (0.0,), 0.0, (0.0,), (0.0,)),
    Case("x ** 0.5", (0.0,), 0.0, (INF,), (-INF,)),
    Case("x ** 1.5", (0.0,), 0.0, (0.0,), (INF,)),
    Case("x ** -1", (0.0,), INF, (-INF,), (INF,)),
    Case("x ** -1.0", (0.0,), INF, (-INF,), (INF,)),
    Case("x ** 0.5", (-1.0,), NAN, (NAN,)),
    Case("x ** 3", (-2.0,), -8.0, (12.0,), (-12.0,)),
    Case("x ** 3.0", (-2.0,), -8.0, (12.0,), (-12.0,)),
    Case("2 ** x", (3.0,), 8.0, (8 * LN2,), (8 * LN2 * LN2,)),
    Case("0 ** x", (0.0,), 1.0, (0.0,), (0.0,)),
    Case("0 ** x", (1.0,), 0.0, (0.0,), (0.0,)),
    Case("(-2) ** x", (3.0,), -8.0, (NAN,)),
    # quotients
    Case("1 / x", (0.0,), INF, (-INF,), (INF,)),
    Case("1 / x", (-0.0,), -INF, (-INF,), (-INF,)),
    Case("1 / x", (INF,), 0.0, (0.0,), (0.0,)),
    Case("1 / x", (1e-320,), INF, (-INF,)),
    Case("1 / x", (1e-200,), 1e200, (-INF,)),
    Case("1 / x", (1e200,), 1e-200, (0.0,)),
    Case("x / y", (0.0, 0.0), NAN, (INF, NAN)),
    Case("x / y", (1.0, 0.0), INF, (INF, -INF)),
    Case("x / y", (1e200, 1e-200), INF, (1e200, -INF)),
    Case("x / y", (1e-200, 1e200), 0.0, (1e-200, 0.0)),
    Case("x / y", (1e-180, 1e-180), 1.0, (1e180, -1e180)),
    Case("x / y", (1e180, 1e180), 1.0, (1e-180, -1e-180)),
    Case("x / x", (0.0,), NAN, (NAN,)),
    Case("x / x", (3.0,), 1.0, (0.0,), (0.0,)),
    Case("x / x", (INF,), NAN, (NAN,)),
    # sums and products
    Case("x - x", (INF,), NAN, (0.0,)),
    Case("x - y", (INF, INF), NAN, (1.0, -1.0)),
    Case("x * 0", (INF,), NAN, (0.0,)),
    Case("x * 0", (NAN,), NAN, (0.0,)),
    Case("x * y", (NAN, 0.0), NAN, (0.0, NAN)),
    # exponentials and waves
    Case("exp(x)", (1000.0,), INF, (INF,)),
    Case("exp(x)", (-1000.0,), 0.0, (0.0,)),
    Case("exp(x)", (-745.0,), TINY, (TINY,)),
    Case("exp(x)", (INF,), INF, (INF,)),
    Case("exp(x)", (-INF,), 0.0, (0.0,)),
    Case("sin(x)", (INF,), NAN, (NAN,)),
    Case("cos(x)", (INF,), NAN, (NAN,)),
    # tanh
    Case("tanh(x)", (1000.0,), 1.0, (0.0,), (0.0,)),
    Case("tanh(x)", (-1000.0,), -1.0, (0.0,), (0.0,)),
    Case("tanh(x)", (20.0,), 1.0, (1.6993417021166355e-17,)),
    Case("(exp(2 * x) - 1) / (exp(2 * x) + 1)", (1000.0,), NAN, (NAN,)),
    # sigmoid, one op
    Case("sigmoid(x)", (-1000.0,), 0.0, (0.0,), (0.0,)),
    Case("sigmoid(x)", (-400.0,), EXP_400, (EXP_400,), (EXP_400,)),
    Case("sigmoid(x)", (-40.0,), EXP_40, (EXP_40,), (EXP_40,)),
    Case("sigmoid(x)", (40.0,), 1.0, (EXP_40,)),
    Case("sigmoid(x)", (1000.0,), 1.0, (0.0,), (0.0,)),
    # sigmoid, four ops
    *(Case(s, (x,), 0.0, (0.0,), LOUD) for s in (SIGMOID, SIGMOID_BY_NEG) for x in (-1000.0, -710.0, -INF)),
    Case("(1 + exp(-x)) ** -1", (-1000.0,), 0.0, (0.0,), LOUD),
    Case(SIGMOID, (-709.0,), 1.216780750623423e-308, (0.0,)),
    Case(SIGMOID, (-400.0,), EXP_400, (0.0,)),
    Case(SIGMOID, (-373.0,), 1.0189626143857429e-162, (0.0,)),
    Case(SIGMOID, (-360.0,), EXP_360, (EXP_360,), (EXP_360,), precision=1e-11),  # r·r is subnormal
    Case(SIGMOID, (-300.0,), 5.148200222412013e-131, (5.148200222412013e-131,), (5.148200222412013e-131,)),
    Case(SIGMOID, (-40.0,), EXP_40, (EXP_40,), (EXP_40,)),
    Case(SIGMOID, (0.0,), 0.5, (0.25,), (0.0,)),
    Case(SIGMOID, (40.0,), 1.0, (EXP_40,), (-EXP_40,)),
    Case(SIGMOID, (1000.0,), 1.0, (0.0,), (0.0,)),
    Case(SIGMOID, (INF,), 1.0, (0.0,), (0.0,)),
    Case(f"x * ({SIGMOID})", (-1000.0,), -0.0, (0.0,), LOUD),
    Case("x * sigmoid(x)", (-1000.0,), -0.0, (0.0,), (0.0,)),
    Case("log(sigmoid(x))", (-1000.0,), -INF, (NAN,)),
    Case(f"log({SIGMOID})", (-1000.0,), -INF, (NAN,)),
    Case(f"log({SIGMOID})", (-700.0,), -700.0, (0.0,)),  # the truth is 1; IEEE's r·r underflows
    Case(f"log({SIGMOID})", (-400.0,), -400.0, (0.0,)),
    # softplus
    Case("softplus(x)", (1000.0,), 1000.0, (1.0,), (0.0,)),
    Case("softplus(x)", (-1000.0,), 0.0, (0.0,), (0.0,)),
    Case("softplus(x)", (20.0,), 20.000000002061153, (0.9999999979388464,), (2.061153613941849e-09,)),
    Case("softplus(x)", (21.0,), 21.000000000758256, (0.999999999241744,), (7.582560416412863e-10,)),
    Case("-softplus(-x)", (-1000.0,), -1000.0, (1.0,), (0.0,)),
    Case("log1p(exp(x))", (1000.0,), INF, (NAN,)),
    Case("log1p(exp(x))", (-1000.0,), 0.0, (0.0,), (0.0,)),
    Case("log1p(exp(x))", (-40.0,), EXP_40, (EXP_40,), (EXP_40,)),
    Case("log(1 + exp(x))", (-40.0,), 0.0, (EXP_40,), (EXP_40,)),
    Case("log(exp(x) + exp(y))", (1000.0, 1000.0), INF, (NAN, NAN)),
    # what is not chosen
    Case("where(step(x), log(x), 0)", (0.0,), 0.0, (0.0,)),
    Case("where(step(x), sqrt(x), 0)", (0.0,), 0.0, (0.0,)),
    Case("where(step(-x), exp(x), 1)", (1000.0,), 1.0, (0.0,)),
    # an overflow that something flattens
    Case("exp(x) * exp(-x)", (800.0,), NAN, (NAN,)),
    Case("exp(-exp(x))", (1000.0,), 0.0, (0.0,), LOUD),
    Case("relu(-exp(x))", (1000.0,), 0.0, (0.0,), LOUD),
    Case("tanh(exp(x))", (1000.0,), 1.0, (0.0,), LOUD),
]
# fmt: on


def test_number_of_edge_cases() -> None:
    assert len(EDGE_CASES) == len(set(map(str, EDGE_CASES))) >= 150


@pytest.mark.parametrize("case", EDGE_CASES, ids=str)
def test_edge_case(case: Case) -> None:
    value, slopes = value_and_gradient(case.function(), *case.point)
    assert case.agrees(value, case.value)
    assert value != 0 or same_bits(value, case.value)  # the sign of zero
    assert all(map(case.agrees, slopes, case.gradient)), slopes
    assert len(slopes) == len(case.gradient)
    if case.second:
        second = derivative(case.function(), case.point[0], 2)
        assert any(case.agrees(second, wanted) for wanted in case.second), second


def test_a_square_has_no_higher_derivatives_at_zero() -> None:
    assert [derivative(lambda x: x**2.0, 0.0, order) for order in (1, 2, 3, 4)] == [
        0,
        2,
        0,
        0,
    ]


# ---------------------------------------------------------------------------------------- the saturation rule
SIGMOID_PROGRAM: Program = [
    ("mul", 0, -1.0),
    ("exp", 1),
    ("add", 2, 1.0),
    ("reciprocal", 3),
]


def ledger_sums(y: Value) -> dict[Value, float]:
    """What the ledger's contributions add up to, in its order."""
    sums: dict[Value, float] = {}
    for step in ledger(y):
        sums[step.operand] = sums.get(step.operand, 0.0) + step.contribution
    return sums


def assert_ledger_is_grad(y: Value) -> None:
    """To be called after one fresh backward pass."""
    sums = ledger_sums(y)
    assert len(sums) == len(toposort(y)) - 1
    assert all(same_bits(total, v.grad) for v, total in sums.items())


@pytest.mark.parametrize("expression", [SIGMOID, SIGMOID_BY_NEG])
def test_gradient_of_the_composed_sigmoid(expression: str) -> None:
    sigmoid = function(expression)

    @many
    @given(
        st.one_of(
            FINITE,
            st.floats(-746, -300),
            st.floats(allow_nan=False, allow_infinity=False),
        )
    )
    @example(-709.782712893384)
    @example(-709.7827128933841)
    @example(-LARGEST)
    @example(LARGEST)
    def on_the_whole_line(at: float) -> None:
        x = Value(at)
        y = sigmoid(x)
        y.backward()
        assert {v.op.name for v in toposort(y) if v.op} <= {
            "mul",
            "neg",
            "exp",
            "add",
            "reciprocal",
        }
        (wanted,) = gradient(SIGMOID_PROGRAM, [at])
        error = abs(x.grad - wanted)
        assert error <= (1e-12 * wanted + TINY if at >= -300 else 1e-130), (
            at,
            x.grad,
        )
        assert_ledger_is_grad(y)

    on_the_whole_line()


LOUD_CASES = [
    ("log(1 + exp(x))", 1000.0),  # truly 1
    ("log1p(exp(x))", 1000.0),  # truly 1
    ("log(exp(x))", 1000.0),  # truly 1
    ("sqrt(exp(x))", 2000.0),  # truly inf
    ("sqrt(x) ** 2", 0.0),  # truly 1
    ("sqrt(x) * sqrt(x)", 0.0),  # truly 1
    ("sqrt(x * x)", 0.0),  # no derivative
    ("1 / (1 / x)", 0.0),  # truly 1
    ("1 / (1 + 1 / x)", 0.0),  # truly 1: the pole goes on through the sum
    ("1 / (1 + exp(1 / x))", 0.0),  # a jump
    ("exp(log(x))", 0.0),  # truly 1
    ("exp(-1 / x)", 0.0),  # 0 from the right only
    ("relu(log(x))", 0.0),  # 0 from the right only
    ("tanh(1 / x)", 0.0),  # no derivative
    ("log(sigmoid(x))", -1000.0),  # truly 1
]


@pytest.mark.parametrize(("expression", "x"), LOUD_CASES)
def test_a_zero_that_is_not_a_true_one_stays_loud(
    expression: str, x: float
) -> None:
    leaf = Value(x)
    y = function(expression)(leaf)
    y.backward()
    assert math.isnan(leaf.grad)
    assert_ledger_is_grad(y)


@pytest.mark.parametrize("case", EDGE_CASES, ids=str)
def test_ledger_adds_up_to_grad_at_the_edges(case: Case) -> None:
    y = case.function()(*map(Value, case.point))
    y.backward()
    assert_ledger_is_grad(y)


# ------------------------------------------------------------------------------------ numbers in, numbers out
LINEAR = {  # the slope does not depend on x, as that of x * 0 in the table of edges
    name: op.form(True).partials[0]
    for name, op in TABLE.items()
    if name in UNARY and not op.domain
}


@pytest.mark.parametrize("name", UNARY)
def test_nan_in_nan_out(name: str) -> None:
    value, (slope,) = value_and_gradient(TABLE[name], NAN)
    assert math.isnan(value)
    constant = LINEAR.get(name)
    assert same(slope, constant if isinstance(constant, float) else NAN)
    assert math.isnan(TABLE[name].evaluate(NAN))


@pytest.mark.parametrize("name", UNARY)
def test_without_a_value_there_is_no_derivative(name: str) -> None:
    for x in EDGES:
        value, (slope,) = value_and_gradient(TABLE[name], x)
        assert not math.isnan(value) or math.isnan(x) or math.isnan(slope), x


@every_op
def test_plain_floats_and_values_agree_bit_for_bit(name: str) -> None:
    op = TABLE[name]
    for operands in edge_points(name):
        plain, value = op(*operands), op(*map(Value, operands))
        assert type(plain) is float
        assert type(value) is Value
        assert type(value.data) is float
        assert same_bits(plain, value.data), operands


@pytest.mark.parametrize(
    "x", [3, 3.0, np.float64(3), np.float32(3), np.int64(3), np.uint8(3)], ids=repr
)
def test_data_is_a_python_float(x: Any) -> None:
    v = Value(2)
    results = [
        Value(x),
        v + x,
        x - v,
        v * x,
        x / v,
        v**x,
        x**v,
        ops.maximum(v, x),
        ops.where(v, x, 1),
    ]
    assert [type(y.data) for y in results] == [float] * len(results)
    assert [y.data for y in results] == [3, 5, 1, 6, 1.5, 8, 9, 3, 3]


@pytest.mark.parametrize("name", [name for name, n in ARITY.items() if n > 1])
def test_a_constant_on_either_side(name: str) -> None:
    for operands in [*edge_points(name)][::7]:
        value, grads = value_and_gradient(TABLE[name], *operands)
        for pattern in list(product((True, False), repeat=len(operands)))[1:-1]:
            mixed = [
                Value(x) if inner else x
                for x, inner in zip(operands, pattern, strict=True)
            ]
            z = TABLE[name](*mixed)
            if isinstance(z, Value):  # where may choose a constant
                z.backward()
            assert same_bits(number(z), value), (operands, pattern)
            slopes = [
                (x.grad, slope)
                for x, slope in zip(mixed, grads, strict=True)
                if isinstance(x, Value)
            ]
            assert all(same_bits(*pair) for pair in slopes), (operands, pattern)


@pytest.mark.parametrize(
    ("base", "exponent"),
    [(-1.0579980559332347, 3.0), (-0.9999999999999999, 1e-154)],
)
def test_a_constant_exponent_changes_no_digit(base: float, exponent: float) -> None:
    """log raises, so that NumPy takes over, whose pow has another last digit; the second power is nan."""
    variable, constant = Value(base), Value(base)
    (variable ** Value(exponent)).backward()
    (constant**exponent).backward()
    assert same_bits(variable.grad, constant.grad)
    assert math.isnan(variable.grad) == (exponent < 1)


OPERATORS = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "power": operator.pow,
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_take_a_number_on_either_side(name: str) -> None:
    sign_of = OPERATORS[name]
    for x, y in [*edge_points(name)][::11]:
        value, _ = value_and_gradient(TABLE[name], x, y)
        left, right = sign_of(Value(x), y), sign_of(x, Value(y))
        assert same_bits(left.data, value), (x, y)
        assert same_bits(right.data, value), (x, y)
        assert left.op is TABLE[name]
        assert right.op is TABLE["reciprocal" if name == "div" and x == 1 else name]


@pytest.fixture
def register() -> Callable[..., Op]:
    """Op, whose ops are gone after the test, as after every one."""
    return Op


def never(z: Value, x: Value, y: Value) -> float:
    raise AssertionError("a partial towards a constant was asked for")


def test_no_partial_towards_a_constant_is_evaluated(
    register: Callable[..., Op],
) -> None:
    times = register("times", "×", "x * y", (lambda z, x, y: y, never))
    x = Value(3.0)
    y = times(x, 2.0)
    y.backward()
    assert (x.grad, [step.local for step in ledger(y)]) == (2.0, [2.0])
    assert (grad(y, x).data, jvp(y, {x: 1.0}).data) == (2.0, 2.0)
    with pytest.raises(AssertionError, match="towards a constant"):
        times(x, Value(2.0)).backward()


# ----------------------------------------------------------------------------------------------- table sanity
MODERATE = [0.25, 0.5, 0.8, 1.0, 1.7, 3.0, 5.0]


@every_op
def test_book_partials_equal_the_accurate_ones(name: str) -> None:
    op = TABLE[name]
    assert len(op.book) == len(op.partials)
    signs = (1.0,) if op.domain else (1.0, -1.0)
    points = [s * x for s in signs for x in MODERATE]
    for operands in product(points, repeat=ARITY[name]):
        leaves = [Value(x) for x in operands]
        z = op(*leaves)
        for printed, accurate in zip(op.book, op.partials, strict=True):
            a, b = number(printed(z, *leaves)), number(accurate(z, *leaves))
            assert a == pytest.approx(b, rel=1e-9, nan_ok=True), operands


@every_op
def test_table_line_is_sane(name: str) -> None:
    op = TABLE[name]
    assert op.name == name
    assert name.isidentifier()
    assert op.symbol
    assert op.symbol.isprintable()
    assert op.operands == ("x", "y", "w")[: len(op.partials)]
    assert all(
        type(op.defined(*operands)) is bool for operands in edge_points(name)
    )


@every_op
def test_domain_is_where_there_is_a_finite_value(name: str) -> None:
    op, inside = TABLE[name], 0
    for operands in edge_points(name):
        if all(map(math.isfinite, operands)):
            finite = exact(ORACLES[name].value, operands) is not None
            assert op.defined(*operands) == finite, operands
            assert finite or not math.isfinite(op.evaluate(*operands)), operands
            inside += finite
    assert inside >= 10


# --------------------------------------------------------------------------------- an op is added by one line
def names_of_the_engine() -> dict[str, set[str]]:
    """What every loaded module of the engine and its two classes define."""
    modules = {
        name: module
        for name, module in sys.modules.items()
        if name.split(".")[0] == "autograd"
    }
    spaces: dict[str, object] = {**modules, "Value": Value, "Op": Op}
    return {
        name: {key for key, x in vars(space).items() if not ismodule(x)}
        - {"__slotnames__"}  # copyreg's cache
        for name, space in spaces.items()
    }


def test_one_line_adds_an_op(register: Callable[..., Op]) -> None:
    before, names = names_of_the_engine(), set(OPS)
    atan = register(
        "atan_", "atan", "atan(x)", (lambda z, x: reciprocal(1 + x * x),)
    )
    assert set(OPS) - names == {"atan_"}
    for at in (0.7, -3.0, 1e3):
        check_numbers(atan, at)
    check_texts(atan)
    check_pickle(atan)
    after = names_of_the_engine()
    assert {name: after[name] for name in before} == before


def check_numbers(atan: Op, at: float) -> None:
    x = Value(at, name="x")
    y = atan(x)
    wanted = [float(mp.diff(mp.atan, at, order)) for order in (1, 2, 3)]
    assert ulp_error(y.data, mp.atan(at)) <= 1
    assert same_bits(atan(at), y.data)
    y.backward()
    assert ulp_error(x.grad, 1 / (1 + mp.mpf(at) ** 2)) <= 3
    assert [derivative(atan, at, order) for order in (1, 2, 3)] == pytest.approx(
        wanted, rel=1e-12
    )
    assert jvp(y, {x: 2.0}).data == 2 * x.grad
    assert hvp(y, [x], [3.0])[0].data == pytest.approx(3 * wanted[1], rel=1e-12)
    assert [tuple(step) for step in ledger(y)] == [(y, x, 0, x.grad, 1.0, x.grad)]
    assert_ledger_is_grad(y)
    assert math.isnan(value_and_gradient(atan, NAN)[1][0])
    assert value_and_gradient(atan, INF) == (math.pi / 2, [0.0])


def check_texts(atan: Op) -> None:
    x = Value(0.7, name="x")
    y = atan(x)
    assert autograd.formula(y) == "y = atan(x)"
    assert autograd.formula(grad(y, x)) == "y = 1/(1+x²)"
    assert r"\operatorname{atan}(x)" in autograd.latex(y)
    assert "<mi>atan</mi>" in autograd.mathml(y)
    (edge,) = autograd.labels(y).edges.values()
    assert edge == ("x", "∂L/∂y·1/(1+x²)")
    picture = autograd.draw(y, style="textbook", labels="formula").source
    assert "label=atan" in picture
    assert edge[1] in picture


def check_pickle(atan: Op) -> None:
    x = Value(0.7, name="x")
    y = atan(x * x)
    y.backward()
    text = pickle.dumps((x, y))
    twin, again = pickle.loads(text)
    assert again.op is atan
    assert (again.data, twin.grad, twin.name) == (y.data, x.grad, "x")
    again.backward()
    assert twin.grad == 2 * x.grad
    del OPS["atan_"]
    with pytest.raises(ValueError, match="'atan_'"):
        pickle.loads(text)
    OPS["atan_"] = atan


# ---------------------------------------------------------------------------------------------------- bad ops
BAD_OPS = {
    "taken": (("exp", "exp", "exp2(x)", (lambda z, x: z,)), r"del OPS\['exp'\]"),
    "taken by another symbol": (
        ("exp", "e", "exp(x)", (lambda z, x: z,)),
        r"del OPS\['exp'\]",
    ),
    "taken with another partial": (
        ("exp", "exp", "exp(x)", (lambda z, x: 2 * z,)),
        r"del OPS\['exp'\]",
    ),
    "a partial without y": (
        ("short", "+", "x + y", (lambda z, x: 1.0,) * 2),
        "every partial takes z and all",
    ),
    "no operands": (("nothing", "0", "0.0", ()), "1 to 3"),
    "four operands": (
        ("four", "+", "x + y", (lambda z, *operands: 1.0,) * 4),
        "1 to 3",
    ),
    "two words": (
        ("two words", "+", "x + y", (lambda z, x, y: 1.0,) * 2),
        "identifier",
    ),
    "a digit first": (("2x", "2", "2 * x", (lambda z, x: 2.0,)), "identifier"),
    "no name": (("", "id", "x", (lambda z, x: 1.0,)), "identifier"),
    "a keyword for a name": (
        ("lambda", "λ", "x", (lambda z, x: 1.0,)),
        "identifier",
    ),
    "no symbol": (("empty", "", "x", (lambda z, x: 1.0,)), "texts for symbol"),
    "a formula that does not parse": (
        ("torn", "torn", "exp(x", (lambda z, x: z,)),
        r"'exp\(x' .*does not parse",
    ),
    "words that nobody knows": (
        ("odd", "odd", "foo(x) + bar(x)", (lambda z, x: z,)),
        "its formula has bar, foo, no operand",
    ),
    "an operand that it has not": (
        ("odd", "odd", "x + y", (lambda z, x: 1.0,)),
        "its formula has y, no",
    ),
}


@pytest.mark.parametrize(("line", "advice"), BAD_OPS.values(), ids=BAD_OPS.keys())
def test_a_bad_op_is_refused(
    register: Callable[..., Op], line: tuple[Any, ...], advice: str
) -> None:
    before = dict(OPS)
    with pytest.raises(ValueError, match=advice):
        register(*line)
    assert before == OPS


def test_the_same_op_again_is_accepted(register: Callable[..., Op]) -> None:
    line = ("cube", "cube", "x * x * x", (lambda z, x: 3 * x * x,))
    first, again = (
        register(*line),
        register(*line),
    )  # as in a notebook cell that is run twice
    assert first is not again
    assert OPS["cube"] is again


def test_distance_between_floats() -> None:
    neighbours = [
        (0.0, TINY),
        (-TINY, 0.0),
        (1.0, math.nextafter(1, 2)),
        (LARGEST, INF),
        (-INF, -LARGEST),
    ]
    assert [ulps_apart(x, y) for x, y in neighbours] == [1] * 5
    assert (
        ulps_apart(-TINY, TINY),
        ulps_apart(0.0, -0.0),
        ulps_apart(NAN, NAN),
    ) == (2, 0, 0)
    assert (ulps_apart(NAN, 1.0), ulp_error(NAN, mp.mpf(1))) == (INF, INF)
    assert ulp_error(INF, mp.mpf(2) ** 1024 - mp.mpf(2) ** 970) == 0.5
    assert ulp_error(0.0, mp.mpf(2) ** -1075) == 0.5
    assert ulp_error(1.0, 1 + mp.mpf(2) ** -54) == 0.25


@every_op
def test_book_partials_have_no_slip_in_the_last_digits(name: str) -> None:
    """Near 1, where nothing cancels, what is printed is right to a few units in the last place."""
    op = TABLE[name]
    leaves = [Value(x) for x in (0.8, 0.25, 1.7)[: ARITY[name]]]
    z = op(*leaves)
    for printed, accurate in zip(op.book, op.partials, strict=True):
        a, b = number(printed(z, *leaves)), number(accurate(z, *leaves))
        assert a == pytest.approx(b, rel=1e-14, abs=0.0)


def test_an_op_without_a_book_has_its_own_partials() -> None:
    assert TABLE["exp"].book is TABLE["exp"].partials
    assert TABLE["tanh"].book is not TABLE["tanh"].partials


def test_an_op_without_a_domain_is_defined_everywhere() -> None:
    assert TABLE["exp"].defined(NAN) is True
    assert (TABLE["log"].defined(1.0), TABLE["log"].defined(-1.0)) == (True, False)


def test_a_partial_may_be_any_callable(register: Callable[..., Op]) -> None:
    class Twice:
        def __call__(self, z: Value, x: Value) -> float:
            return 2.0

    twice = register("twice_", "twice", "2 * x", (Twice(),))
    assert value_and_gradient(twice, 3.0) == (6.0, [2.0])


def test_a_formula_may_name_a_constant(register: Callable[..., Op]) -> None:
    """Where Python raises too, when NumPy takes over."""
    share = register("share", "share", "pi / x", (lambda z, x: -z / x,))
    assert (share.evaluate(2.0), share.evaluate(0.0)) == (math.pi / 2, INF)


def test_a_nan_has_the_gradient_of_its_op_recorded_too() -> None:
    x = Value(NAN)
    assert [grad(x * 3, x).data, jvp(x * 3, {x: 2.0}).data] == [3.0, 6.0]
    assert math.isnan(grad(ops.log(x), x).data)


def test_the_words_of_formulas_at_zero_and_nan() -> None:
    heaviside, sign = WORDS["heaviside"], WORDS["sign"]
    assert [heaviside(x, 0.5) for x in (-2.0, -0.0, 0.0, 0.25, 2.0)] == [
        0.0,
        0.5,
        0.5,
        1.0,
        1.0,
    ]
    assert [sign(x) for x in (-0.5, 0.5)] == [-1.0, 1.0]
    assert same_bits(sign(-0.0), 0.0)
    assert math.isnan(heaviside(NAN, 0.5))
    for a, b in ((0.0, -0.0), (-0.0, 0.0)):
        assert same_bits(WORDS["maximum"](a, b), 0.0)
        assert same_bits(WORDS["minimum"](a, b), -0.0)
    assert math.isnan(sign(NAN))


def test_a_word_that_raises_and_that_numpy_has_not_gives_nan(
    register: Callable[..., Op],
) -> None:
    factorial = register("factorial_", "Γ", "gamma(x)", (lambda z, x: z,))
    assert factorial.evaluate(5.0) == 24.0
    assert math.isnan(factorial.evaluate(-1.0))


# ------------------------------------------------------------------------------- all ops, to the third order
@pytest.mark.parametrize("name", [x for x in UNARY if x != "stop_gradient"])
@pytest.mark.parametrize("at", [0.375, 0.875])
def test_derivatives_to_the_third_order_against_differences(
    name: str, at: float
) -> None:
    """By central differences of mpmath's values, which know no rule of differentiation."""
    got = [
        value_and_gradient(TABLE[name], at)[1][0],
        *[derivative(TABLE[name], at, n) for n in (1, 2, 3)],
    ]
    wanted = [
        float(differences(ORACLES[name].value, [n], mp.mpf(at)))
        for n in (1, 1, 2, 3)
    ]
    assert got == pytest.approx(wanted, rel=1e-13, abs=1e-14)


ORDERS = [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("at", [(0.375, 1.25), (2.5, 0.75)], ids=str)
def test_derivatives_to_the_second_order_against_differences(
    name: str, at: tuple[float, float]
) -> None:
    leaves = [Value(x) for x in at]
    by_x, by_y = grad(TABLE[name](*leaves), leaves)
    (xx, xy), (_, yy) = grad(by_x, leaves), grad(by_y, leaves)
    wanted = [
        float(differences(ORACLES[name].value, n, *map(mp.mpf, at))) for n in ORDERS
    ]
    assert [v.data for v in (by_x, by_y, xx, xy, yy)] == pytest.approx(
        wanted, rel=1e-13, abs=1e-14
    )


@pytest.mark.parametrize("y", [0.0, Value(0.0)], ids=["a number", "a Value"])
def test_the_distance_from_a_point_to_itself(y: Any) -> None:
    """12 reports of nan in other engines: here slope 0, as of abs at 0, and no curvature."""
    x = Value(0.0)
    z = ops.hypot(x, y)
    z.backward()
    slope = grad(z, x)
    assert [
        z.data,
        x.grad,
        slope.data,
        grad(slope, x).data,
        jvp(z, {x: 1.0}).data,
    ] == [0.0] * 5
    shifted = ops.hypot(x - 1, y) * 3 + ops.hypot(x, y)
    assert grad(shifted, x).data == -3.0


def test_the_book_prints_quotients_and_no_helper() -> None:
    x, y = Value(3.0, "x"), Value(4.0, "y")
    assert autograd.formula(grad(ops.hypot(x, y), x)) == "z = x/hypot(x, y)"
    assert autograd.formula(grad(ops.atan(x), x)) == "y = 1/(1+x²)"
    assert autograd.formula(grad(ops.tan(x), x)) == "y = 1 + tan(x)²"
    assert autograd.formula(grad(ops.logsigmoid(x), x)) == "y = sigmoid(-x)"


@pytest.mark.parametrize("at", [-40.0, -800.0, 40.0, 800.0])
def test_logsigmoid_and_the_tails_of_erfc_keep_their_digits(at: float) -> None:
    assert ops.logsigmoid.evaluate(at) == -OPS["softplus"].evaluate(-at)
    assert ulp_error(ops.erfc.evaluate(at / 40), mp.erfc(mp.mpf(at) / 40)) <= 2
    share = float(mp.ncdf(mp.mpf(at) / 40))
    assert ops.gelu.evaluate(at / 40) == pytest.approx(at / 40 * share, rel=1e-13)
