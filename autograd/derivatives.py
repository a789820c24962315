"""Derivatives as Values: gradients, products with the Jacobian from either side, and whole matrices.

The reverse sweep is written in ops (flows.py), so that a gradient is a graph like any other: it can be drawn,
printed and differentiated again.  Forward mode reads the same partials, so the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar, overload

from .flows import Known, pulled_back, pushed_forward
from .value import Scalar, Value, describe, scalar, toposort

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "vjp"]
P = ParamSpec("P")
R = TypeVar("R")


def of_graphs(example: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Refuses what is written for JAX's or HIPS's function of that name: a function for y, or several ys."""
    way_out = f"write y = f(x) with a Value x, then {example}"

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        name, parameters = function.__name__, signature(function)

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            check_no_function(name, (*args, *kwargs.values()), way_out)
            try:
                bound = parameters.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{name}: {error}; {way_out}") from None
            if "y" in parameters.parameters:
                check_result(name, bound.arguments["y"])
            return function(*args, **kwargs)

        return checked

    return decorate


def check_no_function(name: str, args: Iterable[object], way_out: str) -> None:
    """Raises TypeError if an argument is a function."""
    for x in args:
        if callable(x):
            kind = type(x).__name__
            raise TypeError(
                f"{name} takes the Values of a graph, not {kind}; {way_out}"
            )


def check_result(name: str, y: object) -> None:
    """Raises TypeError if what a function differentiates is not one Value."""
    if not isinstance(y, Value):
        kind = type(y).__name__
        several = "of several ys write jacobian(ys, xs), or take their sum"
        advice = several if isinstance(y, Iterable) else "give y itself, not y.data"
        raise TypeError(f"{name} differentiates one Value y, not {kind}; {advice}")


def check_direction(ys: Collection[Value], xs: Collection[Value]) -> None:
    """Raises TypeError if the ys are leaves from which the xs were computed: it is the wrong way round."""
    leaves = set(ys)
    if not xs or any(y.form for y in leaves) or not leaves.isdisjoint(xs):
        return
    if all(leaves.intersection(toposort(x)) for x in xs):
        y, x = next(iter(ys)), next(iter(xs))
        what = f"{describe(y)} is a leaf, and {describe(x)} was computed from it"
        raise TypeError(
            f"{what}; give the result first, as in grad(y, x) for y = f(x)"
        )


@overload
def grad(y: Value, xs: Value) -> Value: ...
@overload
def grad(y: Value, xs: Iterable[Value]) -> list[Value]: ...
@of_graphs("grad(y, x)")
def grad(y: Value, xs: Value | Iterable[Value]) -> Value | list[Value]:
    """∂y/∂xs as Values, one for a Value, a list for several.

    An x that y does not depend on has gradient 0.  Leaves' ``grad`` stays as it is.  Edges that the
    saturation rule would drop are kept, since the graph may be evaluated elsewhere: at such a point the
    result is nan.  A gradient reads any node that computes what it needs: for the higher orders by an inner x
    use hessian or hvp, which know it.  Raises TypeError for an x that is no Value, StaleGraphError after a
    leaf was assigned.

    >>> x = Value(2.0)
    >>> d = grad(x**3, x)
    >>> d.data, grad(d, x).data
    (12.0, 12.0)
    """
    return vjp(y, [xs])[0] if isinstance(xs, Value) else vjp(y, xs)


@of_graphs("vjp(y, [x])")
def vjp(y: Value, xs: Iterable[Value], seed: Scalar = 1.0) -> list[Value]:
    """seed × ∂y/∂x for every x, by one reverse sweep.

    >>> a, b = Value(2.0), Value(3.0)
    >>> [g.data for g in vjp(a * b, [a, b], seed=10)]
    [30.0, 20.0]
    """
    if isinstance(seed, Iterable) and not isinstance(seed, (str, bytes)):
        raise TypeError(
            f"vjp's seed is one number, as y is one Value, not {type(seed).__name__}; write 1.0"
        )
    targets, seed = values(xs), scalar(seed, "vjp's seed")
    known = Known(targets)
    known.learn(*([seed] if isinstance(seed, Value) else ()))
    order = known.learn(y)
    check_direction([y], targets)
    return pulled_back(y, seed, order, targets, known)


def values(xs: Any, by: str = " by", name: str = "x") -> list[Value]:
    """What to differentiate by, or what to differentiate, as a list."""
    what = f"differentiate{by} Values in a list, not{by}"
    try:
        several: Iterator[Any] = iter(xs)
    except TypeError:
        raise TypeError(f"{what} {type(xs).__name__}; write [{name}]") from None
    for x in (targets := [*several]):
        if not isinstance(x, Value):
            raise TypeError(
                f"{what} {type(x).__name__}; give {name} itself, not {name}.data"
            )
    return targets


@of_graphs("jvp(y, {x: 1.0})")
def jvp(y: Value, tangents: Mapping[Value, Scalar]) -> Value:
    """Σ ∂y/∂x × tangent of x, by one forward sweep.

    >>> a, b = Value(2.0), Value(3.0)
    >>> jvp(a * b, {a: 1.0, b: 10.0}).data
    23.0
    """
    if not isinstance(tangents, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"jvp's tangents are a dict such as {{x: 1.0}}, not {type(tangents).__name__}"
        )
    directions = {
        x: scalar(tangents[x], "jvp's tangents") for x in values(tangents)
    }
    [tangent] = pushed_forward([y], directions, Known(directions))
    check_direction([y], directions)
    return tangent


@of_graphs("hvp(y, [x], [1.0])")
def hvp(y: Value, xs: Iterable[Value], v: Iterable[Scalar]) -> list[Value]:
    """The Hessian of y times v, forward over reverse: the cost of a few gradients, however many xs."""
    kind: type[Any] = type(v)
    if issubclass(kind, Mapping) or not issubclass(kind, Iterable):
        what = (
            f"hvp's vector is a list with a number for every x, not {kind.__name__}"
        )
        raise TypeError(f"{what}; write hvp(y, [x], [1.0])")
    columns = values(xs)
    numbers = [scalar(t, "hvp's vector") for t in v]
    tangents = dict(zip(columns, numbers, strict=False))
    if not len(tangents) == len(columns) == len(numbers):
        what = f"{len(columns)} xs, {len({*columns})} of them different, and {len(numbers)} numbers"
        raise ValueError(
            f"hvp takes a list with every x once, and one with a number for each; not {what}"
        )
    known = Known(columns)
    order = known.learn(y)
    check_direction([y], columns)
    return pushed_forward(
        pulled_back(y, 1.0, order, columns, known), tangents, known
    )


@of_graphs("jacobian([y], [x])")
def jacobian(ys: Iterable[Value], xs: Iterable[Value]) -> list[list[Value]]:
    """A row for every y: its gradient by the xs.

    >>> a, b = Value(2.0), Value(3.0)
    >>> [[d.data for d in row] for row in jacobian([a * b, a - b], [a, b])]
    [[3.0, 2.0], [1.0, -1.0]]
    """
    columns, outputs = values(xs), values(ys, "", "y")
    check_direction(outputs, columns)
    return rows(outputs, columns)


def rows(ys: Sequence[Value], xs: Sequence[Value]) -> list[list[Value]]:
    """The Jacobian of the ys."""
    known = Known(xs)
    known.learn(*ys)
    return [pulled_back(y, 1.0, toposort(y), xs, known) for y in ys]


@of_graphs("hessian(y, [x])")
def hessian(y: Value, xs: Iterable[Value]) -> list[list[Value]]:
    """The second derivatives of y, a row for every x.

    >>> a, b = Value(2.0), Value(3.0)
    >>> [[d.data for d in row] for row in hessian(a * a * b, [a, b])]
    [[6.0, 4.0], [4.0, 0.0]]
    """
    columns = values(xs)
    return rows(grad(y, columns), columns)
