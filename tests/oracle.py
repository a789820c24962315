"""What the engine is tested against: exact values and partials, dual numbers, ULPs, edge values."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import mpmath

mp = mpmath.mp.clone()
mp.dps = 60

Exact: TypeAlias = Any  # an mpf, whose exponent has no bounds
Function: TypeAlias = Callable[..., Exact]
Program: TypeAlias = "Sequence[tuple[str, *tuple[int | float, ...]]]"  # see run

INF, NAN = math.inf, math.nan
TINY, SMALLEST_NORMAL, LARGEST = 5e-324, sys.float_info.min, sys.float_info.max
LOG_LARGEST = 709.782712893384


# ------------------------------------------------------------------------------------------------ the oracles
@dataclass(frozen=True)
class Oracle:
    """An op as analysis knows it, and the ULPs by which the engine's value and partials may be off."""

    value: Function
    partials: tuple[Function, ...]
    value_ulps: float = 0.5
    partial_ulps: float = 2.0


def above(d: Exact) -> Exact:
    """How much of a maximum's gradient goes to the operand that is larger by d: at a tie a half."""
    return mp.mpf(1) if d > 0 else mp.mpf(0) if d < 0 else mp.mpf("0.5") if d == 0 else mp.nan


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


def on_positive(f: Function, start: float = 0.0) -> Function:
    return lambda x: f(x) if x > start else mp.nan


ORACLES: dict[str, Oracle] = {
    "add": Oracle(lambda x, y: x + y, (lambda x, y: mp.mpf(1), lambda x, y: mp.mpf(1))),
    "sub": Oracle(lambda x, y: x - y, (lambda x, y: mp.mpf(1), lambda x, y: mp.mpf(-1))),
    "mul": Oracle(lambda x, y: x * y, (lambda x, y: y, lambda x, y: x)),
    "div": Oracle(lambda x, y: x / y, (lambda x, y: 1 / y, lambda x, y: -x / y**2), partial_ulps=3.0),
    "neg": Oracle(lambda x: -x, (lambda x: mp.mpf(-1),)),
    "reciprocal": Oracle(lambda x: 1 / x, (lambda x: -1 / x**2,)),
    "exp": Oracle(mp.exp, (mp.exp,), 1.0, 4.0),
    "expm1": Oracle(mp.expm1, (mp.exp,), 2.5, 5.0),
    "log": Oracle(mp.log, (on_positive(lambda x: 1 / x),), 1.0, 4.0),
    "log1p": Oracle(mp.log1p, (on_positive(lambda x: 1 / (1 + x), -1.0),), 2.5, 5.0),
    "sin": Oracle(mp.sin, (mp.cos,), 1.0, 4.0),
    "cos": Oracle(mp.cos, (lambda x: -mp.sin(x),), 1.0, 4.0),
    "absolute": Oracle(abs, (sign,)),
    "sign": Oracle(sign, (lambda x: mp.mpf(0),)),
    "step": Oracle(lambda x: mp.mpf(x > 0), (lambda x: mp.mpf(0),)),
    "relu": Oracle(lambda x: x if x > 0 else mp.mpf(0), (lambda x: mp.mpf(x > 0),)),
    "softplus": Oracle(
        lambda x: (x if x > 0 else 0) + mp.log1p(decay(x)), (lambda x: 1 / (1 + mp.exp(-x)),), 2.5, 5.0
    ),
    "sigmoid": Oracle(lambda x: 1 / (1 + mp.exp(-x)), (logistic_slope,), 2.5, 5.0),
    "bell": Oracle(logistic_slope, (lambda x: -logistic_slope(x) * mp.tanh(x / 2),), 5.0, 8.0),
    "tanh": Oracle(mp.tanh, (lambda x: 4 * logistic_slope(2 * x),), 2.5, 5.0),
    "sqrt": Oracle(mp.sqrt, (on_positive(lambda x: 1 / (2 * mp.sqrt(x))),)),
    "power": Oracle(power, (power_by_base, power_by_exponent), 1.0, 4.0),
    "maximum": Oracle(lambda x, y: x if x > y else y, (lambda x, y: above(x - y), lambda x, y: above(y - x))),
    "minimum": Oracle(lambda x, y: x if x < y else y, (lambda x, y: above(y - x), lambda x, y: above(x - y))),
    "where": Oracle(
        lambda x, y, w: y if x != 0 else w,
        (lambda x, y, w: mp.mpf(0), lambda x, y, w: mp.mpf(x != 0), lambda x, y, w: mp.mpf(x == 0)),
    ),
    "given": Oracle(
        lambda x, y, w: y if x != 0 else w,
        (lambda x, y, w: mp.mpf(0), lambda x, y, w: mp.mpf(x != 0), lambda x, y, w: mp.mpf(x == 0)),
    ),
    "defined": Oracle(lambda x, y: y, (lambda x, y: mp.mpf(0), lambda x, y: mp.mpf(1))),
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


ROOM: dict[tuple[str, int], Function] = {
    ("div", 1): lambda x, y: HALF_TINY / abs(y),
    ("power", 0): room_by_base,
    ("power", 1): room_by_exponent,
}


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


def run(program: Program, leaves: Sequence[float], tangents: Sequence[float]) -> list[Dual]:
    """All numbers of the program: the leaves, then the result of every line (op, operands...).

    An int among the operands is the place of an earlier number, a float is a constant.
    """
    duals = [Dual(mp.mpf(x), mp.mpf(t)) for x, t in zip(leaves, tangents, strict=True)]
    for name, *operands in program:
        found = [duals[x] if isinstance(x, int) else Dual(mp.mpf(x), mp.mpf(0)) for x in operands]
        duals.append(Dual.of(name, found))
    return duals


def gradient(program: Program, leaves: Sequence[float]) -> list[Exact]:
    """The last result's derivative by every leaf, a forward pass for each."""
    directions = [[float(i == j) for j in range(len(leaves))] for i in range(len(leaves))]
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
    return float(abs(within_range(mp.mpf(got)) - within_range(wanted)) / ulp(wanted))


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
EDGES = [*MAGNITUDES, *(-x for x in MAGNITUDES), 0.49, 0.99, 1.01, 2.0**53 - 1, 2.0**53, 1e15, 1e22, NAN]
