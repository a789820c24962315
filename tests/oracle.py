"""What the engine is tested against: exact values and partials, dual numbers, ULPs, edge values."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from typing import Any, TypeAlias

import mpmath

from autograd.ops import TABLE

mp = mpmath.mp.clone()
mp.dps = 60
INF, NAN = math.inf, math.nan

Exact: TypeAlias = Any  # an mpf, whose exponent has no bounds
Function: TypeAlias = Callable[..., Exact]
Program: TypeAlias = "Sequence[tuple[str, *tuple[int | float, ...]]]"  # see run

TINY, SMALLEST_NORMAL, LARGEST = 5e-324, sys.float_info.min, sys.float_info.max
LOG_LARGEST = 709.782712893384


# ------------------------------------------------------------------------------------------------ the oracles
@dataclass(frozen=True)
class Oracle:
    """An op as analysis knows it, and the ULPs by which the engine's value and partials may be off.

    They may be off besides as if the operands were, by ``blur`` units in their last places.  Of derivatives
    nothing is claimed where an operand is above ``reach``, or below its inverse.
    """

    value: Function
    partials: tuple[Function, ...]
    value_ulps: float = 0.5
    partial_ulps: float = 2.0
    blur: float = 0.0
    reach: float = INF
    by_differences: bool = False  # its derivatives, of any order
    tiny: float = 0.0  # by how many of the smallest floats all may be off: a subnormal factor times that

    def claims(self, point: Sequence[Exact]) -> bool:
        """Whether the operands are of a size at which derivatives are compared."""
        return self.reach == INF or all(
            1 / self.reach < abs(x) < self.reach or not x for x in point
        )


def of_mpmath(
    name: str, arity: int = 1, *, blur: float = 0.0, reach: float = INF
) -> Oracle:
    """The oracle that needs no hand: mpmath's function of that name, and its slopes by differences."""
    if not hasattr(mp, name):
        raise LookupError(
            f"mpmath has no {name!r}: write the oracle of this op into BY_HAND"
        )
    value = partial(real, getattr(mp, name))
    partials = [
        partial(derivative, value, tuple(map(int, unit)))
        for unit in mp.eye(arity).tolist()
    ]
    return Oracle(
        value, tuple(partials), 2.0, 5.0, blur, reach, by_differences=True
    )


def of_a_new_op(name: str, arity: int) -> Oracle:
    """The same, with room for a line that is written without care for operands that are huge or tiny."""
    return of_mpmath(name, arity, blur=2.0, reach=1e100)


def real(f: Function, *point: Exact) -> Exact:
    """f, or nan where it is complex."""
    z = f(*point)
    return z if isinstance(z, mp.mpf) else mp.nan


STEP = (
    mp.mpf(10) ** -25
)  # of a central difference, in parts of the operand, or of 1 if that is less
DIGITS = (100, 200, 400, 800, 1600)  # with which it is computed, until two agree


def derivative(f: Function, order: Sequence[int], *point: Exact) -> Exact:
    """A derivative of f by central differences, whose error is the step's square; nan where there is none."""
    if not all(map(mp.isfinite, point)):
        return mp.nan
    before = mp.zero
    for digits in DIGITS:
        try:
            with mp.workdps(digits):
                found = difference(f, order, point)
        except (ValueError, ArithmeticError):  # a pole
            return mp.nan
        if found and abs(found - before) <= abs(found) * STEP:
            break
        before = found
    return +found


def difference(f: Function, order: Sequence[int], point: Sequence[Exact]) -> Exact:
    """The central difference at this precision, divided by the steps."""
    steps = [STEP * min(abs(x) or 1, 1) for x in point]
    total = mp.zero
    for place in product(*[range(n + 1) for n in order]):
        halves = [mp.mpf(n) / 2 - k for k, n in zip(place, order, strict=True)]
        weight = math.prod(
            [(-1) ** k * math.comb(n, k) for k, n in zip(place, order, strict=True)]
        )
        total += weight * f(
            *[x + k * h for x, k, h in zip(point, halves, steps, strict=True)]
        )
    return total / mp.fprod([h**n for h, n in zip(steps, order, strict=True)])


def above(d: Exact) -> Exact:
    """How much of a maximum's gradient goes to the operand that is larger by d: at a tie a half."""
    return (
        mp.mpf(1)
        if d > 0
        else mp.mpf(0)
        if d < 0
        else mp.mpf("0.5")
        if d == 0
        else mp.nan
    )


def sign(x: Exact) -> Exact:
    return mp.mpf((x > 0) - (x < 0))


def decay(x: Exact) -> Exact:
    """e^-|x|"""
    return mp.exp(-abs(x))


def logistic_slope(x: Exact) -> Exact:
    return decay(x) / (1 + decay(x)) ** 2


def power(x: Exact, y: Exact) -> Exact:
    if y == 0:
        return mp.mpf(1)
    if x == 0:
        return mp.mpf(0) if y > 0 else mp.inf
    if x > 0:
        return mp.exp(y * mp.log(x))
    if not mp.isint(y):
        return mp.nan
    return (1 if mp.isint(y / 2) else -1) * mp.exp(y * mp.log(-x))


def power_by_base(x: Exact, y: Exact) -> Exact:
    if y == 0:
        return mp.mpf(0)
    return y * (power(x, y - 1) if x == 0 else power(x, y) / x)


def power_by_exponent(x: Exact, y: Exact) -> Exact:
    if x == 0:
        return mp.mpf(0) if y >= 0 else -mp.inf  # at 0**0 by convention
    return power(x, y) * mp.log(x) if x > 0 else mp.nan


ROOT_HALF, ROOT_PI, FAR = mp.sqrt(mp.mpf(1) / 2), mp.sqrt(mp.pi), mp.mpf(10**4)


def gaussian(x: Exact) -> Exact:
    return mp.exp(-x * x)


def erfc(x: Exact) -> Exact:
    """mpmath's, which does not take huge numbers; that beyond this one all floats are at their limit."""
    return mp.erfc(max(min(x, FAR), -FAR))


def below(x: Exact) -> Exact:
    """The normal distribution's share below x."""
    return erfc(-x * ROOT_HALF) / 2


def density(x: Exact) -> Exact:
    """The normal distribution's."""
    return gaussian(x * ROOT_HALF) * ROOT_HALF / ROOT_PI


def sigmoid_raised(n: int, x: Exact) -> Exact:
    """The n-th derivative, as a polynomial in b = s(1 - s) and d = 1 - 2s."""
    s = 1 / (1 + mp.exp(-x))
    b, d = s / (1 + mp.exp(x)), -mp.tanh(x / 2)
    return (
        s,
        b,
        b * d,
        b * (1 - 6 * b),
        b * d * (1 - 12 * b),
        b * (1 - 30 * b + 120 * b * b),
    )[n]


def tanh_raised(n: int, x: Exact) -> Exact:
    return 2 ** (n + 1) * sigmoid_raised(n, 2 * x)


def atan_raised(n: int, x: Exact) -> Exact:
    q = 1 + x * x
    return (
        mp.atan(x),
        1 / q,
        -2 * x / q**2,
        (6 * x * x - 2) / q**3,
        -24 * x * (x * x - 1) / q**4,
    )[n]


def gauss_raised(n: int, x: Exact) -> Exact:
    return (-1) ** n * mp.hermite(n, x) * gaussian(x)


def gelu_raised(n: int, x: Exact) -> Exact:
    """x·Φ(x), where each derivative of Φ'(x) = φ(x) is a Hermite polynomial times φ."""
    if n == 1:
        return below(x) + max(x, -FAR) * density(max(x, -FAR))
    return (2 - x * x, x**3 - 4 * x, -(x**4) + 7 * x * x - 4)[n - 2] * density(x)


# The derivatives of ops that are ops themselves: tanh_2 is the second of tanh.
RAISED: dict[str, Callable[[int, Exact], Exact]] = {
    "sigmoid": sigmoid_raised,
    "tanh": tanh_raised,
    "atan": atan_raised,
    "gauss": gauss_raised,
    "gelu": gelu_raised,
}


def raised(name: str, more: int = 0) -> Function | None:
    """The function that an op such as tanh_2 computes, or a derivative of it; None for other names."""
    base, _, order = name.partition("_")
    return partial(RAISED[base], int(order) + more) if order.isdigit() else None


def of_a_derivative(name: str) -> Oracle | None:
    """The oracle of an op such as tanh_2; None for other names."""
    value, slope = raised(name), raised(name, 1)
    if not value or not slope:
        return None
    return Oracle(value, (slope,), 5.0, 8.0, 4.0, 1e100, True, 4096.0)


def distance(x: Exact, y: Exact) -> Exact:
    return mp.sqrt(x * x + y * y)


def on_positive(f: Function, start: float = 0.0) -> Function:
    return lambda x: f(x) if x > start else mp.nan


BY_HAND: dict[str, Oracle] = {  # what mpmath lacks, or what is exact, or quicker
    "add": Oracle(
        lambda x, y: x + y, (lambda x, y: mp.mpf(1), lambda x, y: mp.mpf(1))
    ),
    "sub": Oracle(
        lambda x, y: x - y, (lambda x, y: mp.mpf(1), lambda x, y: mp.mpf(-1))
    ),
    "mul": Oracle(lambda x, y: x * y, (lambda x, y: y, lambda x, y: x)),
    "div": Oracle(
        lambda x, y: x / y,
        (lambda x, y: 1 / y, lambda x, y: -x / y**2),
        partial_ulps=3.0,
    ),
    "neg": Oracle(lambda x: -x, (lambda x: mp.mpf(-1),)),
    "reciprocal": Oracle(lambda x: 1 / x, (lambda x: -1 / x**2,)),
    "exp": Oracle(mp.exp, (mp.exp,), 1.0, 4.0),
    "expm1": Oracle(mp.expm1, (mp.exp,), 2.5, 5.0),
    "log": Oracle(mp.log, (on_positive(lambda x: 1 / x),), 1.0, 4.0),
    "log1p": Oracle(
        mp.log1p, (on_positive(lambda x: 1 / (1 + x), -1.0),), 2.5, 5.0
    ),
    "log2": Oracle(
        lambda x: mp.log(x) / mp.ln2,
        (on_positive(lambda x: 1 / (x * mp.ln2)),),
        1.0,
        4.0,
    ),
    "log10": of_mpmath("log10"),
    "tan": of_mpmath("tan"),
    "atan": of_mpmath("atan"),
    "sinh": of_mpmath("sinh"),
    "cosh": of_mpmath("cosh"),
    "erf": Oracle(mp.erf, (lambda x: 2 / ROOT_PI * gaussian(x),), 2.0, 5.0),
    "erfc": Oracle(erfc, (lambda x: -2 / ROOT_PI * gaussian(x),), 2.0, 5.0),
    "gauss": Oracle(
        gaussian, (lambda x: -2 * x * gaussian(x),), 2.0, 4.0, tiny=64.0
    ),
    "hypot": Oracle(
        distance,
        (
            lambda x, y: x / distance(x, y) if x else mp.mpf(0),
            lambda x, y: y / distance(x, y) if y else mp.mpf(0),
        ),
        1.0,
        3.0,
    ),
    "leaky_relu": Oracle(
        lambda x: x if x > 0 else mp.mpf(0.01) * x,
        (lambda x: mp.mpf(1 if x > 0 else 0.01),),
    ),
    "elu": Oracle(
        lambda x: x if x > 0 else mp.expm1(x),
        (lambda x: mp.exp(min(x, 0)),),
        2.5,
        5.0,
    ),
    "gelu": Oracle(
        lambda x: x * below(x),
        (lambda x: below(x) + x * density(x),),
        3.0,
        6.0,
        blur=4.0,
    ),
    "logsigmoid": Oracle(
        lambda x: min(x, 0) - mp.log1p(decay(x)),
        (lambda x: 1 / (1 + mp.exp(x)),),
        2.5,
        5.0,
    ),
    "sin": Oracle(mp.sin, (mp.cos,), 1.0, 4.0),
    "cos": Oracle(mp.cos, (lambda x: -mp.sin(x),), 1.0, 4.0),
    "absolute": Oracle(abs, (sign,)),
    "sign": Oracle(sign, (lambda x: mp.mpf(0),)),
    "stop_gradient": Oracle(lambda x: x, (lambda x: mp.mpf(0),)),
    "step": Oracle(lambda x: mp.mpf(x > 0), (lambda x: mp.mpf(0),)),
    "relu": Oracle(lambda x: x if x > 0 else mp.mpf(0), (lambda x: mp.mpf(x > 0),)),
    "softplus": Oracle(
        lambda x: (x if x > 0 else 0) + mp.log1p(decay(x)),
        (lambda x: 1 / (1 + mp.exp(-x)),),
        2.5,
        5.0,
    ),
    "sigmoid": Oracle(lambda x: 1 / (1 + mp.exp(-x)), (logistic_slope,), 2.5, 5.0),
    "tanh": Oracle(mp.tanh, (lambda x: 4 * logistic_slope(2 * x),), 2.5, 5.0),
    "sqrt": Oracle(mp.sqrt, (on_positive(lambda x: 1 / (2 * mp.sqrt(x))),)),
    "power": Oracle(power, (power_by_base, power_by_exponent), 1.0, 4.0),
    "maximum": Oracle(
        lambda x, y: x if x > y else y,
        (lambda x, y: above(x - y), lambda x, y: above(y - x)),
    ),
    "minimum": Oracle(
        lambda x, y: x if x < y else y,
        (lambda x, y: above(y - x), lambda x, y: above(x - y)),
    ),
    "where": Oracle(
        lambda x, y, w: y if x != 0 else w,
        (
            lambda x, y, w: mp.mpf(0),
            lambda x, y, w: mp.mpf(x != 0),
            lambda x, y, w: mp.mpf(x == 0),
        ),
    ),
    "given": Oracle(
        lambda x, y, w: y if x != 0 else w,
        (
            lambda x, y, w: mp.mpf(0),
            lambda x, y, w: mp.mpf(x != 0),
            lambda x, y, w: mp.mpf(x == 0),
        ),
    ),
    "defined": Oracle(
        lambda x, y: y, (lambda x, y: mp.mpf(0), lambda x, y: mp.mpf(1))
    ),
}
ORACLES = {
    name: BY_HAND.get(name)
    or of_a_derivative(name)
    or of_a_new_op(name, len(op.operands))
    for name, op in TABLE.items()
}

# Some partials are made from rounded numbers.  That does little harm, except where z or x^(y-1) is subnormal
# or inf, and in the exponent y - 1.  This is what such a partial may be off by beyond its ULPs.
HALF_TINY = mp.ldexp(1, -1075)


def room_by_exponent(x: Exact, y: Exact) -> Exact:
    if x <= 0:
        return mp.mpf(0)
    if power(x, y) > LARGEST:
        return mp.inf
    return HALF_TINY * abs(mp.log(x))


def room_by_base(x: Exact, y: Exact) -> Exact:
    if x == 0:
        return mp.mpf(0)
    lower = abs(power(x, y) / x)
    if lower > LARGEST:
        return mp.inf
    slip = abs(mp.mpf(float(y) - 1.0) - (y - 1))
    return abs(y) * (HALF_TINY + lower * slip * abs(mp.log(abs(x))))


def room_of_direction(x: Exact, y: Exact) -> Exact:
    """A distance that is subnormal is rounded."""
    return HALF_TINY / distance(x, y) if x or y else mp.mpf(0)


ROOM_OF_PARTIALS: dict[tuple[str, int], Function] = {
    ("hypot", 0): room_of_direction,
    ("hypot", 1): room_of_direction,
    ("div", 1): lambda x, y: HALF_TINY / abs(y),
    ("power", 0): room_by_base,
    ("power", 1): room_by_exponent,
}


@cache
def slope(name: str, order: tuple[int, ...], point: tuple[Exact, ...]) -> Exact:
    """An op's derivative by differences of its exact values; of tanh_2 and the like, of the exact partial."""
    oracle, (n, *_) = ORACLES[name], order
    if n and raised(name):
        return derivative(oracle.partials[0], [n - 1], *point)
    return derivative(oracle.value, order, *point)


def blurred(name: str, order: tuple[int, ...], point: Sequence[Exact]) -> Exact:
    """What a derivative of this order, or the value, changes by if operands and subnormal factors are off."""
    blur, tiny = ORACLES[name].blur, ORACLES[name].tiny * mp.mpf(TINY)
    if not blur:
        return tiny
    raised = [
        tuple(n + (i == j) for j, n in enumerate(order)) for i in range(len(order))
    ]
    slopes = [slope(name, more, tuple(point)) for more in raised]
    if not all(map(mp.isfinite, slopes)):  # at an end of the domain
        return mp.inf
    return tiny + (
        blur
        * mp.ldexp(1, -52)
        * mp.fsum([abs(x * d) for x, d in zip(point, slopes, strict=True)])
    )


def room_of_value(name: str, point: Sequence[Exact]) -> Exact:
    """What an op's value may be off by beyond its ULPs."""
    return blurred(name, (0,) * len(point), point)


def room_of_partial(name: str, i: int, point: Sequence[Exact]) -> Exact:
    """What an op's partial may be off by beyond its ULPs; inf where nothing is claimed."""
    if not ORACLES[name].claims(point):
        return mp.inf
    by_hand = (
        ROOM_OF_PARTIALS[name, i](*point)
        if (name, i) in ROOM_OF_PARTIALS
        else mp.mpf(0)
    )
    return by_hand + blurred(
        name, tuple(int(i == j) for j in range(len(point))), point
    )


def exact(f: Function, operands: Sequence[float]) -> Exact | None:
    """f at these floats, or None where it is infinite, complex or undefined."""
    if any(math.isnan(x) for x in operands):
        return None
    try:
        z = f(*map(mp.mpf, operands))
    except (ValueError, ZeroDivisionError):
        return None
    return z if isinstance(z, mp.mpf) and mp.isfinite(z) else None


# ----------------------------------------------------------------------------------------------- dual numbers
@dataclass(frozen=True)
class Dual:
    """A number and its derivative in one direction, both exact."""

    value: Exact
    tangent: Exact

    @classmethod
    def of(cls, name: str, operands: Sequence[Dual]) -> Dual:
        """The op applied to the operands; a partial is asked for only where a tangent flows in."""
        values = [x.value for x in operands]
        pairs = zip(ORACLES[name].partials, operands, strict=True)
        flows = [partial(*values) * x.tangent for partial, x in pairs if x.tangent]
        return cls(ORACLES[name].value(*values), sum(flows, mp.mpf(0)))


def run(
    program: Program, leaves: Sequence[float], tangents: Sequence[float]
) -> list[Dual]:
    """All numbers of the program: the leaves, then the result of every line (op, operands...).

    An int among the operands is the place of an earlier number, a float is a constant.
    """
    duals = [
        Dual(mp.mpf(x), mp.mpf(t)) for x, t in zip(leaves, tangents, strict=True)
    ]
    for name, *operands in program:
        found = [
            duals[x] if isinstance(x, int) else Dual(mp.mpf(x), mp.mpf(0))
            for x in operands
        ]
        duals.append(Dual.of(name, found))
    return duals


def gradient(program: Program, leaves: Sequence[float]) -> list[Exact]:
    """The last result's derivative by every leaf, a forward pass for each."""
    directions = [
        [float(i == j) for j in range(len(leaves))] for i in range(len(leaves))
    ]
    return [run(program, leaves, direction)[-1].tangent for direction in directions]


# -------------------------------------------------------------------------------------------------- distances
def bits(x: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def same_bits(x: float, y: float) -> bool:
    """Equal to the sign of zero; any nan equals any other."""
    return (x != x and y != y) or bits(x) == bits(y)


def place(x: float) -> int:
    """The place among all floats in their order: 0 for both zeros, 1 for 5e-324, -1 for -5e-324."""
    return -bits(-x) if x < 0 else bits(abs(x))


def ulps_apart(x: float, y: float) -> float:
    """How many floats it is from x to y: inf follows the largest; nan is near nan only."""
    if x != x or y != y:
        return 0 if x != x and y != y else INF
    return abs(place(x) - place(y))


def exponent(x: Exact) -> int:
    """That of the float's binade in which x lies."""
    return min(max(mp.frexp(x)[1], -1021), 1024) if x else -1021


def ulp(x: Exact) -> Exact:
    return mp.ldexp(1, exponent(x) - 53)


def within_range(x: Exact) -> Exact:
    """x, or where it is too large for a float the next power of two, which stands for inf."""
    top = mp.ldexp(1, 1024)
    return min(max(x, -top), top)


def ulp_error(got: float, wanted: Exact) -> float:
    """|got - wanted| in units of the last place of wanted, of which a subnormal has the smallest."""
    if got != got:
        return INF
    return float(
        abs(within_range(mp.mpf(got)) - within_range(wanted)) / ulp(wanted)
    )


# ------------------------------------------------------------------------------------------------ edge values
def with_neighbours(x: float) -> list[float]:
    return [math.nextafter(x, 0.0), x, math.nextafter(x, INF)]


# fmt: off
MAGNITUDES = [
    0.0, TINY, *with_neighbours(SMALLEST_NORMAL), 1e-200, 1e-154, *with_neighbours(1.0), 0.5, 2.0,
    math.pi / 2, math.pi, 17.0, 20.0, 37.0, 40.0, 178.0, 237.0, 354.0, 363.0, 372.5,
    *with_neighbours(LOG_LARGEST), 710.0, 745.0, 746.0, 1000.0, 1.3e154, 1e200, LARGEST, INF,
]
# fmt: on
EDGES = [
    *MAGNITUDES,
    *(-x for x in MAGNITUDES),
    0.49,
    0.99,
    1.01,
    2.0**53 - 1,
    2.0**53,
    1e15,
    1e22,
    NAN,
]
