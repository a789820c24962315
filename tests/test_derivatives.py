"""Derivatives as graphs: grad, vjp, jvp, hvp, jacobian and hessian, to any order."""

from __future__ import annotations

import inspect
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import pytest

import autograd
from autograd import (
    OPS,
    Op,
    StaleGraphError,
    Value,
    compile,
    composite,
    exp,
    formula,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    ledger,
    log,
    log1p,
    maximum,
    no_grad,
    relu,
    sigmoid,
    sin,
    sqrt,
    step,
    tanh,
    toposort,
    vjp,
    where,
)
from autograd.value import NO_GRAD
from tests.oracle import ORACLES, mp as oracle, ulp
from tests.programs import grown
from tests.scripts import needs_docstrings

mp = mpmath.mp.clone()
mp.dps = 50
SEEDS = range(40)


def numbers(values: Iterable[Value]) -> list[float]:
    return [v.data for v in values]


def derivatives(y: Value, x: Value, count: int) -> list[float]:
    """The first so many derivatives of y by x."""
    found: list[float] = []
    for _ in range(count):
        y = grad(y, x)
        found.append(y.data)
    return found


MAKERS: list[Callable[[Any, Any], Value]] = [
    *[lambda x, y: x + y, lambda x, y: y - x, lambda x, y: x + x],
    *[lambda x, y: x * y, lambda x, y: y * x, lambda x, y: x * x],
    *[lambda x, y, op=op: op(x) for op in (sin, tanh, sigmoid)],
    lambda x, y: OPS["softplus"](x),
    maximum,
    lambda x, y: where(x, y, x),
]


def random_graph(seed: int) -> tuple[list[Value], Value]:
    """Three leaves, and a graph over them of moderate numbers, with sharing and constants."""
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(0.2, 1.5)) for _ in range(3)]
    constants = [rng.uniform(0.5, 2)]
    nodes = grown(rng, leaves, MAKERS, rng.randint(3, 15), 6, constants)
    return leaves, tanh(nodes[-1]) * leaves[0] + nodes[-2] * leaves[1]


def close(found: float, terms: Iterable[float]) -> bool:
    """Equal to the sum of the terms, to the rounding of the largest."""
    terms = list(terms)
    return (
        abs(found - math.fsum(terms)) <= 1e-12 * math.fsum(map(abs, terms)) + 1e-14
    )


# What grad takes and gives


def test_a_value_gives_a_value_and_a_sequence_a_list() -> None:
    x, w = Value(3.0), Value(2.0)
    y = x * w + w
    assert type(grad(y, x)) is Value
    for xs in ([x, w], (x, w), deque([x, w]), {x: 1, w: 2}.keys()):
        found = grad(y, xs)
        assert type(found) is list
        assert numbers(found) == [2.0, 4.0]
    assert numbers(grad(y, (v for v in [x, w]))) == [2.0, 4.0]
    assert numbers(grad(y, iter([w, x, w]))) == [4.0, 2.0, 4.0]
    assert grad(y, []) == []


def test_what_is_not_reached_has_gradient_zero() -> None:
    x, other = Value(3.0), Value(1.0)
    y = x * x
    later = y * 2
    for v in (other, later):
        zero = grad(y, v)
        assert (type(zero), zero.data, zero.op) == (Value, 0.0, None)
    assert numbers(grad(y, [x, other])) == [6.0, 0.0]
    assert numbers(grad(Value(1.0), [x])) == [0.0]
    assert grad(x * 0 + 5, x).data == 0.0


def test_by_itself_it_is_one() -> None:
    x = Value(3.0)
    y = x * x
    assert (grad(x, x).data, grad(y, y).data) == (1.0, 1.0)
    assert numbers(grad(y, [y, x])) == [1.0, 6.0]


def test_by_inner_nodes() -> None:
    x, w = Value(3.0), Value(2.0)
    h = x * w
    k = h * h
    y = k * x + h
    assert numbers(grad(y, [k, h, x])) == [
        3.0,
        2 * 6.0 * 3.0 + 1,
        36.0 + 37.0 * 2.0,
    ]
    assert grad(k, h).args == (h, h)


def test_grad_leaves_every_gradient_alone() -> None:
    x, w = Value(3.0), Value(2.0)
    y = (x * w).tanh() + x
    fresh = y * w
    y.backward()
    before = [(v.grad, v.data) for v in toposort(fresh)]
    for call in (
        lambda: grad(fresh, [x, w]),
        lambda: jvp(fresh, {x: 1.0, y: 2.0}),
        lambda: hvp(fresh, [x, w], [1.0, 2.0]),
        lambda: hessian(fresh, [x, w]),
        lambda: jacobian([fresh, y], [x, w]),
        lambda: vjp(fresh, [x, w], 2.0),
    ):
        call()
        assert [(v.grad, v.data) for v in toposort(fresh)] == before
    assert fresh.grad is NO_GRAD


def test_grad_agrees_with_backward() -> None:
    for seed in SEEDS:
        leaves, y = random_graph(seed)
        found = grad(y, leaves)
        y.backward()
        for x, g in zip(leaves, found, strict=True):
            assert close(
                g.data, [s.contribution for s in ledger(y) if s.operand is x]
            )
            assert g.data == pytest.approx(x.grad, rel=1e-13, abs=1e-13)


def test_under_no_grad_a_gradient_is_a_number_without_history() -> None:
    x = Value(3.0)
    y = x * x * x
    with no_grad():
        g = grad(y, x)
    assert (g.data, g.op) == (27.0, None)


def test_edges_that_saturate_stay_in_the_graph() -> None:
    x = Value(-1000.0)
    y = 1 / (1 + exp(-x))
    g = grad(y, x)
    assert math.isnan(g.data)
    y.backward()
    assert x.grad == 0.0
    x.data = 0.5
    assert g.forward().data == pytest.approx(
        sigmoid(0.5) * sigmoid(-0.5), rel=1e-14
    )


# Gradient graphs say nothing that goes without saying


def test_linear_graphs_have_constant_gradients() -> None:
    x, w = Value(3.0), Value(2.0)
    for y, expected in (
        (3 * x, 3.0),
        (x + x, 2.0),
        (x - 1, 1.0),
        (1 - x, -1.0),
        (-x, -1.0),
        (2 * (x + 1) * 5, 10.0),
    ):
        g = grad(y, x)
        assert (g.op, g.data) == (None, expected)
    for y in (x - x, x**0, w * x**0, where(0.0, x, 5.0) * w):
        assert (grad(y, x).op, grad(y, x).data) == (None, 0.0)
    assert grad(x * w, x) is w
    assert grad(x * w + 5, x) is w
    assert sorted(map(str, grad(x * w + x, x).args)) == sorted(["1.0", str(w)])
    assert [v.op and v.op.name for v in toposort(grad(w - x * w, x))] == [
        None,
        "neg",
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_product_with_one_and_no_sum_with_zero(seed: int) -> None:
    leaves, y = random_graph(seed)
    known = set(toposort(y))
    for v in toposort(*grad(y, leaves)):
        if v.op and v not in known:
            idle = {"mul": (0.0, 1.0, -1.0), "add": (0.0,)}.get(v.op.name, ())
            assert not any(x in idle for x in v.args if isinstance(x, float)), (
                formula(v)
            )


def test_only_what_leads_to_the_xs_is_differentiated() -> None:
    def partial(z: Value, x: Value) -> Value:
        raise NotImplementedError

    faulty = Op("faulty", "faulty", "x + 0.0", (partial,))
    try:
        x, w = Value(3.0), Value(2.0)
        y = x * faulty(w).exp()
        assert grad(y, x) is y.args[1]
        assert jvp(y, {x: 1.0}) is y.args[1]
        with pytest.raises(NotImplementedError):
            grad(y, w)
    finally:
        del OPS["faulty"]


@pytest.mark.parametrize(
    ("function", "x"), [(log, -1.0), (OPS["sqrt"], -1.0), (OPS["log1p"], -2.0)]
)
def test_where_there_is_no_value_there_is_no_derivative(
    function: Callable[[Value], Value], x: float
) -> None:
    v = Value(x)
    y = function(v) + 2 * v
    y.backward()
    found = [
        grad(y, v).data,
        jvp(y, {v: 1.0}).data,
        v.grad,
        y.data,
        *(s.local for s in ledger(function(v))),
    ]
    assert all(map(math.isnan, found))


# Higher orders


def power(x: Value) -> Value:
    return x**5


def product(x: Value) -> Value:
    return x * x * x * x * x


def horner(x: Value) -> Value:
    return ((((x + 0) * x) * x) * x) * x


@pytest.mark.parametrize("function", [power, product, horner])
@pytest.mark.parametrize("x", [2.0, -3.0, 1.0])
def test_polynomials_to_the_sixth_order(
    function: Callable[[Value], Value], x: float
) -> None:
    v = Value(x)
    expected = [5 * x**4, 20 * x**3, 60 * x**2, 120 * x, 120.0, 0.0]
    assert derivatives(function(v), v, 6) == expected


@pytest.mark.parametrize("function", [power, product])
def test_polynomials_at_zero(function: Callable[[Value], Value]) -> None:
    v = Value(0.0)
    assert derivatives(function(v), v, 6) == [0.0, 0.0, 0.0, 0.0, 120.0, 0.0]


@pytest.mark.parametrize("n", range(1, 8))
def test_the_nth_derivative_of_a_power_is_its_factorial(n: int) -> None:
    v = Value(1.5)
    assert derivatives(v**n, v, n + 1)[-2:] == [math.factorial(n), 0.0]


def test_a_polynomial_with_sharing() -> None:
    x = Value(2.0)
    s = x * x + 1
    y = s * s - 3 * s  # x⁴ - x² - 2
    assert derivatives(y, x, 5) == [28.0, 46.0, 48.0, 24.0, 0.0]


@pytest.mark.parametrize("x", [-6.0, -2.0, -0.3, 0.0, 0.7, 1.9, 5.0])
@pytest.mark.parametrize(
    ("function", "exact"),
    [
        (exp, mp.exp),
        (sin, mp.sin),
        (tanh, mp.tanh),
        (sigmoid, lambda x: 1 / (1 + mp.exp(-x))),
        (lambda x: 1 / (1 + exp(-x)), lambda x: 1 / (1 + mp.exp(-x))),
        (lambda x: exp(sin(x) * x), lambda x: mp.exp(mp.sin(x) * x)),
        (lambda x: log(1 + x * x), lambda x: mp.log(1 + x * x)),
        (lambda x: 1 / (x * x + 2), lambda x: 1 / (x * x + 2)),
        (lambda x: (x + 8) ** 2.5, lambda x: (x + 8) ** mp.mpf(2.5)),
        (lambda x: 2**x, lambda x: mp.mpf(2) ** x),
        (lambda x: OPS["softplus"](x), lambda x: mp.log(1 + mp.exp(x))),
        (
            lambda x: tanh(3 * x) / (2 + tanh(x)),
            lambda x: mp.tanh(3 * x) / (2 + mp.tanh(x)),
        ),
    ],
    ids=[
        "exp",
        "sin",
        "tanh",
        "sigmoid",
        "sigmoid4",
        "expsin",
        "log",
        "bell",
        "power",
        "two",
        "softplus",
        "ratio",
    ],
)
def test_four_orders_against_mpmath(
    function: Callable[[Value], Value], exact: Callable[[Any], Any], x: float
) -> None:
    v = Value(x)
    coefficients = mp.taylor(exact, mp.mpf(x), 4)
    expected = [float(c * mp.factorial(k)) for k, c in enumerate(coefficients)][1:]
    scale = max(map(abs, expected))
    for found, truth in zip(derivatives(function(v), v, 4), expected, strict=True):
        assert abs(found - truth) <= 1e-12 * scale + 1e-12 * abs(truth)


def test_a_gradient_can_be_evaluated_elsewhere() -> None:
    x, w = Value(2.0), Value(3.0)
    second = grad(grad(x**3 * w, x), x)
    assert second.data == 36.0
    x.data = 5.0
    with pytest.raises(StaleGraphError):
        second.backward()
    assert second.forward().data == 90.0
    second.backward()
    assert (x.grad, w.grad) == (18.0, 30.0)


def test_a_gradient_penalty() -> None:
    x, w = Value(2.0), Value(3.0)
    y = x * x * w
    penalty = grad(y, x) ** 2  # (2xw)²
    penalty.backward()
    assert (penalty.data, w.grad, x.grad) == (144.0, 8 * 4 * 3.0, 8 * 2 * 9.0)


def test_kinks_have_no_second_derivative() -> None:
    x = Value(3.0)
    for y in (relu(x), abs(x), maximum(x, 1.0), where(x, x, 0.0)):
        assert derivatives(y, x, 3) == [1.0, 0.0, 0.0]
    assert derivatives(relu(x) * x, x, 3) == [6.0, 2.0, 0.0]


# Nesting


def test_perturbation_confusion() -> None:
    x, y = Value(1.0), Value(1.0)
    assert grad(x * grad(x + y, y), x).data == 1.0
    x, y = Value(3.0), Value(4.0)
    assert grad(x * grad(x * y, y), x).data == 6.0
    assert grad(x * grad(x * y * y, y), x).data == 2 * 2 * 3.0 * 4.0


def test_perturbation_confusion_in_forward_mode() -> None:
    x, y = Value(1.0), Value(1.0)
    assert jvp(x * jvp(x + y, {y: 1.0}), {x: 1.0}).data == 1.0
    assert jvp(x * grad(x * y, y), {x: 1.0}).data == 2.0
    assert grad(x * jvp(x * y, {y: 1.0}), x).data == 2.0


def test_a_step_of_descent_is_differentiated_through() -> None:
    x, rate = Value(3.0), Value(0.1)
    after = x - rate * grad(x * x, x)
    assert grad(after * after, rate).data == pytest.approx(2 * (3 - 0.6) * -6.0)


# vjp, jvp, hvp, jacobian, hessian


@pytest.mark.parametrize("seed", SEEDS)
def test_jvp_is_the_inner_product_with_the_gradient(seed: int) -> None:
    leaves, y = random_graph(seed)
    tangents = dict(zip(leaves, (0.7, -1.3, 2.1), strict=True))
    assert close(
        jvp(y, tangents).data,
        [
            g.data * t
            for g, t in zip(grad(y, leaves), tangents.values(), strict=True)
        ],
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_vjp_is_the_seed_times_the_gradient(seed: int) -> None:
    leaves, y = random_graph(seed)
    gradient = numbers(grad(y, leaves))
    assert numbers(vjp(y, leaves)) == gradient
    assert numbers(vjp(y, leaves, 2.0)) == [2 * g for g in gradient]
    assert numbers(vjp(y, leaves, 0)) == [0.0, 0.0, 0.0]
    assert numbers(vjp(y, leaves, -1)) == [-g for g in gradient]
    assert numbers(vjp(y, leaves, 0.3)) == pytest.approx(
        [0.3 * g for g in gradient], rel=1e-12, abs=1e-14
    )
    y.backward(0.3)
    assert [x.grad for x in leaves] == pytest.approx(
        numbers(vjp(y, leaves, 0.3)), rel=1e-12, abs=1e-14
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hessian_is_symmetric(seed: int) -> None:
    leaves, y = random_graph(seed)
    matrix = [numbers(row) for row in hessian(y, leaves)]
    scale = max(abs(h) for row in matrix for h in row)
    for i in range(3):
        assert matrix[i] == pytest.approx(
            [row[i] for row in matrix], rel=1e-11, abs=1e-13 * scale
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_hvp_is_the_hessian_times_the_vector(seed: int) -> None:
    leaves, y = random_graph(seed)
    vector = [0.7, -1.3, 2.1]
    rows = [numbers(row) for row in hessian(y, leaves)]
    scale = max(abs(h) for row in rows for h in row)
    products = [
        math.fsum(h * t for h, t in zip(row, vector, strict=True)) for row in rows
    ]
    assert numbers(hvp(y, leaves, vector)) == pytest.approx(
        products, rel=1e-11, abs=1e-12 * scale
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_hessian_against_differences_of_gradients(seed: int) -> None:
    leaves, y = random_graph(seed)
    rows, h = [numbers(row) for row in hessian(y, leaves)], 1e-6
    gradients = grad(y, leaves)
    for j, x in enumerate(leaves):
        start, sides = x.data, []
        for shift in (h, -h):
            x.data = start + shift
            sides.append([g.forward().data for g in gradients])
        x.data = start
        slopes = [(up - down) / (2 * h) for up, down in zip(*sides, strict=True)]
        assert slopes == pytest.approx([row[j] for row in rows], rel=1e-5, abs=1e-5)


def test_jacobian_and_hessian_by_hand() -> None:
    a, b = Value(2.0), Value(3.0)
    rows = jacobian([a * b, a - b, a, b * b * 2, Value(7.0)], [a, b])
    assert [numbers(row) for row in rows] == [
        [3.0, 2.0],
        [1.0, -1.0],
        [1.0, 0.0],
        [0.0, 12.0],
        [0.0, 0.0],
    ]
    assert [numbers(row) for row in hessian(a * a * b + b**3, [a, b])] == [
        [6.0, 4.0],
        [4.0, 18.0],
    ]
    assert [numbers(row) for row in hessian(a + 2 * b, [a, b])] == [
        [0.0, 0.0],
        [0.0, 0.0],
    ]
    assert (jacobian([], [a]), hessian(a, [])) == ([], [])


def test_jvp_by_hand() -> None:
    a, b, other = Value(2.0), Value(3.0), Value(1.0)
    h = a * b
    y = h * a
    assert jvp(y, {a: 1.0}).data == 12.0
    assert jvp(y, {a: 1, b: 10.0}).data == 12.0 + 40.0
    assert jvp(y, {h: 1.0}).data == 2.0
    assert (
        jvp(y, {h: 1.0, a: 1.0}).data == 2.0 + 6.0
    )  # a tangent given for h replaces the one that flows in
    assert jvp(y, {y: 5.0}).data == 5.0
    assert (jvp(y, {other: 1.0}).data, jvp(y, {}).data, jvp(y, {a: 0.0}).data) == (
        0.0,
        0.0,
        0.0,
    )
    assert jvp(a * a, {a: 1.0}).data == 4.0


def test_tangents_and_seeds_may_be_graphs() -> None:
    x, t = Value(3.0), Value(1.0)
    slope = jvp(x * x * x, {x: t})
    assert (slope.data, grad(slope, t).data, grad(slope, x).data) == (
        27.0,
        27.0,
        18.0,
    )
    (g,) = vjp(x * x * x, [x], t)
    assert (g.data, grad(g, t).data) == (27.0, 27.0)


def test_hvp_needs_a_number_for_every_x() -> None:
    x = Value(3.0)
    for v in ([], [1.0, 2.0]):
        with pytest.raises(ValueError, match=r"zip|longer|shorter|2|numbers"):
            hvp(x * x, [x], v)


@pytest.mark.parametrize(
    "bad", ["1", None, 1j, [1.0], object()], ids=lambda bad: type(bad).__name__
)
def test_tangents_and_seeds_are_real_numbers(bad: Any) -> None:
    x = Value(3.0)
    for call in (
        lambda: vjp(x * x, [x], bad),
        lambda: vjp(x + 1, [x], bad),
        lambda: jvp(x * x, {x: bad}),
    ):
        with pytest.raises(TypeError, match=type(bad).__name__):
            call()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda y, xs: numbers(vjp(y, xs)), [4.0, 9.0]),
        (lambda y, xs: numbers(hvp(y, xs, [1.0, 0.0])), [0.0, 3.0]),
        (
            lambda y, xs: [numbers(row) for row in jacobian([y, y], xs)],
            [[4.0, 9.0], [4.0, 9.0]],
        ),
        (
            lambda y, xs: [numbers(row) for row in hessian(y, xs)],
            [[0.0, 3.0], [3.0, 2.0]],
        ),
    ],
    ids=["vjp", "hvp", "jacobian", "hessian"],
)
def test_the_xs_may_come_from_a_generator(
    call: Callable[..., Any], expected: Any
) -> None:
    a, b = Value(1.0), Value(1.0)
    y = 3 * a * b + b * b + a + 4 * b
    assert call(y, iter([a, b])) == expected


def test_the_ys_may_come_from_a_generator() -> None:
    x = Value(3.0)
    rows = jacobian((x**n for n in (1, 2)), [x])
    assert [numbers(row) for row in rows] == [[1.0], [6.0]]


@pytest.mark.parametrize(
    "call",
    [
        lambda y, x: grad(y, x),
        lambda y, x: vjp(y, [x]),
        lambda y, x: jvp(y, {x: 1.0}),
        lambda y, x: hvp(y, [x], [1.0]),
        lambda y, x: jacobian([x, y], [x]),
        lambda y, x: hessian(y, [x]),
    ],
    ids=["grad", "vjp", "jvp", "hvp", "jacobian", "hessian"],
)
def test_stale_graphs(call: Callable[[Value, Value], object]) -> None:
    x = Value(3.0, "x")
    y = x * x
    x.data = 5.0
    with pytest.raises(StaleGraphError, match="'x'"):
        call(y, x)
    call(y.forward(), x)


def test_deep_graphs() -> None:
    x = y = Value(1.0)
    for _ in range(20_000):
        y = y * 1.0 + 0.0
    sequence: Sequence[Value] = [x]
    assert (
        grad(y, x).data,
        jvp(y, {x: 1.0}).data,
        hvp(y, sequence, [1.0])[0].data,
    ) == (1.0, 1.0, 0.0)


# What is refused, and what is infinite


@pytest.mark.parametrize("xs", [[2.0], ["a"], [None]])
def test_derivatives_are_by_values(xs: list[object]) -> None:
    y = Value(2.0) * 3
    for derivative in (grad, vjp):
        with pytest.raises(TypeError, match=r"not by \w+; give x itself"):
            derivative(y, xs)  # type: ignore[operator]
    with pytest.raises(TypeError, match="not by float"):
        jvp(y, {1.0: 2.0})  # type: ignore[dict-item]


def test_hvp_takes_every_x_once() -> None:
    x = Value(2.0)
    with pytest.raises(ValueError, match="once"):
        hvp(x * x, [x, x], [1.0, 1.0])


def test_a_constant_zero_below_the_bar() -> None:
    x = Value(1.0)
    y = x / 0
    assert (y.data, grad(y, x).data, jvp(y, {x: 1.0}).data) == (
        math.inf,
        math.inf,
        math.inf,
    )


@pytest.mark.parametrize("bad", ["a", True, None])
def test_seeds_and_tangents_are_numbers_or_values(bad: object) -> None:
    x = Value(2.0)
    with pytest.raises(TypeError, match="vjp's seed takes real numbers"):
        vjp(x * x, [Value(1.0)], bad)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="jvp's tangents takes real numbers"):
        jvp(x * x, {x: bad})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "function", [log, lambda x: x * sqrt(x), lambda x: tanh(log(x) * x)]
)
def test_where_there_is_no_value_there_is_no_derivative_of_any_order(
    function: Callable[[Value], Value],
) -> None:
    x = Value(-1.0)
    assert all(map(math.isnan, derivatives(function(x), x, 3)))
    tangent = jvp(function(x), {x: 1.0})
    assert math.isnan(jvp(tangent, {x: 1.0}).data) and math.isnan(
        grad(tangent, x).data
    )


def orders(y: Value, x: Value, count: int) -> list[int]:
    """The sizes of the graphs of y and of its first so many derivatives."""
    found = [len(toposort(y))]
    for _ in range(count):
        y = grad(y, x)
        found.append(len(toposort(y)))
    return found


def test_derivative_graphs_stay_small() -> None:
    """What one order computes, the next reads: without that the sigmoid's fourth derivative has 127 nodes."""
    x = Value(0.5)
    assert orders(1 / (1 + exp(-x)), x, 4) == [5, 9, 17, 37, 86]
    assert orders(sigmoid(x), x, 4) == [2, 2, 2, 2, 6]
    assert orders(tanh(x), x, 4) == [2, 2, 2, 2, 6]


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_computed_twice(seed: int) -> None:
    """No two nodes of a Hessian have the same op and operands, but for those of the graph itself."""
    xs, y = random_graph(seed)
    given = set(toposort(y))
    made = [
        v
        for row in hessian(y, xs)
        for v in toposort(*row)
        if v not in given and v.op
    ]
    spelled = {v: (v.op, *map(repr_or_node, v.args)) for v in made}
    assert len(set(spelled.values())) == len(spelled)


def test_the_derivative_of_a_square_is_a_product_alone() -> None:
    x = Value(-0.0)
    slope = grad(x**2, x)
    assert (slope.op, slope.args) == (OPS["mul"], (2.0, x))
    assert repr(slope.data) == "-0.0" and grad(slope, x).data == 2.0
    assert [v.op and v.op.name for v in toposort(grad(x**3, x))] == [
        None,
        "power",
        "mul",
    ]


def repr_or_node(x: Value | float) -> object:
    return x if isinstance(x, Value) else repr(x)


def test_zeros_of_both_signs_are_not_confused() -> None:
    """The partial makes x * -0.0 where the graph has x * 0.0."""
    signed = Op("signed", "signed", "x", (lambda z, x: x * -0.0,))
    x = Value(3.0)
    slope = grad(maximum(signed(x), x * 0.0), x)
    assert any(
        v.op is OPS["mul"] and repr(v.args[1]) == "-0.0" for v in toposort(slope)
    )


def test_an_inner_x_is_read_by_nothing_that_did_not_read_it() -> None:
    """log1p's partial computes 1 + x, which u does too: read there, the Hessian would not be symmetric."""
    x = Value(0.7)
    u = 1 + x
    (_, by_ux), (by_xu, _) = hessian(u * log1p(x), [u, x])
    assert by_ux.data == by_xu.data == 1 / 1.7
    minus = -x
    assert hessian(exp(-minus), [minus])[0][0].data == math.exp(0.7)
    assert hvp(u * log1p(x), [u, x], [1.0, 0.0])[1].data == 1 / 1.7


def test_an_inner_x_that_is_a_negative_stays() -> None:
    """sigmoid's partial reads -(-x), which is x, but not by way of -x."""
    x = Value(0.7)
    minus = -x
    p = sigmoid(minus).data
    assert hessian(sigmoid(minus), [minus])[0][0].data == pytest.approx(
        p * (1 - p) * (1 - 2 * p), rel=1e-14
    )


ONE_Y: dict[str, Callable[[Any, Value], object]] = {
    "grad": lambda y, x: grad(y, x),
    "vjp": lambda y, x: vjp(y, [x]),
    "jvp": lambda y, x: jvp(y, {x: 1.0}),
    "hvp": lambda y, x: hvp(y=y, xs=[x], v=[1.0]),
    "hessian": lambda y, x: hessian(y, [x]),
}


@pytest.mark.parametrize("name", ONE_Y)
def test_what_is_differentiated_is_one_value(name: str) -> None:
    x = Value(2.0)
    for y, said in (
        ([x * x], "list; of several ys write jacobian"),
        (np.array([x * x]), "ndarray; of several ys"),
        (4.0, "float; give y itself, not y.data"),
        (None, "NoneType; give y itself"),
    ):
        with pytest.raises(
            TypeError, match=f"^{name} differentiates one Value y, not {said}"
        ):
            ONE_Y[name](y, x)
    with pytest.raises(TypeError, match=r"with a Value x, then"):
        grad(lambda x: x, [x])


def test_a_partial_that_reads_its_own_nodes_often_is_gone_through_once() -> None:
    calls: list[int] = []

    def doubled(z: Value, x: Value) -> Value:
        t = exp(x)
        for _ in range(40):
            calls.append(0)
            t = t + t
        return t

    tall = Op("tall", "tall", "exp(x) * 1099511627776", (doubled,))
    x = Value(0.5)
    slope = grad(tall(x) + exp(x), x)
    assert (
        slope.data == (2.0**40 + 1) * math.exp(0.5)
        and len(toposort(slope)) == 43
        and len(calls) < 200
    )


def test_a_composite_in_a_partial_stays_one() -> None:
    @composite
    def bell(x: Value) -> Value:
        return 1 / (1 + exp(-x))

    soft = Op("soft", "soft", "log(1 + exp(x))", (lambda z, x: bell(x),))
    x = Value(0.5)
    slope = grad(soft(x) * exp(-x), x)
    assert [v.scope and v.scope.name for v in toposort(slope)].count("bell") >= 2


def test_a_seed_is_not_taken_for_a_number() -> None:
    """A leaf that a partial makes is a constant; a leaf that came in as a seed or a tangent is not."""
    x, seed = Value(2.0), Value(3.0)
    assert (
        grad(vjp(x * x, [x], seed)[0], seed).data
        == grad(jvp(x * x, {x: seed}), seed).data
        == 4.0
    )
    assert grad(hvp(x**3, [x], [seed])[0], seed).data == 12.0


def test_a_stale_seed_is_noticed() -> None:
    x, leaf = Value(2.0), Value(3.0)
    seed = leaf * leaf
    leaf.data = 5.0
    with pytest.raises(StaleGraphError):
        vjp(x * x, [x], seed)
    with pytest.raises(StaleGraphError):
        jvp(x * x, {x: seed})


def test_the_package_has_the_derivatives_and_not_what_they_are_made_of() -> None:
    for name in ("values", "partial", "plus", "times", "check_fresh"):
        assert not hasattr(autograd, name)


# ------------------------------------------------------------------------ decided again where it is evaluated
DOMAINS: list[
    tuple[Callable[[Value], Value], float, float]
] = [  # a function, and points inside and outside
    (log, 2.0, -1.0),
    (log1p, 2.0, -3.0),
    (sqrt, 2.0, -1.0),
    (lambda x: x**0.5, 2.0, -1.0),
    (lambda x: x**1e-17, 2.0, -1.0),
    (lambda x: log(log(x)), 5.0, 0.5),
    (lambda x: x * log(x) + 1 / x, 0.5, -0.5),
]


@pytest.mark.parametrize("index", range(len(DOMAINS)))
def test_a_domain_is_decided_where_the_graph_is_evaluated(index: int) -> None:
    """Recorded inside and evaluated outside, and the other way round: by forward, and compiled."""
    f, inside, outside = DOMAINS[index]
    for recorded, at in ((inside, outside), (outside, inside)):
        x, again = Value(recorded), Value(at)
        y, wanted = f(x), f(again)
        graphs = [
            grad(y, x),
            jvp(y, {x: 1.0}),
            grad(grad(y, x), x),
            jvp(grad(y, x), {x: 1.0}),
        ]
        truth = [grad(wanted, again).data] * 2 + [
            grad(grad(wanted, again), again).data
        ] * 2
        assert all(map(math.isnan, truth)) == (at == outside)
        program = compile(graphs, [x])
        for rows in (1, 9):
            assert np.allclose(
                program([[at]] * rows), [truth] * rows, rtol=1e-12, equal_nan=True
            )
        x.data = at
        assert np.allclose(
            [g.forward().data for g in graphs], truth, rtol=1e-12, equal_nan=True
        )


def test_an_ops_domain_that_a_user_adds_is_decided_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    atanh = Op(
        "atanh_", "atanh", "atanh(x)", (lambda z, x: 1 / (1 - x * x),), "-1 < x < 1"
    )
    monkeypatch.delitem(OPS, "atanh_")
    x = Value(0.5)
    slope = grad(atanh(x), x)
    x.data = 2.0
    assert math.isnan(slope.forward().data)
    assert formula(slope) == "y = 1/(1-x²)"


def test_formulas_do_not_print_that_a_domain_is_decided() -> None:
    x, p = Value(2.0, "x"), Value(3.0, "p")
    assert formula(grad(log(x), x)) == "y = 1/x"
    assert formula(grad(grad(log(x), x), x)) == "y = -1/x²"
    assert formula(grad(x**p, x)) == "y = p·x^(p-1)"
    assert formula(grad(x**p, p)) == "y = x^p·log(x)"


CHOOSING: list[Callable[[Value, Value], Value]] = [
    lambda x, y: where(step(x), y, x),
    lambda x, y: where(step(y), x, y * 2),
    lambda x, y: where(x, sqrt(y), x + y),
    lambda x, y: where(step(x), y, 0.5),
    lambda x, y: sqrt(x),
    lambda x, y: log(x),
    lambda x, y: x * y + x,
    lambda x, y: x / y,
]


def chooses(seed: int) -> tuple[list[Value], Value]:
    """A graph full of where, and of ops that have no slope at some of its numbers."""
    rng = random.Random(seed)
    xs = [Value(rng.choice([-2.0, -1.0, 0.0, 0.5, 1.0])) for _ in range(3)]
    return xs, grown(rng, xs, CHOOSING, rng.randint(4, 14))[-1] + xs[0]


def test_what_is_not_chosen_contributes_nothing() -> None:
    """grad and jvp are backward's, also where what was not chosen has an infinite slope, or none."""
    compared = 0
    for seed in range(600):
        xs, y = chooses(seed)
        y.backward()
        truth = [x.grad for x in xs]
        if math.isfinite(y.data) and all(map(math.isfinite, truth)):
            by_jvp = [jvp(y, {x: 1.0}).data for x in xs]
            assert np.allclose([g.data for g in grad(y, xs)], truth, rtol=1e-9), (
                seed
            )
            assert np.allclose(by_jvp, truth, rtol=1e-9), seed
            compared += any(
                math.isnan(v.data) or math.isinf(v.data) for v in toposort(y)
            )
    assert compared > 20


@pytest.mark.parametrize(
    "f",
    [
        lambda x: where(step(x), sqrt(x), x * x),
        lambda x: where(step(x), log(sqrt(x)) * x, x * x),
        lambda x: where(step(-x), x * x, where(step(x), log(x), 0.0)),
        lambda x: where(step(x), where(step(x - 1), sqrt(x - 1), 1 / x), x * x),
    ],
)
def test_every_order_and_mode_of_what_is_chosen(
    f: Callable[[Value], Value],
) -> None:
    x = Value(-1.0)
    y = f(x)
    first = [grad(y, x), vjp(y, [x])[0], jvp(y, {x: 1.0})]
    second = [
        hvp(y, [x], [1.0])[0],
        hessian(y, [x])[0][0],
        jvp(first[0], {x: 1.0}),
        grad(first[2], x),
    ]
    third = [grad(second[1], x), jvp(second[0], {x: 1.0})]
    assert [[v.data for v in order] for order in (first, second, third)] == [
        [-2.0] * 3,
        [2.0] * 4,
        [0.0] * 2,
    ]
    for rows in ([-1.0], [-1.0, 4.0, -1.0, 0.5, -1.0, 9.0, -1.0, 2.0]):
        program = compile([*first, *second, *third], [x])
        for at, numbers in zip(
            rows, program([[at] for at in rows]).tolist(), strict=True
        ):
            again = Value(at)
            z = f(again)
            slope = grad(z, again)
            orders = (
                slope.data,
                grad(slope, again).data,
                grad(grad(slope, again), again).data,
            )
            assert np.allclose(numbers, np.repeat(orders, [3, 4, 2]), rtol=1e-12)


@pytest.mark.parametrize(
    "p", [-2.0, -1.0, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 7.0]
)
@pytest.mark.parametrize("x", [0.0, -0.0, 0.5, 2.0])
def test_the_hessian_of_a_power_is_symmetric_and_has_its_limits(
    x: float, p: float
) -> None:
    base, exponent = Value(x), Value(p)
    (xx, xp), (px, pp) = [
        [v.data for v in row] for row in hessian(base**exponent, [base, exponent])
    ]
    assert xp == px or xp == pytest.approx(px, rel=1e-13)
    if abs(x) > 0.1:
        wanted = (
            x ** (p - 1) * (1 + p * math.log(x)),
            x**p * math.log(x) ** 2,
            p * (p - 1) * x ** (p - 2),
        )
        assert (xp, pp, xx) == pytest.approx(wanted, rel=1e-13)
    elif x == 0:
        assert xp == (
            0.0
            if p > 1 or p == 0
            else -math.inf
            if p > 0
            else math.copysign(math.inf, xp)
        )
        assert pp == (
            0.0 if p >= 0 else math.inf if math.copysign(1, x) > 0 else pp
        )


SMOOTH = [
    "tanh", "sigmoid", "softplus", "logsigmoid", "atan", "erf", "erfc", "gauss", "gelu",
    "sin", "cos", "sinh", "tan", "expm1", "log1p",
]  # fmt: skip


def zeros_of(name: str, order: int, reach: float) -> list[float]:
    """The floats next to where a derivative of this order is 0; 0.0 is always one of them."""
    grid = [oracle.mpf(k) * reach / 24.3 - reach for k in range(49)]

    def f(x: Any) -> Any:
        return oracle.diff(ORACLES[name].value, x, order)

    pairs = [(x, y) for x, y in pairwise(grid) if f(x) * f(y) < 0]
    roots = [oracle.findroot(f, pair, solver="anderson") for pair in pairs]
    return sorted({0.0} | {float(x) for x in roots if abs(x) > 1e-6})


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("name", SMOOTH)
def test_higher_derivatives_are_accurate_near_their_zeros(
    name: str, order: int
) -> None:
    reach = {"log1p": 0.9, "tan": 1.5}.get(name, 3.0)
    far = 5.0 if reach == 3 else 0.5
    for size, zero in itertools.product(
        (1e-17, 1e-12, 1e-9, 1e-5, 0.3, far), zeros_of(name, order, reach)
    ):
        for at in {zero, zero + size, zero - size} - {
            -far if far < 5 else math.inf
        }:
            x = Value(at)
            y = OPS[name](x)
            for _ in range(order):
                y = grad(y, x)
            with oracle.workdps(150):
                truth = oracle.diff(ORACLES[name].value, oracle.mpf(at), order)
            truth = truth if abs(truth) > 1e-60 else oracle.mpf(0)
            assert abs(oracle.mpf(y.data) - truth) <= 8 * ulp(truth), (
                at,
                y.data,
                truth,
            )


# Calls that are written for JAX's or HIPS's functions of the same names

FUNCTIONS: list[Callable[..., Any]] = [grad, vjp, jvp, hvp, jacobian, hessian]
each_function = pytest.mark.parametrize(
    "function", FUNCTIONS, ids=lambda f: f.__name__
)


def square(x: Any) -> Any:
    return x * x


class Model:
    """A function that is an object, as a module of a network is."""

    def __call__(self, x: Any) -> Any:
        return x * x


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(TypeError) as caught:
        call()
    return str(caught.value)


@each_function
@pytest.mark.parametrize(
    "f",
    [square, lambda x: x, exp, math.sin, Model()],
    ids=["def", "λ", "Op", "C", "object"],
)
def test_a_function_instead_of_a_graph(function: Any, f: Any) -> None:
    x = Value(3.0)
    y, calls = x * x, list[tuple[Any, ...]]()
    calls += [
        (f,),
        (f, x),
        (f, [x]),
        (f, 3.0),
        (f, (x,), (1.0,)),
        (f, x, y),
        (f, 0),
        (x, f),
        (y, f),
    ]
    for args in calls:
        said = refusal(lambda args=args: function(*args))
        assert (
            f"{function.__name__} takes the Values of a graph, not {type(f).__name__}; "
            in said
        )
        assert f"write y = f(x) with a Value x, then {function.__name__}(" in said
    assert "takes the Values of a graph, not" in refusal(lambda: function(fun=f))


@each_function
def test_the_call_that_is_advised(function: Any) -> None:
    """What is to be written is what runs, with y = f(x)."""
    example = refusal(lambda: function(square)).partition(", then ")[2]
    x = Value(3.0)
    found = eval(example, {"x": x, "y": square(x), function.__name__: function})  # noqa: S307  our own text
    while isinstance(found, list):
        [found] = found
    assert found.data == {"hvp": 2.0, "hessian": 2.0}.get(function.__name__, 6.0)


@each_function
def test_a_number_of_arguments_that_does_not_fit(function: Any) -> None:
    x = Value(3.0)
    for args, kwargs in (
        ((), {}),
        ((x * x,), {}),
        ((x * x, [x], 1.0, 1.0, 1.0), {}),
        ((x * x,), {"wrt": x}),
    ):
        said = refusal(lambda args=args, kwargs=kwargs: function(*args, **kwargs))
        assert (
            said.startswith(f"{function.__name__}: ")
            and f", then {function.__name__}(" in said
        )
    assert "missing a required argument: 'xs'" in refusal(lambda: grad(x * x))  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "call",
    [
        lambda y, x: grad(y, x),
        lambda y, x: grad(y, [x]),
        lambda y, x: vjp(y, [x]),
        lambda y, x: jvp(y, {x: 1.0}),
        lambda y, x: hvp(y, [x], [1.0]),
        lambda y, x: hessian(y, [x]),
        lambda y, x: jacobian([y], [x]),
    ],
)
def test_the_wrong_way_round(call: Callable[[Value, Value], Any]) -> None:
    x, lone = Value(3.0, "x"), Value(1.0)
    y = exp(x * x)
    y.name = "y"
    call(y, x)
    said = refusal(lambda: call(x, y))
    assert (
        said
        == "'x' is a leaf, and 'y' was computed from it; give the result first, as in grad(y, x) for y = f(x)"
    )
    call(lone, y)  # nothing to do with one another: the gradient is 0
    call(x, x)
    call(x * 1, y)


def test_where_there_is_no_wrong_way() -> None:
    x, w = Value(3.0), Value(2.0)
    inner = x * w
    y = inner * inner + x
    assert numbers(grad(x, [x, inner])) == [1.0, 0.0]
    assert numbers(grad(x, [inner, w])) == [0.0, 0.0]
    assert numbers(grad(inner, [y])) == [0.0]
    assert [numbers(row) for row in jacobian([x, y], [inner])] == [[0.0], [12.0]]
    assert grad(x, []) == []
    twice = w * 2
    assert [numbers(row) for row in hessian(twice * w, [twice])] == [
        [0.0]
    ]  # of the gradient w, a leaf


@needs_docstrings
def test_what_the_functions_say_of_themselves() -> None:
    for function in FUNCTIONS:
        assert next(iter(inspect.signature(function).parameters)) in ("y", "ys")
        assert function.__module__ == "autograd.derivatives" and function.__doc__


def test_choices_do_not_multiply() -> None:
    """Flows that arrive by many conditions meet again and again: each meeting is a few nodes."""
    x, y = Value(0.3), Value(-0.2)
    u, v = x * y, x + y
    for i in range(60):
        u, v = (
            where(step(u - 0.01 * i), sqrt(u * v), v),
            where(step(v + 0.01 * i), u + v, log(u) * v),
        )
    size = len(toposort(u + v))
    assert len(toposort(grad(u + v, x))) < 20 * size
    assert len(toposort(jvp(u + v, {x: 1.0}))) < 20 * size
