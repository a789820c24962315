"""Copies and pickles of graphs: flat, so that a chain of a million nodes needs no recursion.

A root pickles as one list, operands before results.  Leaves stand in it as themselves, so that a leaf that
several roots share is still shared after loading; inner nodes without operands, and with the operands'
places in the list.  A user's attribute may hold any leaf; one that holds an inner node of the same graph can
be deep-copied, but not pickled.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, cast

from .scopes import Scope
from .sweeps import check_fresh
from .value import (
    NO_GRAD,
    Form,
    Op,
    Value,
    load_op as load_op,  # for pickles of version 0.5
    toposort,
)


def shallow(v: Value) -> Value:
    """The same node again, with the same operands."""
    z = object.__new__(type(v))
    attributes, slots = cast("Any", object.__getstate__(v))
    for name, x in (slots | (attributes or {})).items():
        setattr(z, name, x)
    return z


def wired(z: Value, form: Form | None, operands: Sequence[Value | float]) -> Value:
    """The node, now made by the form from the operands."""
    z.form = form
    z._x, z._y, z._w = (*operands, None, None, None)[:3]  # pyright: ignore[reportPrivateUsage]
    return z


def deep(v: Value, memo: dict[int, Any]) -> Value:
    """The graph again, leaves and all; ``memo`` is deepcopy's."""
    fresh = [z for z in toposort(v) if id(z) not in memo]
    for z in fresh:
        memo[id(z)] = wired(
            shallow(z), z.form, [memo.get(id(x), x) for x in z.args]
        )
    for z in fresh:  # attributes last: they may refer to any node
        memo[id(z)].__dict__.update(deepcopy(z.__dict__, memo))
    return memo[id(v)]


def reduce(v: Value) -> tuple[Any, ...]:
    """What pickle needs.  Raises StaleGraphError for a stale graph: loaded, it would look fresh."""
    if v.form is None:
        return reduce_leaf(v)
    order = toposort(v)
    check_fresh(order)
    for z in order:
        check_attributes(z)
    place: dict[Any, int] = {z: i for i, z in enumerate(order)}
    return load_graph, ([row(z, place) for z in order],)


def reduce_leaf(v: Value) -> tuple[Any, ...]:
    """What pickle needs of a leaf."""
    return load_leaf, (type(v), v.data, v.grad, v.scope), vars(v) or None


def check_attributes(z: Value) -> None:
    """Raises ValueError for an attribute that is an inner node."""
    for name, x in vars(z).items():
        if isinstance(x, Value) and x.form is not None:
            raise ValueError(
                f"pickle cannot keep the attribute {name!r}, an inner node; delete it first"
            )


def row(z: Value, place: dict[Any, int]) -> Any:
    """A leaf as itself; an inner node without operands, its op, and the operands' places."""
    if z.form is None:
        return z
    places = [place.get(x, x) for x in z.args]
    return wired(shallow(z), None, ()), z.op, places


def load_leaf(
    cls: type[Value], data: float, grad: float | None, scope: Scope | None
) -> Value:
    """A leaf from its parts; version 0.5 wrote None for NO_GRAD."""
    z = object.__new__(cls)
    Value.__init__(z, data)
    z.grad, z.scope = NO_GRAD if grad is None else grad, scope
    return z


def load_graph(rows: list[Any]) -> Value:
    """The last node of the list, with all that it depends on."""
    nodes: list[Value] = []
    for each in rows:
        nodes.append(each if isinstance(each, Value) else load_node(nodes, *each))
    return nodes[-1]


def load_node(
    nodes: Sequence[Value], z: Value, op: Op | None, places: Sequence[Any]
) -> Value:
    """An inner node with its operands, which are numbers or places among the nodes."""
    form = op and op.form(*[isinstance(x, int) for x in places])
    operands = [nodes[x] if isinstance(x, int) else x for x in places]
    return wired(z, form, operands)
