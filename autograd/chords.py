"""A function's slope by real steps along it, which notice what was never recorded, as in math.exp(x.data).

Every step has to fit the function's own scale, which may be far below |x| or far above it.  The steps grow from
a few units in the last place of x, as long as the recorded slope hardly changes along them.  Along such a step
f must change by the integral of that slope, which Simpson's rule gives.  What is missing was not recorded.  A
step that rounding or curvature hides tells nothing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple, TypeAlias, TypeVar

from .sweeps import ledger
from .value import Value

T = TypeVar("T")
ROUGH = 1e-6  # how far real steps may be off, as a part of the slope
LOST = sys.float_info.min  # a number loses digits below the smallest normal one
TINY = LOST * sys.float_info.epsilon  # the smallest number
# of an op's result, as a part of it: eight times what IEEE 754 allows a sum
ROUNDING = 2.0**-50
GROWTH = 8  # from one real step to the next
CLOSEST = 5.2  # units in the last place of x: the smallest real step
MARGIN = 4  # between what rounding and curvature explain, and a fault


class Slope(NamedTuple):
    """A slope, and how far it may be off."""

    value: float
    error: float

    def doubt(self) -> tuple[float, float]:
        """The error as a part of the slope, then the error itself."""
        part = min(self.error / abs(self.value), 1.0) if self.value else 1.0
        return part, self.error


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
        self.sample = cache(unless_outside(sample, OUTSIDE))
        self.value = cache(unless_outside(value, math.nan))


def unless_outside(
    function: Callable[[float], T], outside: T
) -> Callable[[float], T]:
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
    for new in finite_chords(curve, x, allowed):
        telling = tells(row, new)
        if telling or not row:
            row.append(beside(new, row[-1] if row else new))
        if not telling:
            break
    return row


def finite_chords(curve: Curve, x: float, allowed: float) -> Iterator[Chord]:
    """From short to long, as far as f is finite; without those along a jump.

    The slopes along the shortest are recorded in any case.
    """
    precise = curve.sample(x).noise / allowed if allowed else 0.0
    enough = -math.inf
    for h in real_steps(x, precise):
        new = chord(curve, x, h, enough)
        if new is None:
            return
        if not math.isinf(new.quotient):
            enough = allowed / 1000
            yield new


def tells(row: Sequence[Chord], new: Chord) -> bool:
    """Whether the slope is smooth along a chord, or has the same kink as along the shorter ones."""
    first = row[0] if row else new
    return kinked([*row, new]) or (first.smooth() and new.smooth())


def beside(new: Chord, shorter: Chord) -> Chord:
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
    return corrected(here, row, allowed)


def corrected(here: float, row: Sequence[Chord], allowed: float) -> Slope | None:
    """The recorded slope and what chords miss of it; None at a border, if they are not precise."""
    best, whole = most_telling(row, allowed), row[0].whole
    if best is None:
        return Slope(here, math.inf) if whole else None
    if not whole and best.error > ROUGH * best.steep():
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
