"""Derivatives as Values: gradients, products with the Jacobian from either side, and whole matrices.

The reverse sweep is written in ops here, so that a gradient is a graph like any other: it can be drawn,
printed and differentiated again.  Forward mode reads the same partials, so the two cannot disagree.  Left out
of a graph are products with a constant 0 or 1, and sums with 0.  What is decided when it is recorded: that an
op has no derivative where it has no value (log at -1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast, overload

from .operators import Scalar, plus, times
from .sweeps import check_fresh
from .value import Form, Value, scalar, toposort

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "vjp"]


@overload
def grad(y: Value, xs: Value) -> Value: ...
@overload
def grad(y: Value, xs: Iterable[Value]) -> list[Value]: ...
def grad(y: Value, xs: Value | Iterable[Value]) -> Value | list[Value]:
    """∂y/∂xs as Values, one for a Value, a list for several.

    An x that y does not depend on has gradient 0.  Leaves' ``grad`` stays as it is.  Edges that the
    saturation rule would drop are kept, since the graph may be evaluated elsewhere: at such a point the
    result is nan.  Raises TypeError for an x that is no Value, StaleGraphError after a leaf was assigned.

    >>> x = Value(2.0)
    >>> d = grad(x**3, x)
    >>> d.data, grad(d, x).data
    (12.0, 12.0)
    """
    return vjp(y, [xs])[0] if isinstance(xs, Value) else vjp(y, xs)


def vjp(y: Value, xs: Iterable[Value], seed: Scalar = 1.0) -> list[Value]:
    """seed × ∂y/∂x for every x, by one reverse sweep.

    >>> a, b = Value(2.0), Value(3.0)
    >>> [g.data for g in vjp(a * b, [a, b], seed=10)]
    [30.0, 20.0]
    """
    targets, order = values(xs), check_fresh(toposort(y))
    needed = set(targets)
    needed.update(z for z in order if any(x in needed for x in z.inner))
    adjoint: dict[Value, Scalar] = {y: scalar(seed, "vjp's seed")}
    for z in reversed(order):
        for i, x in enumerate(z.args if z in adjoint else ()):
            if x in needed:
                adjoint[x] = plus(adjoint.get(x, 0.0), times(adjoint[z], partial(z, i)))
    found = [adjoint.get(x, 0.0) for x in targets]
    return [x if isinstance(x, Value) else Value(x) for x in found]


def values(xs: Iterable[Value]) -> list[Value]:
    """What to differentiate by, as a list."""
    targets = list(xs)
    for x in targets:
        if not isinstance(x, Value):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"differentiate by Values, not by {type(x).__name__}; give x itself, not x.data")
    return targets


def jvp(y: Value, tangents: Mapping[Value, Scalar]) -> Value:
    """Σ ∂y/∂x × tangent of x, by one forward sweep.

    >>> a, b = Value(2.0), Value(3.0)
    >>> jvp(a * b, {a: 1.0, b: 10.0}).data
    23.0
    """
    order = check_fresh(toposort(y))
    tangent: dict[Value, Scalar] = {x: scalar(tangents[x], "jvp's tangents") for x in values(tangents)}
    for z in order:
        for i, x in enumerate(() if z in tangent else z.args):
            if x in tangent:
                tangent[z] = plus(tangent.get(z, 0.0), times(tangent[x], partial(z, i)))
    found = tangent.get(y, 0.0)
    return found if isinstance(found, Value) else Value(found)


def hvp(y: Value, xs: Iterable[Value], v: Iterable[Scalar]) -> list[Value]:
    """The Hessian of y times v, forward over reverse: the cost of a few gradients, however many xs."""
    columns = values(xs)
    tangents = dict(zip(columns, v, strict=True))
    if len(tangents) < len(columns):
        raise ValueError("hvp takes every x once; this list has one twice")
    return [jvp(g, tangents) for g in grad(y, columns)]


def jacobian(ys: Iterable[Value], xs: Iterable[Value]) -> list[list[Value]]:
    """A row for every y: its gradient by the xs.

    >>> a, b = Value(2.0), Value(3.0)
    >>> [[d.data for d in row] for row in jacobian([a * b, a - b], [a, b])]
    [[3.0, 2.0], [1.0, -1.0]]
    """
    columns = values(xs)
    return [grad(y, columns) for y in ys]


def hessian(y: Value, xs: Iterable[Value]) -> list[list[Value]]:
    """The second derivatives of y, a row for every x.

    >>> a, b = Value(2.0), Value(3.0)
    >>> [[d.data for d in row] for row in hessian(a * a * b, [a, b])]
    [[6.0, 4.0], [4.0, 0.0]]
    """
    columns = values(xs)
    return jacobian(grad(y, columns), columns)


def partial(z: Value, i: int) -> Scalar:
    """∂z/∂operand i, as a Value if it depends on one; a leaf that the partial made is a plain number."""
    form = cast("Form", z.form)
    if form.guarded and math.isnan(z.data):
        return math.nan
    found = form.op.partials[i](z, *cast("Any", z.args))
    if isinstance(found, Value):
        return found if found.form or found in (z, *z.args) else found.data
    return float(found)
