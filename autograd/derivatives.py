"""Derivatives of every kind, as Values: products with the Jacobian from either side, and whole matrices.

Forward mode reads the same partials as the reverse sweep, so the two cannot disagree about an op.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .freshness import check_fresh
from .operators import Scalar, plus, times
from .sweeps import adjoints, as_value, grad
from .value import Value, toposort


def vjp(y: Value, xs: Iterable[Value], seed: Scalar = 1.0) -> list[Value]:
    """seed × ∂y/∂x for every x, by one reverse sweep.

    >>> a, b = Value(2.0), Value(3.0)
    >>> [g.data for g in vjp(a * b, [a, b], seed=10)]
    [30.0, 20.0]
    """
    targets = list(xs)
    adjoint = adjoints(y, targets, seed)
    return [as_value(adjoint.get(x, 0.0)) for x in targets]


def jvp(y: Value, tangents: Mapping[Value, Scalar]) -> Value:
    """Σ ∂y/∂x × tangent of x, by one forward sweep.

    >>> a, b = Value(2.0), Value(3.0)
    >>> jvp(a * b, {a: 1.0, b: 10.0}).data
    23.0
    """
    order = toposort(y)
    check_fresh(order)
    tangent: dict[Value, Scalar] = dict(tangents)
    for z in order:
        if z.form is not None and z not in tangent:
            flows = [(tangent[x], i) for i, x in zip(z.form.inner, z.inner, strict=True) if x in tangent]
            for upstream, i in flows:
                tangent[z] = plus(tangent.get(z, 0.0), times(upstream, z.form.partial(z, i)))
    return as_value(tangent.get(y, 0.0))


def hvp(y: Value, xs: Iterable[Value], v: Iterable[Scalar]) -> list[Value]:
    """The Hessian of y times v, forward over reverse: the cost of a few gradients, however many xs."""
    tangents = dict(zip(xs, v, strict=True))
    return [jvp(g, tangents) for g in grad(y, list(tangents))]


def jacobian(ys: Iterable[Value], xs: Iterable[Value]) -> list[list[Value]]:
    """A row for every y: its gradient by the xs.

    >>> a, b = Value(2.0), Value(3.0)
    >>> [[d.data for d in row] for row in jacobian([a * b, a - b], [a, b])]
    [[3.0, 2.0], [1.0, -1.0]]
    """
    columns = list(xs)
    return [grad(y, columns) for y in ys]


def hessian(y: Value, xs: Iterable[Value]) -> list[list[Value]]:
    """The second derivatives of y, a row for every x.

    >>> a, b = Value(2.0), Value(3.0)
    >>> [[d.data for d in row] for row in hessian(a * a * b, [a, b])]
    [[6.0, 4.0], [4.0, 0.0]]
    """
    columns = list(xs)
    return jacobian(grad(y, columns), columns)
