"""Slopes that trust no partial of the op table: what ``gradcheck`` compares derivatives with.

A formula's slope is taken by the complex step, Im f(x+ih)/h, in which nothing cancels (Squire and Trapp, SIAM
Review 40, 1998).  Complex steps of many sizes are tried until two agree.  A formula that takes no complex
numbers has real steps along it (chords.py).  The chain rule makes a graph's slopes of its ops'.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from .chords import LOST, ROUGH, ROUNDING, TINY, Curve, Sample, Slope, along
from .complexes import AGREE, in_complex
from .ieee import ERRORS
from .value import Value, plain, toposort

# a complex step is so many bits smaller than |x|, or than 1
BITS = (26, 52, 104, 208, 416)


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
