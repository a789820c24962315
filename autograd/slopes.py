"""Slopes that trust no partial of the op table: what ``gradcheck`` compares derivatives with.

A formula's slope is taken by the complex step, Im f(x+ih)/h, in which nothing cancels (Squire and Trapp, SIAM
Review 40, 1998).  A whole function's is taken by real steps along it, which notice what was never recorded,
as in math.exp(x.data).

Every step has to fit the function's own scale, which may be far below |x| or far above it.  Complex steps of
many sizes are tried until two agree.  Real steps grow from a few units in the last place of x, as long as
the recorded slope hardly changes along them.  Along such a step f must change by the integral of that slope,
which Simpson's rule gives.  What is missing was not recorded.  A step that rounding or curvature hides tells
nothing.
"""

from __future__ import annotations

import cmath
import math
import operator
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple, TypeAlias, TypeVar

from .ieee import ERRORS, PYTHON
from .sweeps import ledger
from .terms import ARITHMETIC, fold, terms_of
from .value import Op, Value, plain, toposort

T = TypeVar("T")
ROUGH = 1e-6  # how far real steps may be off, as a part of the slope
LOST = sys.float_info.min  # a number loses digits below the smallest normal one
TINY = LOST * sys.float_info.epsilon  # the smallest number
# of an op's result, as a part of it: eight times what IEEE 754 allows a sum
ROUNDING = 2.0**-50
# a complex step is so many bits smaller than |x|, or than 1
BITS = (26, 52, 104, 208, 416)
GROWTH = 8  # from one real step to the next
CLOSEST = 5.2  # units in the last place of x: the smallest real step
AGREE = 64  # a slope is so many times what two complex steps differ by
MARGIN = 4  # between what rounding and curvature explain, and a fault


class Slope(NamedTuple):
    """A slope, and how far it may be off."""

    value: float
    error: float

    def doubt(self) -> tuple[float, float]:
        """The error as a part of the slope, then the error itself."""
        part = min(self.error / abs(self.value), 1.0) if self.value else 1.0
        return part, self.error


# --------------------------------------------------------------------------------------------- complex steps
def erf(x: complex) -> complex:
    """erf near the real axis: from there on the integral of 2/√π·exp(-x²), by Simpson's rule."""
    heights = [
        cmath.exp(-(complex(x.real, part * x.imag) ** 2)).real
        for part in (0.0, 0.5, 1.0)
    ]
    mean = (heights[0] + 4 * heights[1] + heights[2]) / 6
    return complex(math.erf(x.real), 2 / math.sqrt(math.pi) * mean * x.imag)


def hypot(x: complex, y: complex) -> complex:
    """The distance from (0, 0), where it has slope 0; its square does not overflow.

    Raises ValueError for a step that is not small beside the distance, since all such steps agree on slope 1,
    and where the smaller operand's square would underflow.
    """
    least, size = sorted((abs(x.real), abs(y.real)))
    if size == 0:
        return 0j
    if max(abs(x.imag), abs(y.imag)) > size / AGREE or 0 < least < size * 1e-150:
        raise ValueError("no complex step can tell")
    return size * cmath.sqrt((x / size) ** 2 + (y / size) ** 2)


def sigmoid(x: complex) -> complex:
    """1 / (1 + exp(-x)); no number overflows on the way."""
    if x.real > 0:
        return 1 / (1 + cmath.exp(-x))
    return cmath.exp(x) / (1 + cmath.exp(x))


def maximum(x: complex, y: complex) -> complex:
    """The larger by the real parts; of equal ones the mean."""
    if x.real == y.real:
        return (x + y) / 2
    return x if x.real > y.real else y


def minimum(x: complex, y: complex) -> complex:
    """The smaller by the real parts; of equal ones the mean."""
    if x.real == y.real:
        return (x + y) / 2
    return x if x.real < y.real else y


ONE: dict[str, Callable[[complex], complex]] = {
    "fabs": lambda x: x * PYTHON["sign"](x.real),
    "sign": lambda x: PYTHON["sign"](x.real),
    "expm1": lambda x: complex(math.expm1(x.real), cmath.exp(x).imag),
    "log1p": lambda x: complex(math.log1p(x.real), cmath.log(1 + x).imag),
    "log2": lambda x: cmath.log(x) / math.log(2),
    "erf": erf,
    "erfc": lambda x: complex(math.erfc(x.real), -erf(x).imag),
    "gauss": lambda x: cmath.exp(-x * x),
    "stop_gradient": lambda x: complex(x.real),
    "sigmoid": sigmoid,
    "bell": lambda x: (0.5 / cmath.cosh(0.5 * x)) ** 2,
}
TWO: dict[str, Callable[[complex, complex], complex]] = {
    "heaviside": lambda x, at_zero: PYTHON["heaviside"](x.real, at_zero.real),
    "maximum": maximum,
    "minimum": minimum,
    "hypot": hypot,
    "pow": lambda x, y: x**y if x.real >= 0 else (-x) ** y * math.pow(-1.0, y.real),
}
COMPLEX: dict[str, Any] = {
    **vars(cmath),
    **ARITHMETIC,
    **ONE,
    **TWO,
    "==": operator.eq,
    "<": lambda x, y: x.real < y.real,  # pyright: ignore[reportUnknownLambdaType, reportUnknownMemberType]
    "if": lambda x, y, w: y if x.real else w,  # pyright: ignore[reportUnknownLambdaType, reportUnknownMemberType]
}


@cache
def in_complex(op: Op) -> Callable[..., complex] | None:
    """The op's formula for complex numbers; None if it has a word, as gamma, that is for real ones only."""
    if not all(term.word in COMPLEX for term in terms_of(op.tree) if term.args):
        return None

    def compute(*numbers: complex) -> complex:
        return complex(
            fold(op.tree, COMPLEX, dict(zip(op.operands, numbers, strict=True)))
        )

    return compute


def complex_steps(x: float) -> list[float]:
    """Steps from large to small: parts of |x|, the scale of log, and parts of 1, the scale of exp."""
    sizes = {math.ldexp(size, -bits) for size in (abs(x), 1.0) for bits in BITS}
    return sorted(sizes - {0.0}, reverse=True)


def complex_slopes(
    function: Callable[..., complex], at: Sequence[float], i: int
) -> Iterator[Slope]:
    """The slope by every complex step; its error is what it differs by from the step before."""
    before = math.inf
    for h in complex_steps(at[i]):
        try:
            value = function(*at[:i], complex(at[i], h), *at[i + 1 :]).imag / h
        except ERRORS:  # the step is too large, or the formula has a pole
            continue
        yield Slope(value, abs(value - before) + TINY / h)
        before = value


def by_complex_steps(
    function: Callable[..., complex], at: Sequence[float], i: int
) -> Slope | None:
    """The slope that two steps agree on best; None if no two agree, as where the function's scale is lost."""
    best, flat = Slope(0.0, math.inf), True
    for slope in complex_slopes(function, at, i):
        flat = flat and slope.value == 0
        best = min(best, slope, key=Slope.doubt)
        if best.error <= ROUNDING * abs(best.value):
            break
    return best if agreed(best, flat) else None


def agreed(best: Slope, flat: bool) -> bool:
    """Whether two steps agree on a slope; on a flat function they do if there were two."""
    return best.error <= abs(best.value) / AGREE or (flat and best.error < math.inf)


def slope(z: Value, i: int) -> Slope:
    """∂z/∂operand i from the op's formula alone."""
    op, at = z.op, [*map(plain, z.args)]
    assert op is not None
    function = in_complex(op)
    by_complex = by_complex_steps(function, at, i) if function else None
    return by_complex or by_real_steps(z, i, at)


# By node and operand's place, operands before results.
Edges: TypeAlias = dict[tuple[Value, int], Slope]


class Derivative(NamedTuple):
    """∂y/∂x by the chain rule: the sum over all paths of the graph, the sum of their sizes, and its error."""

    value: float
    paths: float
    error: float
    largest: float  # product of slopes on the way, from either end

    def size(self, allowed: float, error: float = 0.0) -> float:
        """What a difference is relative to: ``allowed`` of it is never less than the errors of both sides."""
        size = self.paths + (self.error + error) / allowed
        return size if size == size else math.inf


def chained(y: Value, xs: Sequence[Value]) -> list[Derivative]:
    """∂y/∂xs by the chain rule, from the slopes of every op.

    A product that underflows is lost in one order of multiplication and not in another, which is no fault:
    all that can be lost below the smallest normal number, from either end, counts as error.
    """
    slopes = Edges()
    value, paths, error = (defaultdict[Any, float](float) for _ in range(3))
    value[y] = paths[y] = 1.0
    for z in reversed(toposort(y)):
        for i, local in reversed(live(z)) if z in value else ():
            x, size = z.args[i], abs(local.value)
            slopes[z, i] = local
            value[x] += value[z] * local.value
            error[x] += error[z] * size + paths[z] * (local.error + LOST) + LOST
            paths[x] += paths[z] * size
    largest = max(paths.values())
    ahead = [pushed(y, x, dict(reversed(slopes.items()))) for x in xs]
    return [
        Derivative(value[x], paths[x], error[x] + lost, max(largest, far))
        for x, (lost, far) in zip(xs, ahead, strict=True)
    ]


def live(z: Value) -> list[tuple[int, Slope]]:
    """A node's slopes by its operands, without those that an op like ``where`` does not choose."""
    if z.form is None:
        return []
    slopes = [(i, slope(z, i)) for i in z.form.inner]
    if not z.form.op.selects:
        return slopes
    return [(i, local) for i, local in slopes if local.value]


def pushed(y: Value, x: Value, slopes: Edges) -> tuple[float, float]:
    """What the chain rule from x forward to y can lose, and the largest product of slopes on the way."""
    paths, error = {x: 1.0}, {x: 0.0}
    for (z, i), local in slopes.items():
        operand: Any = z.args[i]
        if operand in paths:
            paths[z] = paths.get(z, 0.0) + paths[operand] * abs(local.value)
            error[z] = error.get(z, 0.0) + error[operand] * abs(local.value) + LOST
    return error.get(y, 0.0), max(paths.values())


def by_real_steps(z: Value, i: int, at: Sequence[float]) -> Slope:
    """∂z/∂operand i of a formula that takes no complex numbers."""
    op, form = z.op, z.form
    assert op is not None and form is not None

    def sample(x: float) -> Sample:
        point = [*at[:i], x, *at[i + 1 :]]
        value: float = op.evaluate(*point)
        partial = form.local(value, *point)[form.inner.index(i)]
        return Sample(value, ROUNDING * abs(value) + TINY, partial)

    here = sample(at[i]).slope
    curve = Curve(sample, lambda x: sample(x).value)
    return along(curve, at[i], ROUGH * abs(here)) or Slope(here, math.inf)


# ------------------------------------------------------------------------------------------------ real steps
class Sample(NamedTuple):
    """A function at one point: its value, how far rounding may move that, and the slope that was recorded."""

    value: float
    noise: float
    slope: float


OUTSIDE = Sample(math.nan, math.nan, math.nan)


def recorded(y: Value, x: Value) -> Sample:
    """y, with its slope along x by the ledger; every node is rounded, and leaves are exact."""
    slope, paths = float(y is x), {y: 1.0}
    for step in ledger(y):
        slope += step.contribution if step.operand is x else 0.0
        if path := paths.get(step.node, 0.0):
            before = paths.get(step.operand, 0.0)
            paths[step.operand] = before + path * abs(step.local)
    return Sample(y.data, rounding(paths), slope)


def rounding(paths: dict[Value, float]) -> float:
    """How far the rounding of every node may move y, from the sizes of the paths to y."""
    noise = sum(
        path * (ROUNDING * abs(v.data) + TINY)
        for v, path in paths.items()
        if v.form and path
    )
    return noise if noise == noise else math.inf


class Curve:
    """A function of one number: its values, and what was recorded for it at a point, which takes longer."""

    def __init__(
        self, sample: Callable[[float], Sample], value: Callable[[float], float]
    ) -> None:
        self.sample = cache(inside(sample, OUTSIDE))
        self.value = cache(inside(value, math.nan))


def inside(function: Callable[[float], T], outside: T) -> Callable[[float], T]:
    """The same function, with an answer where it raises something, since it is outside of its domain."""

    def guarded(x: float) -> T:
        try:
            return function(x)
        except Exception:
            return outside

    return guarded


class Chord(NamedTuple):
    """A function along one step, from one end to the other, with the recorded slopes there and in between."""

    quotient: float
    slopes: tuple[float, float, float]
    noise: float  # of the quotient
    whole: bool  # it goes to both sides of x
    bend: float = 0.0  # the largest of this chord and all shorter ones
    drift: float = 0.0  # from what the next shorter chord misses

    @property
    def missing(self) -> float:
        """The part of the quotient that the recorded slopes do not explain, by Simpson's rule."""
        left, middle, right = self.slopes
        return self.quotient - (left / 6 + middle / 1.5 + right / 6)

    @property
    def error(self) -> float:
        """How far that may be off: Simpson's rule less the trapezoid's is more than its error."""
        return MARGIN * (self.noise + self.bend)

    def explained(self, allowed: float) -> bool:
        """Whether nothing is missing, but for what is allowed."""
        return abs(self.missing) <= allowed + self.error

    def own_bend(self) -> float:
        left, middle, right = self.slopes
        return abs((left - middle) + (right - middle)) / 3

    def steep(self) -> float:
        return max(map(abs, self.slopes))

    def change(self) -> float:
        """How much the recorded slope changes along the chord."""
        left, middle, right = self.slopes
        return max(abs(left - middle), abs(right - middle))

    def smooth(self) -> bool:
        """Whether that is little beside all else that is seen here."""
        return (
            self.change() <= max(self.steep(), abs(self.quotient), self.noise) / 8
        )

    def like(self, other: Chord) -> float:
        """How much the recorded slopes differ from another chord's."""
        return max(
            abs(here - there)
            for here, there in zip(self.slopes, other.slopes, strict=True)
        )


def chord(curve: Curve, x: float, h: float, enough: float) -> Chord | None:
    """The chord from x - h to x + h; at a border of the domain, the one on the side that is there.

    Nothing is recorded where its quotient is as near to the slope at x as is ``enough``.
    """
    h = (x + h) - x  # as it is after rounding
    for points in ((x - h, x, x + h), (x, x + h, x + 2 * h), (x - 2 * h, x - h, x)):
        new = chord_through(curve, x, points, enough)
        if new is not None:
            return new
    return None


Points: TypeAlias = tuple[float, float, float]


def chord_through(
    curve: Curve, x: float, points: Points, enough: float
) -> Chord | None:
    """The chord through three points, one of which is x; None where it is not finite."""
    left, _, right = map(curve.value, points)
    width = points[2] - points[0]
    if not all(map(math.isfinite, (left, right, width))):
        return None
    here = curve.sample(x)
    quotient = (right - left) / width
    whole = points[1] == x
    noise = max(here.noise, ROUNDING * abs(left), ROUNDING * abs(right))
    noise = 2 * noise / width
    off = abs(quotient - here.slope)
    if off <= enough + noise / MARGIN:
        slopes = (here.slope, here.slope, here.slope)
        return Chord(quotient, slopes, max(noise, off), whole)
    return recorded_chord(curve, points, quotient, whole)


def recorded_chord(
    curve: Curve, points: Points, quotient: float, whole: bool
) -> Chord | None:
    """The chord with the slopes that are recorded at its points; None where one is not finite."""
    left, middle, right = map(curve.sample, points)
    slopes = (left.slope, middle.slope, right.slope)
    noise = 2 * max(left.noise, middle.noise, right.noise)
    noise = noise / (points[2] - points[0]) + ROUNDING * max(map(abs, slopes))
    if not all(map(math.isfinite, slopes)):
        return None
    return Chord(quotient, slopes, noise, whole)


def real_steps(x: float, precise: float) -> Iterator[float]:
    """Steps from small to large: to |x|, to where rounding no longer hides the slope, and to 1."""
    starts = [(math.ulp(x), 18), (precise / GROWTH**5, 6), (math.ulp(1.0), 18)]
    steps = sorted(
        CLOSEST * start * GROWTH**k for start, n in starts for k in range(n)
    )
    last = 0.0
    for h in steps:
        if max(4 * last, 4 * math.ulp(x)) < h < max(abs(x), 1.0) / 2:
            yield h
            last = h


def chords(curve: Curve, x: float, allowed: float) -> list[Chord]:
    """The shortest chord, and all longer ones while the slope is smooth, or has the same kink at x."""
    row = list[Chord]()
    precise = curve.sample(x).noise / allowed if allowed else 0.0
    for h in real_steps(x, precise):
        new = chord(curve, x, h, allowed / 1000 if row else -math.inf)
        if new is None:
            break
        if math.isinf(new.quotient):  # a jump
            continue
        telling = tells(row, new)
        if telling or not row:
            row.append(compared(new, row[-1] if row else new))
        if not telling:
            break
    return row


def tells(row: Sequence[Chord], new: Chord) -> bool:
    """Whether the slope is smooth along a chord, or has the same kink as along the shorter ones."""
    first = row[0] if row else new
    return kinked([*row, new]) or (first.smooth() and new.smooth())


def compared(new: Chord, shorter: Chord) -> Chord:
    """The chord with its drift from the next shorter one, and the larger bend of both."""
    drift = abs(new.missing - shorter.missing)
    return new._replace(bend=max(shorter.bend, new.own_bend()), drift=drift)


def kinked(chords: Sequence[Chord]) -> bool:
    """Whether the slope jumps at x: within the shortest chord, and in the same way in all others."""
    first = chords[0]
    same = all(
        chord.like(first) <= first.steep() / 64
        for chord in chords
        if chord.change()
    )
    return first.whole and first.change() > first.steep() / 8 and same


def faulty(row: Sequence[Chord], allowed: float) -> list[Chord]:
    """The chords that miss a slope: three neighbours that miss the same one, or all, as where f jumps."""
    wrong = [chord for chord in row if not chord.explained(allowed)]
    threes = zip(row, row[1:], row[2:], strict=False)
    alike = [three for three in threes if three_agree(three, wrong)]
    if not alike and len(wrong) == len(row) > 2:
        return wrong
    return [*chain(*alike)]


def three_agree(three: Sequence[Chord], wrong: Sequence[Chord]) -> bool:
    """Whether all three are wrong, and miss the same."""
    return all(chord in wrong for chord in three) and agree(three)


def agree(row: Sequence[Chord]) -> bool:
    """Whether they miss the same but for a fifth."""
    slopes = [chord.missing for chord in row]
    return max(slopes) - min(slopes) <= min(map(abs, slopes)) / 4


def along(curve: Curve, x: float, allowed: float) -> Slope | None:
    """The slope at x by steps along a function; None where it is not finite around x.

    It differs from the recorded slope by more than ``allowed`` and its own error only where chords miss
    something.  Where no chord can tell, the error is infinite.
    """
    here = curve.sample(x).slope
    row = chords(curve, x, allowed) if math.isfinite(here) else []
    if not row:
        return None
    bent = [chord for chord in row if chord.change()]
    if len(bent) > 2 and kinked(row):
        return at_kink(bent, row[0])
    best = most_telling(row, allowed)
    if best is None:
        return Slope(here, math.inf) if row[0].whole else None
    if not row[0].whole and best.error > ROUGH * best.steep():
        return None
    return Slope(here + best.missing, best.error)


def at_kink(bent: Sequence[Chord], shortest: Chord) -> Slope:
    """The slope of a kink's chords."""
    best = min(bent, key=lambda chord: chord.noise + chord.like(shortest))
    return Slope(best.quotient, MARGIN * best.noise + best.like(shortest))


def most_telling(row: Sequence[Chord], allowed: float) -> Chord | None:
    """The most precise of the faulty chords, or, if none is, of those that miss nothing."""
    telling = faulty(row, allowed)
    if not telling:
        telling = [chord for chord in row if chord.explained(allowed)]
    return min(telling, key=lambda chord: chord.error + chord.drift, default=None)
