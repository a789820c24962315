"""Steps that fit a function's own scale: what is right passes at every scale, what is wrong is found."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from types import SimpleNamespace
from typing import Any, TypeAlias

import mpmath
import numpy as np
import pytest

import autograd
from autograd import (
    OPS,
    GradcheckError,
    Op,
    Value,
    absolute,
    checking,
    chords,
    cos,
    exp,
    expm1,
    gradcheck,
    log,
    log1p,
    maximum,
    no_grad,
    reciprocal,
    relu,
    sigmoid,
    sin,
    slopes,
    sqrt,
    step,
    tanh,
    where,
)
from autograd.chords import ROUGH, Chord, Curve, Sample, Slope

mp = mpmath.mp.clone()
mp.dps = 500
Function: TypeAlias = Callable[
    [Any, Any], Any
]  # of a module with exp, log, ..., and of x
TABLE = dict(OPS)
EXACT = SimpleNamespace(
    exp=mp.exp, log=mp.log, sin=mp.sin, cos=mp.cos, tanh=mp.tanh, sqrt=mp.sqrt, log1p=mp.log1p,
    sigmoid=lambda x: 1 / (1 + mp.exp(-x)), softplus=lambda x: mp.log1p(mp.exp(x)),
)  # fmt: skip

SCALES: dict[str, tuple[Function, tuple[float, ...]]] = {  # with points at which steps can tell the slope
    "a bell": (lambda m, x: m.exp(-(((x - 2024) / 0.5) ** 2)), (2024.3, 2023.1, 2024.9)),
    "a narrow bell": (lambda m, x: m.exp(-(((x - 1) / 1e-7) ** 2)), (1 + 3e-8, 1 - 2e-7)),
    "a bell far away": (lambda m, x: m.exp(-(((x - 1e150) / 1e149) ** 2)), (1.05e150,)),
    "log": (lambda m, x: m.log(x), (1e150, 1e300, 1e-300, 1e-150, 3.0)),
    "log near 1": (lambda m, x: m.log(x), (1.0, 1 + 1e-12)),
    "tiny": (lambda m, x: x * x * 1e-290, (1.0, -3.0, 1e5)),
    "tinier": (lambda m, x: m.sin(x) * 1e-300, (1.0, 0.4)),
    "huge": (lambda m, x: x * x * 1e150, (1e70, -1.5)),
    "nearly too large": (lambda m, x: x * 1e307, (1.5, -2.0)),
    "a wave": (lambda m, x: m.sin(1e5 * x), (1.0, 0.3, -20.0, 0.0, 1e-9)),
    "a quick wave": (lambda m, x: m.cos(1e9 * x), (1.0, 0.3)),
    "a slow wave": (lambda m, x: m.sin(1e-9 * x), (1.0, 0.0, 1e8)),
    "reciprocal": (lambda m, x: 1 / x, (1e-90, 1e-3, 1e90, -7.0)),
    "a power": (lambda m, x: x**-3.5, (1e-40, 0.2, 1e40)),
    "a high power": (lambda m, x: x**300, (1.01, -0.99)),
    "sqrt": (lambda m, x: m.sqrt(x), (1e-12, 1e-100, 1e100)),
    "sqrt near its border": (lambda m, x: m.sqrt(1 - x), (1 - 1e-9, 1 - 1e-3)),
    "log near its border": (lambda m, x: m.log(1 - x), (1 - 1e-9,)),
    "x to the x": (lambda m, x: x**x, (1e-3, 0.5, 30.0)),
    "x log x": (lambda m, x: x * m.log(x), (1e-12, 1e12)),
    "exp": (lambda m, x: m.exp(x), (-700.0, 700.0, 0.0, 1e-320, 1e-9)),
    "sigmoid": (lambda m, x: m.sigmoid(x), (-300.0, 2.0, 0.0)),
    "softplus": (lambda m, x: m.softplus(x), (-30.0, 0.0, 300.0)),
    "tanh within 1e-30": (lambda m, x: m.tanh(1e30 * x), (0.0, 1e-31, -3e-31)),
    "exp within 1e-30": (lambda m, x: m.exp(1e30 * x), (0.0, 1e-60, 1e-30)),
    "small beside large": (lambda m, x: (x + 1e6) - 1e6, (0.3,)),
    "on a slope": (lambda m, x: 1e7 + x + m.sin(x), (1.0,)),
    "log1p": (lambda m, x: m.log1p(x), (1e-20, 1e-9, 1e9)),
    "two scales": (lambda m, x: m.exp(-(((x - 2024) / 0.5) ** 2)) * m.sin(1e3 * x), (2024.3,)),
    "far too small": (lambda m, x: 2 * x, (1e-310, 1e-320)),
}  # fmt: skip
POINTS = [(name, x) for name, (_, points) in SCALES.items() for x in points]


def ours(f: Function) -> Callable[[Any], Any]:
    return lambda x: f(autograd, x)


def exactly(f: Function, x: float) -> float:
    """The slope to a float's last digit."""
    at, h = mp.mpf(x), mp.mpf(abs(x) or 1e-30) / mp.mpf(10) ** 60
    return float((f(EXACT, at + h) - f(EXACT, at - h)) / (2 * h))


def steps(f: Callable[[Any], Any], x: float) -> Slope:
    """The slope by steps along f, where a difference of a millionth from the recorded one is none."""
    at = Value(x)
    recorded = chords.recorded(f(at), at)
    return checking.stepped(
        checking.Problem("f", f, {"x": x}), 0, ROUGH * abs(recorded.slope)
    )


@pytest.fixture
def registry() -> Iterator[None]:
    """Ops that a test adds are gone after it."""
    yield
    for name in OPS.keys() - TABLE.keys():
        del OPS[name]


# ------------------------------------------------------------------------------------------- at every scale
@pytest.mark.parametrize(("name", "x"), POINTS)
def test_what_is_right_passes(name: str, x: float) -> None:
    f = ours(SCALES[name][0])
    far = abs(math.log10(abs(x) or 1.0))
    assert (
        gradcheck(
            f, x, order=3 if far < 50 else 2 if far < 150 else 1
        ).worst.excess()
        < 0.5
    )


@pytest.mark.parametrize(("name", "x"), POINTS)
def test_steps_give_the_slope_that_mpmath_gives(name: str, x: float) -> None:
    f = SCALES[name][0]
    truth, found = exactly(f, x), steps(ours(f), x)
    assert abs(found.value - truth) <= found.error + 1e-12 * abs(truth)
    assert found.error <= 0.05 * abs(truth)


@pytest.mark.parametrize(("name", "x"), POINTS)
def test_half_a_slope_is_found(name: str, x: float) -> None:
    """f and once more f, as a constant: the slope is twice what was recorded."""
    f = SCALES[name][0]

    def half(x: Value) -> Value:
        y = f(autograd, x)
        return y + y.data

    with pytest.raises(
        GradcheckError, match=r"by steps along f.*does f compute with \.data"
    ) as caught:
        gradcheck(half, x, order=1)
    told = re.search(
        r"is (\S+) by steps along f, (\S+) by the ops' formulas", str(caught.value)
    )
    assert told
    assert float(told[2]) == pytest.approx(exactly(f, x), rel=1e-7, abs=1e-320)
    assert float(told[1]) == pytest.approx(2 * float(told[2]), rel=0.05)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x + math.exp(-(((x.data - 2024) / 0.5) ** 2)), 2024.3),
        (lambda x: x * math.exp(-(((x.data - 2024) / 0.5) ** 2)), 2024.3),
        (lambda x: Value(math.exp(-(((x.data - 2024) / 0.5) ** 2))), 2024.3),
        (lambda x: x + math.sin(1e5 * x.data), 1.0),
        (lambda x: x * (1 + 1e-5 * math.sin(x.data)), 1.0),
        (lambda x: x * x + 1e-3 * math.sin(1e5 * x.data), 1.0),
        (lambda x: x + math.sin(2 * math.pi * 64 * x.data), 1.0),
        (lambda x: log(x) + math.log(x.data), 1e150),
        (lambda x: x * x.data * 1e-290, 1.0),
        (lambda x: sqrt(1 - x) + math.sqrt(1 - x.data), 1 - 1e-9),
        (lambda x: x + (math.exp(x.data) - 1) * 0.1, 0.0),
        (lambda x: x + (math.exp(x.data) - 1) * 0.1, 1e-9),
        (lambda x: x + math.log(1 + x.data), 1e-20),
        (lambda x: x + math.exp(x.data), 1e-20),
        (lambda x: x**3 + 1e-3 * x.data, 0.0),
        (lambda x: 1 + x**2 + 1e-3 * math.sin(x.data), 0.0),
        (lambda x: 1e7 + x + math.sin(x.data), 1.0),
        (lambda x: exp(1e30 * x) + math.exp(1e30 * x.data), 0.0),
        (lambda x: 1e-200 * x + math.sin(x.data), 0.5),
    ],
)
def test_what_leaves_the_graph_is_found_at_its_own_scale(
    f: Callable[[Value], Value], x: float
) -> None:
    with pytest.raises(
        GradcheckError, match=r"by steps along f.*does f compute with \.data"
    ):
        gradcheck(f, x, order=1)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("name", "f", "x"),
    [
        ("exp", lambda op, x: op(-(((x - 2024) / 0.5) ** 2)), 2024.3),
        ("exp", lambda op, x: op(x), -600.0),
        ("log", lambda op, x: op(x), 1e150),
        ("log", lambda op, x: op(x), 1e-150),
        ("mul", lambda op, x: op(op(x, x), 1e-280), 1.0),
        ("mul", lambda op, x: op(x, 1e280), 1.0),
        ("sin", lambda op, x: op(1e5 * x), 1.0),
        ("sin", lambda op, x: op(x), 1e22),
        ("sqrt", lambda op, x: op(1 - x), 1 - 1e-9),
        ("power", lambda op, x: op(x, 1e5), 1.0001),
        ("div", lambda op, x: op(1e-100, x), 1e60),
    ],
)
def test_a_partial_that_is_off_by_a_billionth_is_found_at_every_scale(
    name: str, f: Any, x: float
) -> None:
    op, off = TABLE[name], list[Any]()
    for true in op.partials:
        off.append(lambda *zxy, true=true: true(*zxy) * (1 + 1e-9))
    wrong = Op("wrong", op.symbol, op.formula, tuple(off), op.domain)  # type: ignore[arg-type]
    with pytest.raises(GradcheckError, match=r"look at z = .*its partial"):
        gradcheck(lambda x: f(wrong, x), x, order=1)
    assert gradcheck(lambda x: f(op, x), x, order=1)


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (
            lambda x, y: exp(-(((x - 2024) / 0.5) ** 2)) * sin(1e5 * y),
            (2024.3, 1.0),
        ),
        (lambda x, y: x * 1e-200 + y, (1.0, 1.0)),
        (lambda x, y: log(x) * y, (1e150, 1e-150)),
        (lambda x, y: x / y, (1e-200, 1e-100)),
        (lambda x, y: x**y, (1e-10, 1e2)),
        (lambda x, y: log1p(x) + tanh(1e30 * y), (1e12, 1e-31)),
        (lambda x, y, w: (x - y) * w, (1e8, 1e8 + 1, 1e-8)),
    ],
)
def test_operands_of_other_scales(
    f: Callable[..., Value], at: tuple[float, ...]
) -> None:
    assert gradcheck(f, *at).worst.excess() < 0.5


# ------------------------------------------------------------------------------- where nothing is told
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x * 1e200 * 1e-200 * 1e-200, 1.0),
        (lambda x: x * 1e-200 * 1e-200 * 1e200, 1e100),
        (lambda x: 1 / (log1p(x**2) * x**4), 1.07e27),
        (lambda x: exp(expm1(-0.4 * (1 / x - 12.7))), 7.7e122),
        (lambda x: cos(log(expm1(x))), 445.9),
        (lambda x: tanh(x) * 1e-310, 0.3),
        (lambda x: exp(x) * 1.0, -744.0),
        (log, 1e200),
        (reciprocal, 1e200),
        (lambda x: x * x, 1e-300),
        (sin, 1e22),
        (cos, 1e300),
        (lambda x: sin(1e17 * x), 1.0),
        (lambda x: where(cos(x), x, 3 * x), 1e20),
        (lambda x: (x + 1e20) - 1e20, 0.3),
        (lambda x: 1e10 + x, 1e-9),
        (cos, 1e-9),
        (lambda x: x**3, 0.0),
        (lambda x: x * x + x**3, 0.0),
        (lambda x: (x + x * x) - x, 0.0),
        (lambda x: exp(-((x / 1e-30) ** 2)), 0.0),
        (lambda x: sqrt(1 - x), 1 - 2.0**-50),
    ],
)
def test_underflow_and_rounding_are_no_verdict(
    f: Callable[[Value], Value], x: float
) -> None:
    assert gradcheck(f, x).worst.excess() < 1


@pytest.mark.parametrize("seed", range(40))
def test_a_wave_of_any_length_at_any_point(seed: int) -> None:
    """Steps much longer than the wave meet anything; those must not count."""
    rng = random.Random(seed)
    size, x = (
        10 ** rng.uniform(-3, 18),
        rng.choice([0.0, rng.uniform(-5, 5), 10 ** rng.uniform(-9, 9)]),
    )
    assert (
        gradcheck(lambda x: sin(size * x) + 0.1 * x, x, order=1).worst.excess() < 1
    )


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x * 1e200 * 1e200 * 1e-300, 1e-150),
        (lambda x: sin(x * 1e160 * 1e160) * 1e-170, 1e-200),
    ],
)
def test_products_of_slopes_that_overflow(
    f: Callable[[Value], Value], x: float
) -> None:
    """In backward's order they do not; forward mode gives inf."""
    with pytest.raises(
        ValueError,
        match="needs a point where f and its slopes are finite: products of",
    ):
        gradcheck(f, x, order=1)


# ------------------------------------------------------------------------------ borders, jumps and kinks
def within(
    low: float, high: float, error: Callable[[], Any]
) -> Callable[[Value], Value]:
    """A function that objects to numbers outside of its domain."""

    def f(x: Value) -> Value:
        if not low <= x.data <= high:
            error()
        return x * x + x

    return f


def refuse() -> None:
    raise ValueError("outside")


def insist() -> None:
    raise AssertionError


@pytest.mark.parametrize("error", [refuse, insist, lambda: 1 / 0])
@pytest.mark.parametrize("x", [0.0, 1.0, 1e-12, 0.5, 1 - 1e-15])
def test_a_border_leaves_one_side_or_smaller_steps(
    x: float, error: Callable[[], Any]
) -> None:
    f = within(0.0, 1.0, error)
    assert gradcheck(f, x).worst.excess() < 0.1
    with pytest.raises(GradcheckError, match="by steps along f"):
        gradcheck(lambda x: f(x) + f(x).data, x)


@pytest.mark.parametrize("power", [1.5, 2.5, 0.75])
def test_a_border_at_which_nothing_is_smooth(power: float) -> None:
    with pytest.raises(ValueError, match="needs a point"):
        gradcheck(lambda x: x**power, 0.0, order=1)


@pytest.mark.parametrize("distance", [0.3, 1e-2, 1e-6, 1e-11])
@pytest.mark.parametrize("x", [1.0, 2024.0, 1e-5])
def test_a_kink_or_a_jump_nearby_does_no_harm(x: float, distance: float) -> None:
    border = x + distance * x
    assert gradcheck(lambda v: where(v > border, 3 * v, v), x)
    assert gradcheck(lambda v: relu(v - border) + v, x)
    assert gradcheck(lambda v: where(v > border, v + 5, v), x)
    assert gradcheck(lambda v: absolute(v - border), x)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: where(x > 0, x, -x), 0.0),
        (lambda x: 1 + where(x > 0, x, -x), 0.0),
        (lambda x: where(x > 1, x * x, x), 1.0),
        (lambda x: where(x > 2024, 2 * x, x), 2024.0),
        (lambda x: where(x > 1, x, x - 5), 1.0),
        (lambda x: where(x > 1, x * x, x + 5), 1.0),
        (lambda x: where(x > 0, x, x - 1e-3), 0.0),
        (lambda x: 7 + 0 * x + where(x > 1, 1.0, 0.0), 1.0),
    ],
)
def test_a_kink_or_a_jump_at_the_point_is_told(
    f: Callable[[Value], Value], x: float
) -> None:
    with pytest.raises(GradcheckError, match=r"by steps along f.*is there a kink"):
        gradcheck(f, x, order=1)


def test_a_tie_is_shared() -> None:
    assert gradcheck(lambda x: maximum(x, 2 * x), 0.0, order=1)
    assert gradcheck(lambda x: maximum(x * x, x), 1.0, order=1)
    assert gradcheck(absolute, 0.0, order=1)


# ----------------------------------------------------------- a function that differs when called again
CALLS = count(1)
RNG = np.random.default_rng(7)
OTHERS = random.Random(7)
GROWN: list[float] = [0.0]


def growing(x: Value) -> Value:
    GROWN[0] += 1e-3
    return sigmoid(x) + GROWN[0]


@pytest.mark.parametrize(
    ("f", "told"),
    [
        (lambda x: x * OTHERS.random(), "gave"),
        (lambda x: x * x + RNG.normal(scale=1e-9), "gave"),
        (lambda x: x * next(CALLS), "gave"),
        (growing, "gave"),
        (lambda x: where(RNG.random() < 0.5, x, 0.0) * x, "gave"),
        (
            lambda x: x * x if OTHERS.random() < 0.5 else x * x.detach(),
            "had the slope ∂f/∂x =",
        ),
    ],
)
def test_a_function_that_differs_from_call_to_call_is_told_so(
    f: Callable[[Value], Value], told: str
) -> None:
    text = rf"gradcheck's function {told} \S+ and then \S+ when called twice at x = 0.5: it must depend on its"
    with pytest.raises(GradcheckError, match=text):
        gradcheck(f, 0.5)


def test_a_function_that_differs_later_is_not_blamed_for_a_kink() -> None:
    calls = count()
    with pytest.raises(
        GradcheckError,
        match=r"when called twice at x = 0.5, w = 2.0: it must depend",
    ):
        gradcheck(
            lambda x, w: x * w * (1.0 if next(calls) < 12 else RNG.random()),
            0.5,
            2.0,
        )


def test_a_function_that_rounds_otherwise_is_the_same() -> None:
    """A set of Values has an order of its own in every call."""
    assert gradcheck(
        lambda x: sum({x * 0.1, x * 0.2, x * 0.3, x * 0.7, x * 1.7}), 0.5
    )


def test_the_function_of_many_operands_that_differs_in_one() -> None:
    calls = count()
    with pytest.raises(
        GradcheckError, match=r"had the slope ∂f/∂w = 0.5 and then 0.0"
    ):
        gradcheck(
            lambda x, w: x * w if next(calls) < 3 else x * w.detach(), 0.5, 2.0
        )


# --------------------------------------------------------------------------------------- slopes of formulas
SIZES = [1e-300, 1e-150, 1e-20, 1e-9, 0.3, 0.9, 7.0, 300.0, 1e5, 1e20, 1e150, 1e300]


@pytest.mark.parametrize("x", [*SIZES, *[-x for x in SIZES]])
@pytest.mark.parametrize(
    "name", [name for name, op in TABLE.items() if len(op.operands) == 1]
)
def test_complex_steps_give_the_partial_at_every_scale(name: str, x: float) -> None:
    """Which other tests compare with mpmath."""
    op, z = TABLE[name], TABLE[name](Value(x))
    partial = (
        z.form.local(z.data, x)[0]
        if z.form and op.defined(x) and math.isfinite(z.data)
        else math.inf
    )
    if math.isfinite(partial):
        found = slopes.slope(z, 0)
        assert abs(
            found.value - partial
        ) <= found.error + chords.LOST + 1e-14 * abs(partial)
        assert found.error <= 1e-13 * abs(partial) or abs(partial) < 1e-290


@pytest.mark.parametrize(
    "name", [name for name, op in TABLE.items() if len(op.operands) > 1]
)
def test_slopes_of_several_operands_at_every_scale(name: str) -> None:
    """Operands of one size, or of different ones, from 1e-300 to 1e300; partials are compared with mpmath."""
    op, rng, compared = TABLE[name], random.Random(name), 0
    for _ in range(150):
        size = 10 ** rng.uniform(-300, 300)
        at = [
            rng.uniform(-3, 3) * rng.choice([size, size, 1.0]) for _ in op.operands
        ]
        z = op(*map(Value, at))
        if not (z.form and op.defined(*at) and math.isfinite(z.data)):
            continue
        for i, partial in enumerate(z.form.local(z.data, *at)):
            if math.isfinite(partial):
                slope = slopes.slope(z, i)
                rounding = chords.LOST + 1e-12 * abs(partial)
                assert abs(slope.value - partial) <= slope.error + rounding, (at, i)
                compared += 1
    assert compared > 30


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("formula", "slope", "x"),
    [
        (
            "exp(-((x - 2024) / 0.5) * ((x - 2024) / 0.5))",
            lambda z, x: -8 * (x - 2024) * z,
            2024.3,
        ),
        ("sin(1e12 * x)", lambda z, x: 1e12 * cos(1e12 * x), 1.0),
        ("1e-290 * x", lambda z, x: 1e-290, 1e5),
        (
            "atan2((x - 2024) / 0.5, 1.0)",
            lambda z, x: 2 / (1 + ((x - 2024) / 0.5) ** 2),
            2024.3,
        ),
        ("atan2(1e-9 * x, 1.0)", lambda z, x: 1e-9 / (1 + (1e-9 * x) ** 2), 3.0),
        ("gamma(x)", lambda z, x: 11404589.27159, 11.5),
        ("cbrt(x)", lambda z, x: z / (3 * x), 1e-200),
    ],
)
def test_ops_of_ones_own_scale(formula: str, slope: Any, x: float) -> None:
    def off(z: Value, x: Value) -> Any:
        return slope(z, x) * 1.001

    own, wrong = (
        Op("own", "own", formula, (slope,)),
        Op("wrong", "wrong", formula, (off,)),
    )
    if "gamma" not in formula:
        assert gradcheck(own, x, order=1).worst.excess() < 1
    with pytest.raises(GradcheckError, match=r"look at z = wrong\(x\) at x"):
        gradcheck(wrong, x, order=1)


@pytest.mark.usefixtures("registry")
def test_a_formula_whose_slope_cannot_be_told_is_no_verdict() -> None:
    jump = Op("jump", "jump", "floor(x)", (lambda z, x: 0.0,))
    assert gradcheck(jump, 0.5, order=1)
    assert slopes.slope(jump(Value(0.5)), 0).value == 0.0
    edge = Op(
        "edge",
        "edge",
        "sqrt(x) * x + 0 * atan2(x, 1.0)",
        (lambda z, x: 1.5 * sqrt(x),),
    )
    assert slopes.slope(edge(Value(0.0)), 0) == Slope(0.0, math.inf)


# ---------------------------------------------------------------------------------------------- the parts
def test_complex_steps_are_of_all_sizes() -> None:
    assert slopes.complex_steps(0.0) == [
        2.0**-26,
        2.0**-52,
        2.0**-104,
        2.0**-208,
        2.0**-416,
    ]
    assert slopes.complex_steps(-(2.0**20))[:3] == [2.0**-6, 2.0**-26, 2.0**-32]
    assert all(h > 0 for h in slopes.complex_steps(5e-324))


@pytest.mark.parametrize(
    "x", [1.0, -2024.3, 1e-9, 1e-300, 1e300, 0.0, 5e-324, 1e-320, 1.7e308]
)
def test_real_steps_grow_from_the_last_digits(x: float) -> None:
    found = [*chords.real_steps(x, 0.0)]
    assert all(b > 4 * a for a, b in pairwise(found))
    assert 4 * math.ulp(x) < found[0] < 8 * math.ulp(x)
    assert max(abs(x), 1.0) / 40 < found[-1] < max(abs(x), 1.0) / 2
    assert len(found) <= 40 and all(
        x + h != x != x - h for h in found if math.isfinite(x + h)
    )
    assert [h for h in chords.real_steps(1e-60, 1e-40) if 1e-45 < h < 1e-39]


def test_what_a_chord_misses() -> None:
    cube = Chord(13.0, (3.0, 12.0, 27.0), 0.0, True)  # x³ from 1 to 3
    assert (
        cube.missing == 0.0
        and cube.own_bend() == 2.0
        and cube.steep() == 27.0
        and cube.change() == 15.0
    )
    assert (
        Chord(13.5, (3.0, 12.0, 27.0), 0.25, True, 2.0).error
        == chords.MARGIN * 2.25
    )
    assert not cube.smooth() and Chord(1.0, (1.0, 1.1, 1.2), 0.0, True).smooth()
    assert Chord(1.0, (0.0, 1.0, 2.0), 8.0, True).smooth()  # beside its noise
    assert cube.like(Chord(0.0, (3.0, 10.0, 28.0), 0.0, True)) == 2.0


def test_rounding_is_counted_for_every_node() -> None:
    x, w = Value(3.0), Value(5.0)
    found = chords.recorded(x * w * 2, x)
    assert (found.value, found.slope) == (30.0, 10.0)
    assert found.noise == pytest.approx(chords.ROUNDING * (30 + 2 * 15), rel=1e-9)
    assert chords.recorded(x, x) == Sample(3.0, 0.0, 1.0)
    with no_grad():
        assert chords.recorded(x * 2, x).slope == 0.0


def test_points_outside_of_a_domain() -> None:
    curve = Curve(lambda x: Sample(1 / x, 0.0, 1.0), lambda x: 1 / x)
    assert (
        curve.value(2.0) == 0.5
        and math.isnan(curve.value(0.0))
        and math.isnan(curve.sample(0.0).slope)
    )


def test_sizes_that_cannot_be_told() -> None:
    assert slopes.Derivative(1.0, 2.0, 1e-7, 1.0).size(1e-6, 3e-7) == pytest.approx(
        2.4
    )
    assert slopes.Derivative(1.0, 2.0, math.nan, 1.0).size(1e-6) == math.inf


# ----------------------------------------------------------------------------------- at the end of the floats
EXTREME: dict[str, Callable[[Value], Value]] = {
    "sqrt": sqrt,
    "log": log,
    "exp": exp,
    "tanh": tanh,
    "x^0.5": lambda x: x**0.5,
    "x^1.5": lambda x: x**1.5,
    "x^x": lambda x: x**x,
    "x log x": lambda x: x * log(x),
    "1/x": reciprocal,
}


@pytest.mark.parametrize("name", EXTREME)
def test_the_smallest_numbers_are_no_verdict(name: str) -> None:
    """Down there steps underflow, or are larger than x: what no step can tell is not called wrong."""
    rng, refused = random.Random(0), 0
    for _ in range(40):
        x = 10 ** rng.uniform(-322, -280)
        try:
            gradcheck(EXTREME[name], x, order=1)
        except ValueError as error:  # of a slope that overflows; GradcheckError is an AssertionError
            refused += 1
            assert "finite" in str(error)
    assert refused < 40 or name in ("1/x",)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("formula", ["sqrt(x)", "log(x)", "exp(x)", "x * x"])
def test_what_is_wrong_at_a_small_number_is_still_wrong(formula: str) -> None:
    right = {"sqrt(x)": 0.5e100, "log(x)": 1e200, "exp(x)": 1.0, "x * x": 2e-200}[
        formula
    ]
    wrong = Op("wrong", "wrong", formula, (lambda z, x: right * 1.001,))
    with pytest.raises(GradcheckError, match=r"look at z = wrong\(x\)"):
        gradcheck(wrong, 1e-200, order=1)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: where(step(x), sqrt(x), x * x),
        lambda x: where(step(x), log(x), exp(x)),
        lambda x: where(step(x - 3), log(x), exp(x) * where(x, x, 1 / x)),
        lambda x: where(step(-x), sin(x), where(step(x), log(x), x)),
    ],
)
def test_what_where_does_not_choose_is_not_looked_at(
    function: Callable[[Value], Value],
) -> None:
    assert gradcheck(function, -1.25).worst.excess() < 1


@pytest.mark.usefixtures("registry")
def test_what_where_chooses_is(registry: None) -> None:
    wrong = Op("wrong", "wrong", "exp(x)", (lambda z, x: 1.001 * z,))
    with pytest.raises(GradcheckError, match=r"look at z = wrong\(x\)"):
        gradcheck(lambda x: where(step(x), log(x), wrong(x)), -1.0)
