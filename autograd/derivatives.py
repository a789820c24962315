"""Derivatives as Values: gradients, products with the Jacobian from either side, and whole matrices.

The reverse sweep is written in ops here, so that a gradient is a graph like any other: it can be drawn,
printed and differentiated again.  Forward mode reads the same partials, so the two cannot disagree.  Left out
of a graph are products with a constant 0 or 1, and sums with 0, and what is there already is not made again:
the third derivative reads what the first two have computed.  What ``where`` does not choose contributes 0,
and an op without a value (log at -1) has no slope, wherever the graph is evaluated.  One thing is decided
while a graph is recorded: a constant 0, as the slope of sign, stays in it only where the op has no value now.
"""

from __future__ import annotations

import math
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from functools import cache, wraps
from inspect import signature
from itertools import product
from operator import is_
from typing import (
    Any,
    NamedTuple,
    ParamSpec,
    TypeAlias,
    TypeGuard,
    TypeVar,
    cast,
    overload,
)

from .ieee import REAL
from .ops import defined, where
from .scopes import FORGET, within
from .sweeps import check_fresh
from .value import Form, Op, Scalar, Value, describe, plain, scalar, toposort

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


class Chosen(NamedTuple):
    """A flow arrives only where ``where``, or an op like it, takes its operand 1 or 2 by this condition."""

    op: Op
    condition: Value
    position: int


Choices: TypeAlias = "tuple[Chosen, ...]"


class Flow(NamedTuple):
    """What flows along an edge, and by which choices it gets there; elsewhere the amount means nothing.

    An op that is not chosen may have an infinite slope or none, and 0 times that is nan.  So the choices are
    kept beside the amount, and applied where flows meet and where a sweep ends.
    """

    amount: Scalar
    choices: Choices = ()

    def beside(self, shared: Choices) -> Flow:
        """The amount with its other choices."""
        others = [choice for choice in self.choices if choice not in shared]
        return Flow(self.amount, tuple(others))


def common(one: Choices, other: Choices) -> Choices:
    """The choices that are in both."""
    return tuple([choice for choice in one if choice in other])


def pulled_back(
    y: Value,
    seed: Scalar,
    order: Sequence[Value],
    targets: Sequence[Value],
    known: Known,
) -> list[Value]:
    """The reverse sweep from y: seed × ∂y/∂x for every target."""
    needed, adjoint = above(targets, order), {y: Flow(seed)}
    for z in reversed(order):
        for i, x in enumerate(z.args if z in adjoint else ()):
            if x in needed:
                known.add(adjoint, x, known.flow(adjoint[z], z, i))
    return [known.result(adjoint, x) for x in targets]


def above(targets: Sequence[Value], order: Sequence[Value]) -> set[Value]:
    """The targets, and the nodes in this order that depend on one of them."""
    nodes = set(targets)
    for z in order:
        if not nodes.isdisjoint(z.inner):
            nodes.add(z)
    return nodes


def is_value(x: object) -> TypeGuard[Value]:
    return isinstance(x, Value)


def as_value(x: Scalar) -> Value:
    return x if isinstance(x, Value) else Value(x)


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


def pushed_forward(
    ys: Sequence[Value], tangents: Mapping[Value, Scalar], known: Known
) -> list[Value]:
    """The forward sweep: Σ ∂y/∂x × tangent of x for every y."""
    known.learn(*filter(is_value, tangents.values()))
    tangent = {x: Flow(t) for x, t in tangents.items()}
    for z in known.learn(*ys):
        for i, x in enumerate(() if z in tangents else z.args):
            if x in tangent:
                known.add(tangent, z, known.flow(tangent[x], z, i))
    return [known.result(tangent, y) for y in ys]


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


class Known(dict["Value | tuple[Any, ...]", Value]):
    """The nodes that are there, each by itself and by what it computes, so that none is made twice.

    An inner x is not read by what did not read it: that would make it depend on the x, too.
    """

    def __init__(self, xs: Iterable[Value]) -> None:
        super().__init__()
        self.apart = {x for x in xs if x.form}

    def learn(self, *ys: Value) -> Sequence[Value]:
        """The nodes below the ys, operands before results; they are known from now on."""
        order = check_fresh(toposort(*ys))
        for v in order:
            self[v] = v
            if v not in self.apart:
                self.setdefault(spelled(v), v)
        return order

    def flow(self, above: Flow, z: Value, i: int) -> Flow:
        """What flows on through z, to operand i or, forwards, from it."""
        op, operands = cast("Form", z.form).op, cast("Any", z.args)
        amount = self.where_defined(
            times(above.amount, self.merged(op.partials[i](z, *operands))), z
        )
        chooses = op.selects and len(operands) > 2
        if i == 0 or not chooses:
            return Flow(amount, above.choices)
        return Flow(amount, self.few((*above.choices, Chosen(op, operands[0], i))))

    def few(self, choices: Choices) -> Choices:
        """The same choices.  Many become one, so that deep graphs stay fast."""
        if len(choices) < MANY:
            return choices
        return (self.chosen(self.masked(1.0, choices)),)

    def chosen(self, indicator: Scalar) -> Chosen:
        """The choice by a number that is 1 where a flow arrives, else 0."""
        return Chosen(where, cast("Value", indicator), 1)

    def where_defined(self, amount: Scalar, z: Value) -> Scalar:
        """The amount, but nan where z is.  A constant 0 stays one, if z is not nan now, or by a condition."""
        form = cast("Form", z.form)
        condition = form.op.selects and len(form.inner) > 1
        if is_zero(amount) and (condition or not math.isnan(z.data)):
            return 0.0
        if form.guarded and leaks(form, constants_of(z)):
            return self.noted(defined(z, amount))
        return self.noted(amount)

    def add(self, flows: dict[Value, Flow], x: Value, flow: Flow) -> None:
        """Adds to what has arrived at x."""
        if not is_zero(flow.amount):
            flows[x] = self.both(flows[x], flow) if x in flows else flow

    def both(self, one: Flow, other: Flow) -> Flow:
        """Two flows as one."""
        shared = common(one.choices, other.choices)
        first, second = one.beside(shared), other.beside(shared)
        match first.choices, second.choices:
            case (Chosen(op, condition, 1),), (Chosen(same, equal, 2),) if (
                op is same and condition is equal
            ):
                z = op(condition, one.amount, other.amount)
                return Flow(self.noted(z), shared)
            case (Chosen(position=2),), (Chosen(position=1),):
                return self.both(other, one)
            case _:
                return self.sum(first, second, shared)

    def sum(self, first: Flow, second: Flow, shared: Choices) -> Flow:
        """Two flows as one; what both are chosen by is no longer among their choices."""
        amount = self.noted(plus(self.total(first), self.total(second)))
        if not (first.choices and second.choices):
            return Flow(amount, shared)
        otherwise = self.masked(1.0, second.choices)
        either = self.masked(1.0, first.choices, otherwise)
        return Flow(amount, self.few((*shared, self.chosen(either))))

    def result(self, flows: Mapping[Value, Flow], x: Value) -> Value:
        """What has arrived at x, at the end of a sweep."""
        return as_value(self.total(flows.get(x, ZERO)))

    def total(self, flow: Flow) -> Scalar:
        """The amount where it arrives, else 0."""
        return self.masked(flow.amount, flow.choices)

    def masked(
        self, taken: Scalar, choices: Choices, otherwise: Scalar = 0.0
    ) -> Scalar:
        """The first number where all choices hold, else the second."""
        for op, condition, i in reversed(choices):
            taken = self.noted(op.choice(condition, i, taken, otherwise))
        return taken

    def merged(self, x: Scalar) -> Scalar:
        """What a partial gave, with known nodes for all that are equal; the leaves it made are numbers."""
        if not isinstance(x, Value):
            return float(x)
        if x in self:
            return self[x]
        if x.form is None:
            return x.data
        operands = [*map(self.merged, x.args)]
        with within(x.scope):
            z = self.noted(remade(x, x.form.op, operands))
        if isinstance(z, Value):
            self[x] = z
        return z

    def is_of(self, op: Op, x: Scalar) -> bool:
        """Whether the op made x, and nobody differentiates by it."""
        return isinstance(x, Value) and x.op is op and x not in self.apart

    def noted(self, z: Scalar) -> Scalar:
        """The known node that computes what z does, if there is one; else z, which is known from now on."""
        if not isinstance(z, Value) or z.form is None or z in self:
            return z
        name, (x, *others) = z.form.op.name, z.args
        if (name, others) == ("power", [1.0]):  # a square's slope is 2·x, not 2·x^1
            return x
        if name == "neg" and self.is_of(z.form.op, x):  # -(-x)
            return cast("Value", x).args[0]
        same = self[same] = self.setdefault(spelled(z), z)
        return same


def remade(z: Value, op: Op, operands: Sequence[Scalar]) -> Scalar:
    """The node z, or, where its operands are others now, a new one."""
    return z if all(map(is_, operands, z.args)) else op(*operands)


def constants_of(z: Value) -> tuple[float, ...]:
    """The plain numbers among the operands of z."""
    return tuple([x for x in z.args if not isinstance(x, Value)])


def times(x: Scalar, y: Scalar) -> Scalar:
    """x·y without the products that say nothing, so that gradient graphs stay readable: 1·y, -1·y, 0·y."""
    for one, other in ((x, y), (y, x)):
        if isinstance(one, REAL) and one in (1, -1, 0):
            return other if one == 1 else -other if one == -1 else 0.0
    return x * y


def plus(x: Scalar, y: Scalar) -> Scalar:
    """x + y without 0 + y."""
    for one, other in ((x, y), (y, x)):
        if isinstance(one, REAL) and one == 0:
            return other
    return x + y


ZERO = Flow(0.0)
MANY = 8
# at which leaks looks, with either sign
SIZES = (1e-17, 0.5, 1.5, 1.0, 2.0, 3.0, 10.0, 1e300, math.inf, 0.0)
PROBES = (math.nan, *SIZES, *(-x for x in SIZES))


def is_zero(x: Scalar) -> bool:
    return not isinstance(x, Value) and x == 0


@cache
def leaks(form: Form, constants: tuple[float, ...]) -> bool:
    """Whether a partial has a value somewhere where the op has none: 1/x does, the slope of log at -2."""
    points = product(PROBES, repeat=len(form.inner))
    return any(leaks_at(form, constants, point) for point in points)


def leaks_at(
    form: Form, constants: tuple[float, ...], point: tuple[float, ...]
) -> bool:
    """Whether that is so where the Values among the operands have these numbers."""
    op, numbers, others = form.op, iter(point), iter(constants)
    with within(FORGET):
        operands: Any = [
            Value(next(numbers)) if i in form.inner else next(others)
            for i in range(len(op.operands))
        ]
        z = op(*operands)
        partials = [op.slope(i, z, operands) for i in form.inner]
    return math.isnan(z.data) and not all(map(math.isnan, map(plain, partials)))


def spelled(v: Value) -> tuple[Any, ...]:
    """What a node computes: its form and operands; str tells -0.0 from 0.0."""
    return (v.form or v, *[x if isinstance(x, Value) else str(x) for x in v.args])
