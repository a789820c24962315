"""What every op and its first two derivatives must be at the edges: by edges.txt, and by mpmath."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from copy import copy
from fractions import Fraction
from functools import cache
from itertools import accumulate, chain, product
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tests.oracle import (
    EDGES,
    HALF_TINY,
    INF,
    LARGEST,
    NAN,
    ORACLES,
    ROOT_PI,
    TINY,
    Exact,
    blurred,
    density,
    distance,
    gaussian,
    mp,
    power,
    room_of_partial,
    room_of_value,
    sign,
    slope,
    ulp,
    within_range,
)

Array: TypeAlias = NDArray[np.float64]
Point: TypeAlias = tuple[float, ...]
Class: TypeAlias = Callable[
    [float, float], bool
]  # of an operand, and of the first one
Term: TypeAlias = tuple[
    Exact, ...
]  # factors, in the order in which floats would multiply them
Terms: TypeAlias = Callable[..., list[Term]]

TOP = mp.ldexp(1, 1024)  # stands for inf
ARITY = {name: len(oracle.partials) for name, oracle in ORACLES.items()}


# ------------------------------------------------------------------------------------- second derivatives
def by_base_twice(x: Exact, y: Exact) -> list[Term]:
    return [(power(x, y - 2), y - 1, y)]


def by_base_and_exponent(x: Exact, y: Exact) -> list[Term]:
    lower = power(x, y - 1)
    return [(lower,), (lower, mp.log(x), y)]


def by_exponent_and_base(x: Exact, y: Exact) -> list[Term]:
    return [(power(x, y), 1 / x), (power(x, y - 1), y, mp.log(x))]


def by_exponent_twice(x: Exact, y: Exact) -> list[Term]:
    return [(power(x, y), mp.log(x), mp.log(x))]


def logistic(x: Exact) -> Exact:
    return 1 / (1 + mp.exp(-x))


def of_sigmoid(x: Exact) -> list[Term]:
    return [(-logistic(x), logistic(-x), mp.tanh(x / 2))]


def of_tanh(x: Exact) -> list[Term]:
    return [(*term, mp.mpf(8)) for term in of_sigmoid(2 * x)]


def across(x: Exact, y: Exact, z: Exact) -> list[Term]:
    return [(-x / z, 1 / z, y / z)]


# Second derivatives as sums of products: all others are 0, but for mul's 1.  An error of a few units in the
# last place of the sum of the terms' absolute values is what rounding explains; that they cancel is no fault.
SECONDS: dict[tuple[str, int, int], Terms] = {
    ("div", 0, 1): lambda x, y: [(-1 / y, 1 / y)],
    ("div", 1, 0): lambda x, y: [(-1 / y, 1 / y)],
    ("div", 1, 1): lambda x, y: [(x / y, 1 / y, 1 / y)] * 2,
    ("reciprocal", 0, 0): lambda x: [(1 / x, 1 / x, 1 / x)] * 2,
    ("exp", 0, 0): lambda x: [(mp.exp(x),)],
    ("expm1", 0, 0): lambda x: [(mp.exp(x),)],
    ("log", 0, 0): lambda x: [(-1 / x, 1 / x)],
    ("log1p", 0, 0): lambda x: [(-1 / (1 + x), 1 / (1 + x))],
    ("sin", 0, 0): lambda x: [(-mp.sin(x),)],
    ("cos", 0, 0): lambda x: [(-mp.cos(x),)],
    ("log2", 0, 0): lambda x: [(-1 / x, 1 / x, 1 / mp.ln2)],
    ("log10", 0, 0): lambda x: [(-1 / x, 1 / x, 1 / mp.ln10)],
    ("atan", 0, 0): lambda x: [(1 / (1 + x * x), 1 / (1 + x * x), -2 * x)],
    ("erf", 0, 0): lambda x: [(gaussian(x), x, -4 / ROOT_PI)],
    ("erfc", 0, 0): lambda x: [(gaussian(x), x, 4 / ROOT_PI)],
    ("gauss", 0, 0): lambda x: [(gaussian(x), mp.mpf(-2)), (gaussian(x), 4 * x, x)],
    ("hypot", 0, 0): lambda x, y: [
        *across(x, x, distance(x, y)),
        (1 / distance(x, y),),
    ],
    ("hypot", 0, 1): lambda x, y: across(x, y, distance(x, y)),
    ("hypot", 1, 0): lambda x, y: across(x, y, distance(x, y)),
    ("hypot", 1, 1): lambda x, y: [
        *across(y, y, distance(x, y)),
        (1 / distance(x, y),),
    ],
    ("elu", 0, 0): lambda x: [(mp.exp(x) if x < 0 else mp.mpf(0),)],
    ("gelu", 0, 0): lambda x: [(density(x), mp.mpf(2)), (-density(x), x, x)],
    ("logsigmoid", 0, 0): lambda x: [(-logistic(x), logistic(-x))],
    ("softplus", 0, 0): lambda x: [(logistic(x), logistic(-x))],
    ("sigmoid", 0, 0): of_sigmoid,
    ("tanh", 0, 0): of_tanh,
    ("sqrt", 0, 0): lambda x: [(1 / (x * mp.sqrt(x)), mp.mpf("-0.25"))],
    ("power", 0, 0): by_base_twice,
    ("power", 0, 1): by_base_and_exponent,
    ("power", 1, 0): by_exponent_and_base,
    ("power", 1, 1): by_exponent_twice,
}
SECOND_ULPS = {
    "power": 4.0,
    "hypot": 6.0,
    "sigmoid": 5.0,
    "tanh": 5.0,
}  # others: 3, or 8 by differences


def seconds_of(name: str, i: int, j: int, point: Sequence[Exact]) -> list[Term]:
    """A second derivative's terms: by hand, or, of an op that mpmath knows, the whole by differences."""
    if not ORACLES[name].by_differences or (name, i, j) in SECONDS:
        return SECONDS[name, i, j](*point)
    return [(slope(name, order_of(i, j, len(point)), tuple(point)),)]


def order_of(i: int, j: int, arity: int) -> tuple[int, ...]:
    """How often ∂²/∂i∂j differentiates by each operand."""
    return tuple((i == k) + (j == k) for k in range(arity))


def slip(x: Exact, y: Exact) -> Exact:
    """By what factor x^(y-1) and x^(y-2) are off because their exponents round."""
    once = float(y) - 1.0
    rounded = abs(mp.mpf(once) - (y - 1)) + abs(
        mp.mpf(once - 1.0) - (mp.mpf(once) - 1)
    )
    return rounded * abs(mp.log(abs(x)))


def moderate(terms: list[Term]) -> bool:
    """Whether no partial product can come near the ends of the floats."""
    return all(
        sum(abs(mp.mag(factor)) for factor in term if factor) < 900
        for term in terms
    )


def partial_products(term: Term) -> list[Exact]:
    return [*accumulate(map(abs, term), operator.mul)]


def overflows(terms: list[Term]) -> tuple[bool, bool]:
    """Whether inf, and whether nan, may come out.

    inf where a factor or a partial product leaves the floats; nan where it then meets a zero, or an inf of
    the other sign.
    """
    sizes = [
        x for term in terms for x in (*map(abs, term), *partial_products(term))
    ]
    inf = any(x > LARGEST for x in sizes)
    signs = {sign(mp.fprod(term)) for term in terms}
    return inf, inf and (min(sizes) < TINY or len(signs) > 1)


def underflow_room(terms: list[Term]) -> Exact:
    """What becomes of the half of the smallest float by which a subnormal partial product may be off."""
    still_to_come = [
        [*partial_products(term[:0:-1])[::-1], mp.mpf(1)] for term in terms
    ]
    return HALF_TINY * mp.fsum(chain(*still_to_come))


# ------------------------------------------------------------------------------------------------ the table
class Row(NamedTuple):
    """A line of edges.txt: a class for every operand, an entry for every number."""

    classes: tuple[str, ...]
    entries: tuple[str, ...]
    text: str

    def fits(self, point: Point) -> bool:
        return all(
            belongs(name)(x, point[0])
            for name, x in zip(self.classes, point, strict=True)
        )


def spread(text: str, size: int) -> list[str]:
    """The entries of a group; one may stand for all."""
    entries = text.split()
    return entries * size if len(entries) == 1 else entries


def row(line: str, arity: int) -> Row:
    classes, *groups = line.split("|")
    entries = [spread(text, arity**order) for order, text in enumerate(groups)]
    assert [len(group) for group in entries] == [1, arity, arity**2], line
    return Row(tuple(classes.split()), tuple(chain(*entries)), line)


def read_table() -> dict[str, list[Row]]:
    table: dict[str, list[Row]] = {}
    name = ""
    for line in (
        (Path(__file__).parent / "edges.txt").read_text("utf-8").splitlines()
    ):
        text = line.split("#")[0].strip()
        if "|" in text:
            table[name].append(row(text, ARITY[name]))
        elif text:
            name, table[text] = text, []
    return table | {
        name: rows_of(n) for name, n in ARITY.items() if name not in table
    }


def rows_of(arity: int) -> list[Row]:
    """The rows of an op that edges.txt does not have: nan gives nan, but maybe a constant slope."""
    everywhere = " | ".join([" ".join(["*"] * arity), "mp", "mp", "mp"])
    nans = [
        " ".join(["nan" if i == k else "*" for k in range(arity)])
        for i in range(arity)
    ]
    return [
        row(line, arity)
        for line in (*[f"{nan} | nan | any | any" for nan in nans], everywhere)
    ]


CLASSES: dict[str, Class] = {
    "*": lambda x, first: True,
    "nan": lambda x, first: math.isnan(x),
    "±inf": lambda x, first: math.isinf(x),
    "0": lambda x, first: x == 0,
    "+0": lambda x, first: x == 0 and math.copysign(1, x) > 0,
    "-0": lambda x, first: x == 0 and math.copysign(1, x) < 0,
    "+": lambda x, first: not math.isnan(x) and math.copysign(1, x) > 0,
    "-": lambda x, first: not math.isnan(x) and math.copysign(1, x) < 0,
    "fin": lambda x, first: math.isfinite(x),
    "pos": lambda x, first: 0 < x < INF,
    "neg": lambda x, first: -INF < x < 0,
    "odd": lambda x, first: math.isfinite(x) and abs(math.fmod(x, 2)) == 1,
    "even": lambda x, first: math.isfinite(x) and math.fmod(x, 2) == 0,
    "frac": lambda x, first: math.isfinite(x) and math.fmod(x, 1) != 0,
    "big": lambda x, first: 1e15 < abs(x) < INF,
    "blur": lambda x, first: (
        math.isfinite(x) and Fraction(x - 1) != Fraction(x) - 1
    ),
    "=x": lambda x, first: x == first,
    "-x": lambda x, first: x == -first,
    "<x": lambda x, first: x < first,
    ">x": lambda x, first: x > first,
}


@cache
def belongs(name: str) -> Class:
    """The class of that name."""
    if "&" in name:
        parts = [belongs(part) for part in name.split("&")]
        return lambda x, first: all(part(x, first) for part in parts)
    if interval := re.fullmatch(r"\((.+),(.+)\)", name):
        low, high = map(float, interval.groups())
        return lambda x, first: low < x < high
    return CLASSES[name] if name in CLASSES else lambda x, first: x == float(name)


TABLE = read_table()


def row_of(name: str, point: Point) -> Row:
    return next(row for row in TABLE[name] if row.fits(point))


# --------------------------------------------------------------------------------------- what is wanted
class Wanted(NamedTuple):
    """A number that is wanted: truth + rest·unit, and by how many units one may be off.

    ``room`` is what an op may be off by beyond the ULPs that it promises, where its intermediate numbers
    round badly.  A truth near the largest float or beyond is kept, with its unit, as a quarter of itself.
    """

    truth: float
    rest: float = 0.0
    unit: float = 1.0
    promise: float = 0.0
    room: float = 0.0
    scale: float = 1.0
    nan: bool = False  # nan will do
    inf: bool = False  # inf will do
    signless: bool = False  # only the absolute value is compared
    zero: float = 0.0  # the sign that a zero must have


ANYTHING = Wanted(0.0, room=INF, nan=True, inf=True)


def rounded(
    truth: Exact, size: Exact, promise: float, room: Exact, **options: Any
) -> Wanted:
    """Within ULPs of something of that size: the truth itself, or its terms' absolute values."""
    truth, size = within_range(truth), within_range(max(abs(size), abs(truth)))
    scale = mp.mpf(0.25 if size >= TOP / 2 else 1)
    unit, near = ulp(size), float(truth * scale)
    rest = (truth * scale - near) / (unit * scale)
    return Wanted(
        near,
        float(rest),
        float(unit * scale),
        promise,
        float(room / unit),
        float(scale),
        **options,
    )


def value(name: str, point: Sequence[Exact]) -> Wanted:
    truth, room = ORACLES[name].value(*point), room_of_value(name, point)
    return rounded(
        truth, truth, ORACLES[name].value_ulps, room, zero=float(sign(truth))
    )


def first_derivative(name: str, i: int, point: Sequence[Exact]) -> Wanted:
    if not ORACLES[name].claims(point):
        return ANYTHING
    truth = ORACLES[name].partials[i](*point)
    room = room_of_partial(name, i, point)
    loud = room == mp.inf
    return rounded(
        truth,
        truth,
        ORACLES[name].partial_ulps,
        mp.mpf(0) if loud else room,
        inf=loud,
    )


def second_derivative(name: str, i: int, j: int, point: Sequence[Exact]) -> Wanted:
    if not ORACLES[name].claims(point):
        return ANYTHING
    terms = seconds_of(name, i, j, point)
    products = [mp.fprod(term) for term in terms]
    size = mp.fsum(map(abs, products))
    room = (
        size * slip(*point)
        if name == "power"
        else blurred(name, order_of(i, j, len(point)), point)
    )
    inf, nan = False, False
    if not moderate(terms):
        room += underflow_room(terms)
        inf, nan = overflows(terms)
    return rounded(
        mp.fsum(products), size, second_ulps(name), room, inf=inf, nan=nan
    )


def second_ulps(name: str) -> float:
    return SECOND_ULPS.get(name, 8.0 if ORACLES[name].by_differences else 3.0)


def order_of_column(column: int, arity: int) -> tuple[int, ...]:
    """How often a column of the table differentiates by each operand."""
    if column == 0:
        return (0,) * arity
    if column <= arity:
        return tuple(int(column - 1 == k) for k in range(arity))
    return order_of(*divmod(column - 1 - arity, arity), arity)


def by_mpmath_alone(name: str, column: int, point: Point) -> Wanted:
    """The same for an op without rows: of its derivatives at poles and infinities nothing is claimed."""
    exact = [mp.mpf(x) for x in point]
    try:
        truth = ORACLES[name].value(*exact)
    except (ValueError, ArithmeticError):
        return ANYTHING
    if not all(map(math.isfinite, point)) or not mp.isfinite(truth):
        return ANYTHING if column else Wanted(float(truth), nan=mp.isinf(truth))
    if column and not ORACLES[name].claims(exact):
        return ANYTHING
    order = order_of_column(column, len(point))
    at_an_end = not mp.isfinite(slope(name, order, tuple(exact)))
    return ANYTHING if at_an_end else by_mpmath(name, column, point)


def by_mpmath(name: str, column: int, point: Point) -> Wanted:
    """The number in that column of the table: the value, a partial, or a second one."""
    exact, arity = [mp.mpf(x) for x in point], ARITY[name]
    if column == 0:
        return value(name, exact)
    if column <= arity:
        return first_derivative(name, column - 1, exact)
    return second_derivative(name, *divmod(column - 1 - arity, arity), exact)


@cache
def expression(text: str) -> Callable[..., float]:
    """An entry such as 1, inf or -x as a function of the operands."""
    return eval(f"lambda x, y=nan, w=nan: float({text})", {"inf": INF, "nan": NAN})  # noqa: S307  our own text


def wanted(name: str, column: int, entry: str, point: Point) -> Wanted:
    """What an entry of the table means at this point."""
    signless, core = entry.startswith("±"), entry.strip("±?")
    if core == "wave":
        return Wanted(0.0, room=1.0)
    if core == "any":
        return ANYTHING
    if core == "mp":
        return by_mpmath_alone(name, column, point)
    if core == "=":
        return by_mpmath(name, column, point)._replace(signless=signless)
    number = expression(core)(*point) * (-1.0 if core == "-0" else 1.0)
    zero = (
        math.copysign(1.0, number)
        if column == 0 and number == 0 and core != "0"
        else 0.0
    )
    return Wanted(number, nan=entry.endswith("?"), signless=signless, zero=zero)


# ------------------------------------------------------------------------------------------- the comparison
def edge_points(name: str) -> list[Point]:
    """Every edge, every pair of edges, and every pair with a third operand of -3 or nan."""
    return [*product(*[EDGES, EDGES, (-3.0, NAN)][: ARITY[name]])]


class Truth:
    """All that is wanted at some points: an array of points by columns for each field of Wanted."""

    def __init__(
        self, name: str, points: Sequence[Point], columns: int | None = None
    ) -> None:
        self.name, self.points = name, points
        self.rows = [row_of(name, point) for point in points]
        cells = [
            [
                wanted(name, i, entry, point)
                for i, entry in enumerate(row.entries[:columns])
            ]
            for row, point in zip(self.rows, points, strict=True)
        ]
        self.want = Wanted(*np.moveaxis(np.array(cells, float), 2, 0))

    def part(self, places: Sequence[int], columns: int | None = None) -> Truth:
        """The same at these of the points alone, and in so many of the columns."""
        part = copy(self)
        part.points = [self.points[i] for i in places]
        part.rows = [self.rows[i] for i in places]
        part.want = Wanted(*[array[places, :columns] for array in self.want])
        return part

    def number(self, i: int, j: int) -> float:
        """What is wanted at a point, for a message."""
        return float(self.want.truth[i, j]) / float(self.want.scale[i, j])

    def units(self, got: Array) -> Array:
        """By how many units each number is off beyond its room; inf for a wrong one that has no unit."""
        want, (nan, inf, signless) = (
            self.want,
            [flag > 0 for flag in self.want[6:9]],
        )
        with np.errstate(all="ignore"):
            near = np.where(signless, np.copysign(got, want.truth), got)
            scaled = np.where(
                np.isinf(near), np.copysign(2.0**1022, near), near * want.scale
            )
            units = (
                np.abs((scaled - want.truth) / want.unit - want.rest) - want.room
            )
        same = (near == want.truth) | (np.isnan(got) & np.isnan(want.truth))
        signed = nan | (np.sign(near) == np.sign(want.truth))
        loud = (np.isnan(got) & nan) | (np.isinf(got) & inf & signed)
        units = np.where(
            same & ~np.isfinite(got) | loud,
            0.0,
            np.where(np.isnan(units), INF, units),
        )
        units[np.isinf(near) & (want.scale == 1) & ~same & ~loud] = INF
        units[(got == 0) & (want.zero * np.copysign(1.0, got) < 0)] = INF
        return units
