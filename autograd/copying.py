"""Copies and pickles of graphs: flat, so that a chain of a million nodes needs no recursion.

A root pickles as one list, operands before results, in which operands are places in the list.  Leaves stand
in it as themselves, so that a leaf that several roots share is still shared after loading.  A user's
attribute may hold any leaf; one that holds an inner node of the same graph can be deep-copied, but not
pickled.
"""

# pyright: reportPrivateUsage=false
# A copy is made slot by slot.

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from . import value as engine  # for its clock, which moves
from .operators import OPS
from .sweeps import check_fresh
from .value import NO_GRAD, Form, Op, Value, toposort

if TYPE_CHECKING:
    from .scopes import Scope


def make(
    cls: type[Value], data: float, grad: float | None, form: Form | None, operands: Sequence[Value | float],
    clock: int, scope: Scope | None, attributes: dict[str, Any],
) -> Value:  # fmt: skip
    """A Value put together from its parts; a grad of None is one that no pass has reached."""
    z = cls.__new__(cls)
    z._data, z.grad, z.form, z.clock, z.scope = data, NO_GRAD if grad is None else grad, form, clock, scope
    z._x, z._y, z._w = (*operands, None, None, None)[:3]
    z.__dict__.update(attributes)
    return z


def shallow(v: Value) -> Value:
    """The same node again, with the same operands."""
    return make(type(v), v.data, v.grad, v.form, v.args, v.clock, v.scope, v.__dict__)


def deep(v: Value, memo: dict[int, Any]) -> Value:
    """The graph again, leaves and all; ``memo`` is deepcopy's."""
    fresh = [z for z in toposort(v) if id(z) not in memo]
    for z in fresh:
        operands = [memo[id(x)] if isinstance(x, Value) else x for x in z.args]
        memo[id(z)] = make(type(z), z.data, z.grad, z.form, operands, z.clock, z.scope, {})
    for z in fresh:  # attributes last: they may refer to any node
        memo[id(z)].__dict__.update(deepcopy(z.__dict__, memo))
    return memo[id(v)]


def reduce(v: Value) -> tuple[Any, ...]:
    """What pickle needs.  Raises StaleGraphError for a stale graph: loaded, it would look fresh."""
    if v.form is None:
        return load_leaf, (type(v), v.data, unless_none(v), v.scope), v.__dict__ or None
    order = toposort(v)
    check_fresh(order)
    for z in order:
        for name, x in vars(z).items():
            if isinstance(x, Value) and x.form is not None:
                raise ValueError(f"pickle cannot keep the attribute {name!r}, an inner node; delete it first")
    place = {z: i for i, z in enumerate(order)}
    return load_graph, ([z if z.form is None else row(z, place) for z in order],)


def row(z: Value, place: dict[Value, int]) -> tuple[Any, ...]:
    """An inner node in the list."""
    operands = [place[x] if isinstance(x, Value) else x for x in z.args]
    return z.op, operands, z.data, unless_none(z), z.scope, z.__dict__


def unless_none(v: Value) -> float | None:
    """The grad, or None for the one that drawings show as a dash."""
    return None if v.grad is NO_GRAD else v.grad


def load_leaf(cls: type[Value], data: float, grad: float | None, scope: Scope | None) -> Value:
    """A leaf from its parts."""
    return make(cls, data, grad, None, (), engine.clock, scope, {})


def load_graph(rows: list[Any]) -> Value:
    """The last node of the list, with all that it depends on."""
    nodes: list[Value] = []
    for entry in rows:
        if isinstance(entry, Value):
            nodes.append(entry)
            continue
        op, places, data, grad, scope, attributes = entry
        operands = [nodes[x] if isinstance(x, int) else x for x in places]
        form = op.form(*(isinstance(x, int) for x in places))
        nodes.append(make(Value, data, grad, form, operands, engine.clock, scope, attributes))
    return nodes[-1]


def load_op(name: str) -> Op:
    """The op of that name."""
    if name in OPS:
        return OPS[name]
    what = f"this graph uses the op {name!r}, which is not registered here"
    raise ValueError(f"{what}; define it before loading")
