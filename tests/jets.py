"""Exact derivatives of a program to order 3, each with a bound on what rounding may do to it.

A jet holds a number and its derivatives along sets of directions, a set being a mask of bits.  Beside each
stands its size, a float: the same sum over all paths with absolute values.  Rounding is one more direction,
ERROR: the size along it is a running error bound, in units of eps, through every condition of the program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.oracle import (
    LARGEST,
    ORACLES,
    SMALLEST_NORMAL,
    TINY,
    Exact,
    Program,
    mp,
    sign,
)

ERROR = 1
EPS = 2.0**-52
UNITS = 4.0  # roundings that one op, its partials and what they are multiplied by may have
FACTORIALS = [math.factorial(k) for k in range(5)]
NONE, ONE, HALF = mp.mpf(0), mp.mpf(1), mp.mpf("0.5")
FAR = mp.mpf(10**5)
UNDERFLOW = SMALLEST_NORMAL  # the smallest float in units of eps
Terms: TypeAlias = "dict[int, Exact]"
Sizes: TypeAlias = "dict[int, float]"
Derivatives: TypeAlias = (
    "list[Exact]"  # a function's value and its first four derivatives
)


@dataclass(frozen=True, eq=False)
class Jet:
    """A number: its terms by sets of directions, and their sizes."""

    terms: Terms
    sizes: Sizes

    @property
    def value(self) -> Exact:
        return self.terms[0]

    @property
    def error(self) -> float:
        """By how much the engine's number may differ."""
        return self.sizes.get(ERROR, 0.0) * (UNITS * EPS)


# --------------------------------------------------------------------- functions of one operand, to order 4
def power(x: Exact, y: Exact) -> Exact:
    """x^y, for an x too large or too small for floats by far another such."""
    far = x and mp.isfinite(y) and abs(y * mp.log(abs(x))) > FAR
    return (
        (-1 if x < 0 and mp.isint((y - 1) / 2) else 1)
        * exponential(y * mp.log(abs(x)))
        if far and (x > 0 or mp.isint(y))
        else ORACLES["power"].value(x, y)
    )


def powers(x: Exact, y: Exact) -> Derivatives:
    """x^y by x: y(y-1)...x^(y-k), nan where there is none."""
    found, factor = list[Exact](), ONE
    for k in range(5):
        found.append(factor * power(x, y - k) if factor else NONE)
        factor *= y - k
    return [z if mp.isfinite(z) or not k else mp.nan for k, z in enumerate(found)]


def exponential(x: Exact) -> Exact:
    """e^x, for an x that mpmath would take forever over, another that is as far beyond all floats."""
    return mp.exp(max(min(x, FAR), -FAR))


def logarithm(x: Exact) -> Derivatives:
    if x > 0:
        return [mp.log(x), 1 / x, -1 / x**2, 2 / x**3, -6 / x**4]
    return [-mp.inf if x == 0 else mp.nan, *[mp.nan] * 4]


def waves(x: Exact) -> Derivatives:
    s, c = mp.sin(x), mp.cos(x)
    return [s, c, -s, -c, s, c]


def logistic(x: Exact) -> tuple[Derivatives, Derivatives]:
    """p = 1/(1+e^-x) and q = 1-p: polynomials in them, with p' = pq and q' = -pq."""
    p, q = 1 / (1 + exponential(-x)), 1 / (1 + exponential(x))
    b, d = p * q, q - p
    terms = [
        p,
        b,
        b * d,
        b * (1 - 6 * b),
        b * d * (1 - 12 * b),
        b * (1 - 30 * b + 120 * b**2),
    ]
    return terms, [
        p,
        b,
        b,
        b * (1 + 2 * b),
        b * (1 + 8 * b),
        b * (1 + 30 * b + 120 * b**2),
    ]


def bell(x: Exact) -> tuple[Derivatives, Derivatives]:
    """The slope of the logistic function."""
    terms, sizes = logistic(x)
    return terms[1:], sizes[1:]


def hyperbolic(x: Exact) -> tuple[Derivatives, Derivatives]:
    """tanh x = 2p(2x) - 1."""
    terms, sizes = logistic(2 * x)
    return tuple(
        [
            sign(x) if abs(x) > FAR else mp.tanh(x),
            *[2 ** (k + 1) * d for k, d in enumerate(ds) if k],
        ]
        for ds in (terms, sizes)
    )  # type: ignore[return-value]


def softened(x: Exact) -> tuple[Derivatives, Derivatives]:
    """The integral of the logistic function."""
    value, parts = max(x, NONE) + mp.log1p(exponential(-abs(x))), logistic(x)
    return [value, *parts[0][:4]], [value, *parts[1][:4]]


def alike(
    f: Callable[[Exact], Derivatives],
) -> Callable[[Exact], tuple[Derivatives, Derivatives]]:
    """For a formula without sums, whose terms are their own sizes."""
    return lambda x: (f(x)[:5],) * 2


SMOOTH: dict[str, Callable[[Exact], tuple[Derivatives, Derivatives]]] = {
    "exp": alike(lambda x: [exponential(x)] * 5),
    "expm1": alike(
        lambda x: [
            mp.expm1(x) if abs(x) < 1 else exponential(x) - 1,
            *[exponential(x)] * 4,
        ]
    ),
    "log": alike(logarithm),
    "log1p": alike(
        lambda x: [
            ORACLES["log1p"].value(x) if x > -1 else logarithm(x + 1)[0],
            *logarithm(x + 1)[1:],
        ]
    ),
    "sin": alike(waves),
    "cos": alike(lambda x: waves(x)[1:]),
    "sigmoid": logistic,
    "sigmoid_1": bell,
    "tanh": hyperbolic,
    "softplus": softened,
    "sqrt": alike(
        lambda x: [mp.sqrt(x) if x >= 0 else mp.nan, *powers(x, HALF)[1:]]
    ),
    "reciprocal": alike(lambda x: powers(x, -ONE)),
}
SELECTING = ("where", "given")
ARITHMETIC = (
    "add",
    "sub",
    "mul",
    "div",
    "neg",
    "power",
    "maximum",
    "minimum",
    "defined",
)
UNKNOWN = Jet(
    {0: mp.nan}, {0: math.inf}
)  # of which nothing is claimed: rounding may have decided at a kink or pole
ROUGH = {
    "log": 0.0,
    "sqrt": 0.0,
    "reciprocal": 0.0,
    "log1p": -1.0,
}  # the number near which they change most
KINKED: dict[str, Callable[[Exact], tuple[Exact, Exact]]] = {
    "absolute": lambda x: (abs(x), sign(x)),
    "relu": lambda x: (max(x, NONE), mp.mpf(x > 0)),
    "sign": lambda x: (sign(x), NONE),
    "step": lambda x: (mp.mpf(x > 0), NONE),
}
KNOWN = {
    *SMOOTH,
    *KINKED,
    *SELECTING,
    *ARITHMETIC,
}  # of which random programs are made


# ----------------------------------------------------------------------------------------------- arithmetic
class Arithmetic:
    """The ops on jets to some order; ``reach`` bounds how much any intermediate can grow or shrink."""

    def __init__(self, order: int) -> None:
        self.order, self.reach = order, 1.0

    def product(self, x: Terms, y: Terms) -> Terms:
        found: Terms = {}
        for a, p in x.items():
            for b, q in y.items():
                if not a & b and ((a | b) >> 1).bit_count() <= self.order:
                    found[a | b] = found.get(a | b, 0) + p * q
        return found

    def series(self, d: Derivatives, x: Terms, rounding: Derivatives) -> Terms:
        """The function with these derivatives at x; each is off by its rounding along ERROR."""
        found, power = {0: d[0], ERROR: rounding[0]}, {0: 1}
        small = {mask: c for mask, c in x.items() if mask}
        for k in range(1, self.order + 2):
            power = self.product(power, small)
            for mask, c in power.items():
                part = c / FACTORIALS[k]
                found[mask] = found.get(mask, 0) + d[k] * part
                if rounding[k] and not mask & ERROR:
                    found[mask | ERROR] = (
                        found.get(mask | ERROR, 0) + rounding[k] * part
                    )
        return found

    def unary(
        self, x: Jet, d: Derivatives, sizes: Derivatives, slip: float = 1.0
    ) -> Jet:
        """A smooth function; ``slip`` scales its partials' rounding."""
        most = [size(c) for c in sizes]
        rounding = [most[0] + UNDERFLOW, *[slip * c + UNDERFLOW for c in most[1:]]]
        self.reach *= 1 + sum(most[: self.order + 2])
        found, terms = (
            self.series(most, x.sizes, rounding),
            self.series(d, x.terms, [0] * 5),
        )
        terms.pop(ERROR)
        if is_float(d[0], x):
            found[ERROR] = 0.0
        return Jet(terms, found)

    def smooth(self, name: str, x: Jet) -> Jet:
        if not mp.isfinite(x.value):
            return self.beyond(name, x)
        d, sizes = SMOOTH[name](x.value)
        radius = abs(x.value - ROUGH[name]) if name in ROUGH else ONE
        return self.unknown() if 100 * x.error > radius else self.unary(x, d, sizes)

    def unknown(self) -> Jet:
        """What may be at a pole, or by convention."""
        self.reach = math.inf
        return UNKNOWN

    def beyond(self, name: str, x: Jet) -> Jet:
        """A function of nan, which has no derivative, or of an infinity, where it may be flat."""
        self.reach = math.inf
        try:
            value = ORACLES[name].value(x.value)
        except (ValueError, ZeroDivisionError, TypeError):
            value = mp.nan
        terms = {
            m: mp.nan if c != c or x.value != x.value else NONE
            for m, c in x.terms.items()
        }
        return lost(terms | {0: value if isinstance(value, mp.mpf) else mp.nan})

    def linear(self, value: Exact, slope: Exact, x: Jet) -> Jet:
        """The value, with slope × the derivatives of x; nothing is rounded."""
        self.reach *= 1 + size(value) + size(slope)
        terms = {m: slope * c for m, c in x.terms.items()} | {0: value}
        sizes = {m: size(slope) * c for m, c in x.sizes.items()} | {0: size(value)}
        return Jet(terms, sizes)

    def kinked(self, name: str, x: Jet) -> Jet:
        flat = name in ("sign", "step") and x.value == x.value
        if not (mp.isfinite(x.value) or flat):
            return self.beyond(name, x)
        if 0 < x.error >= abs(x.value):
            return UNKNOWN
        value, slope = KINKED[name](x.value)
        if flat:  # it depends on nothing, and a graph leaves out what is times 0
            return Jet({0: value}, {0: size(value), ERROR: 0.0})
        return self.linear(value, slope, x)

    def sum(self, x: Jet, y: Jet, slope: int = 1) -> Jet:
        self.reach *= 3
        terms, sizes = dict(x.terms), dict(x.sizes)
        for mask, c in y.terms.items():
            terms[mask] = terms.get(mask, NONE) + slope * c
        for mask, c in y.sizes.items():
            sizes[mask] = sizes.get(mask, 0.0) + c
        return self.rounded(terms, sizes, x, y)

    def mul(self, x: Jet, y: Jet) -> Jet:
        self.reach *= 1 + size(x.value) + size(y.value) + size(x.value * y.value)
        return self.rounded(
            self.product(x.terms, y.terms), self.product(x.sizes, y.sizes), x, y
        )

    def rounded(self, terms: Terms, sizes: Sizes, *operands: Jet) -> Jet:
        """Each term is off by its own rounding; the value is not if it is a float."""
        sizes[0] = size(terms[0])
        exact = is_float(terms[0], *operands)
        for mask in [m for m in sizes if not m & ERROR and (m or not exact)]:
            sizes[mask | ERROR] = (
                sizes.get(mask | ERROR, 0.0) + sizes[mask] + UNDERFLOW
            )
        return Jet(terms, sizes)

    def div(self, x: Jet, y: Jet) -> Jet:
        below = self.smooth("reciprocal", y)
        if below is UNKNOWN:
            return UNKNOWN
        z = self.mul(x, below)
        return settled(z, x.value / y.value, x, y) if y.value else z

    def power(self, x: Jet, y: Jet) -> Jet:
        if y.value == 0 and not mp.isfinite(
            x.value
        ):  # nan**0 is 1, and a compiled nan is gone there
            return self.unknown()
        if not (mp.isfinite(x.value) and mp.isfinite(y.value)):
            return lost(dict.fromkeys({**x.terms, **y.terms}, mp.nan))
        if set(y.sizes) == {0}:  # a constant
            d = powers(x.value, y.value)
            slip = 1 + size(mp.log(abs(x.value))) if x.value else 1.0
            near = 100 * x.error > abs(x.value) and not (
                mp.isint(y.value) and y.value >= 0
            )
            return self.unknown() if near else self.unary(x, d, d, slip)
        if (
            x.value <= 0
        ):  # what holds there is by convention, or is undefined: the edge tables have it
            return self.unknown()
        z = self.smooth("exp", self.mul(y, self.smooth("log", x)))
        return z if z is UNKNOWN else settled(z, power(x.value, y.value), x, y)

    def larger(self, x: Jet, y: Jet, way: int) -> Jet:
        """The maximum if way is 1, the minimum if it is -1; at a tie each has a half."""
        self.reach *= 3
        gap = way * (x.value - y.value)
        if not mp.isfinite(gap) or (
            x is not y and x.error + y.error > 0 and abs(gap) <= x.error + y.error
        ):
            return UNKNOWN
        if gap:
            return x if gap > 0 else y
        halves = self.sum(
            self.linear(x.value / 2, HALF, x), self.linear(y.value / 2, HALF, y)
        )
        return Jet(
            halves.terms,
            {m: c for m, c in halves.sizes.items() if m != ERROR} | x_error(x),
        )

    def apply(self, name: str, operands: Sequence[Jet]) -> Jet:
        """The op on jets."""
        x = operands[0]
        if x is UNKNOWN or (UNKNOWN in operands and name not in SELECTING):
            return UNKNOWN
        if name in SMOOTH:
            return self.smooth(name, x)
        if name in KINKED:
            return self.kinked(name, x)
        if name == "defined":
            return operands[1] if x.value == x.value else UNKNOWN
        if name in SELECTING:
            unclear = 0 < x.error >= abs(x.value) or x.value != x.value
            z = operands[1] if x.value else operands[2]
            return (
                UNKNOWN
                if unclear or z is UNKNOWN
                else Jet(z.terms, {ERROR: 0.0} | z.sizes)
            )
        binary: dict[str, Callable[[Jet, Jet], Jet]] = {
            "add": self.sum, "sub": lambda x, y: self.sum(x, y, -1), "mul": self.mul, "div": self.div,
            "power": self.power, "maximum": lambda x, y: self.larger(x, y, 1),
            "minimum": lambda x, y: self.larger(x, y, -1),
        }  # fmt: skip
        return (
            self.linear(-x.value, -ONE, x)
            if name == "neg"
            else binary[name](*operands)
        )


def lost(terms: Terms) -> Jet:
    """A jet of which only nan is sure."""
    return Jet(terms, {m | ERROR: math.inf for m in terms})


def settled(z: Jet, value: Exact, *operands: Jet) -> Jet:
    """z with its value to the last digit, and without an error if that is a float."""
    sizes = {
        m: c
        for m, c in z.sizes.items()
        if m != ERROR or not is_float(value, *operands)
    }
    return Jet(z.terms | {0: value}, sizes)


def size(x: Exact) -> float:
    """|x| as a float: inf beyond their range."""
    return abs(float(x))


def x_error(x: Jet) -> Sizes:
    return {ERROR: x.sizes[ERROR]} if ERROR in x.sizes else {}


def is_float(z: Exact, *operands: Jet) -> bool:
    """Whether a correctly rounded op gives z exactly, its operands being exact."""
    return (
        not any(x.sizes.get(ERROR) for x in operands)
        and mp.isfinite(z)
        and abs(z) <= LARGEST
        and float(z) == z
    )


# ------------------------------------------------------------------------------------------------- programs
@dataclass(frozen=True)
class Truth:
    """A program's numbers, and how to judge a float against one of them."""

    jets: list[Jet]
    reach: float

    def bound(self, place: int, mask: int = 0, floor: float = TINY) -> float:
        """What the float may be off by, if what is smaller than the floor may be lost on the way."""
        error = self.jets[place].sizes.get(mask | ERROR, 0.0)
        return (
            error * (UNITS * EPS) + self.reach * floor
            if error == error
            else math.inf
        )

    def ratio(
        self, got: float, place: int, mask: int = 0, floor: float = TINY
    ) -> float | None:
        """The error in parts of the bound: inf if the rules are broken, None where nothing is claimed.

        Where there is no derivative, a finite number breaks them; so does nan or inf where there is one,
        unless a number on the way can have left the floats' range.
        """
        if self.jets[place] is UNKNOWN:
            return None
        wanted, bound = (
            self.jets[place].terms.get(mask, NONE),
            self.bound(place, mask, floor),
        )
        if mask and wanted != wanted:
            return math.inf if math.isfinite(got) else 0.0
        if not mp.isfinite(self.jets[place].value):
            return None
        if not bound < math.inf or not mp.isfinite(wanted):
            return None
        if not math.isfinite(got):
            return None if self.reach > LARGEST else math.inf
        if mask and bound > self.jets[place].sizes.get(mask, 0.0) * 1e-6 + 1e-250:
            return None
        return float(abs(got - wanted) / bound)


def follow(
    program: Program,
    leaves: Sequence[float],
    directions: Sequence[Sequence[float]],
    order: int,
) -> Truth:
    """The truth about every number of the program; direction i has bit 2 << i."""
    calculus, jets = Arithmetic(order), list[Jet]()
    for i, x in enumerate(leaves):
        terms = {0: mp.mpf(x)} | {
            2 << k: mp.mpf(d[i]) for k, d in enumerate(directions) if d[i]
        }
        jets.append(Jet(terms, {m: size(c) for m, c in terms.items()}))
    for name, *operands in program:
        constants = {
            x: Jet({0: mp.mpf(x)}, {0: abs(x)})
            for x in operands
            if isinstance(x, float)
        }
        jets.append(
            calculus.apply(
                name,
                [jets[x] if isinstance(x, int) else constants[x] for x in operands],
            )
        )
    reach = math.prod([calculus.reach] * order, start=float(len(jets)))
    return Truth(jets, reach if reach == reach else math.inf)
