"""The sweeps of derivatives in ops: what flows along every edge is a graph like any other.

Left out of a graph are products with a constant 0 or 1, and sums with 0, and what is there already is not made
again: the third derivative reads what the first two have computed.  What ``where`` does not choose contributes
0, and an op without a value (log at -1) has no slope, wherever the graph is evaluated.  One thing is decided
while a graph is recorded: a constant 0, as the slope of sign, stays in it only where the op has no value now.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from operator import is_
from typing import Any, NamedTuple, TypeAlias, TypeGuard, cast

from .ieee import REAL
from .ops import defined, where
from .scopes import FORGET, within
from .sweeps import check_fresh
from .value import Form, Op, Scalar, Value, plain, toposort

MANY = 8  # choices that are kept one by one
# at which leaks looks, with either sign
SIZES = (1e-17, 0.5, 1.5, 1.0, 2.0, 3.0, 10.0, 1e300, math.inf, 0.0)
PROBES = (math.nan, *SIZES, *(-x for x in SIZES))


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


NO_FLOW = Flow(0.0)


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


def is_value(x: object) -> TypeGuard[Value]:
    return isinstance(x, Value)


def as_value(x: Scalar) -> Value:
    return x if isinstance(x, Value) else Value(x)


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
        return as_value(self.total(flows.get(x, NO_FLOW)))

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
