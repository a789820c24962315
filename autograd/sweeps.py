"""The reverse sweep: every adjoint in one pass, results before operands.

``ledger`` is the sweep told edge by edge, in the engine's real order; drawings read nothing else.
``backward`` is the same sweep at speed, with the sums kept in ``grad``.

A gradient is never silently wrong.  Assigning a leaf advances the one clock (``value.clock``), every node
keeps the time at which it was computed, and with an operand younger than itself it is stale: it refuses.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from threading import RLock
from typing import Any, NamedTuple

from . import value  # for its clock, which moves
from .forking import after_fork
from .ieee import Real, number
from .value import NO_GRAD, Value, describe, plain, toposort

LOCK = RLock()  # threads may share leaves: their sums into grad must not interleave
after_fork(lambda: globals().update(LOCK=RLock()))


class StaleGraphError(RuntimeError):
    """A leaf was assigned after a graph was built from it: the graph's numbers no longer fit one another."""


class Step(NamedTuple):
    """One edge of the backward pass: upstream × local = contribution, a part of the operand's adjoint."""

    node: Value
    operand: Value
    position: int
    local: float
    upstream: float
    contribution: float


def backward(y: Value, seed: Real = 1.0) -> None:
    """Adds ∂y/∂leaf × seed to every leaf's grad; inner nodes show this pass alone.

    If anything is raised, the leaves have the gradients that they had before: TypeError for a seed that
    is not a real number, StaleGraphError after a leaf was assigned.  ``zero_grad`` clears gradients.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> y.backward(); y.backward()
    >>> x.grad, y.grad
    (12.0, 1.0)
    """
    seed, before = number(seed, "backward's seed"), dict[Value, float]()
    with LOCK:
        try:
            sweep(y, seed, before)
        except BaseException:
            for v in toposort(y):
                v.grad = before.get(v, NO_GRAD if v.form else v.grad)
            raise


def sweep(y: Value, seed: float, before: dict[Value, float]) -> None:
    """One pass from y; ``before`` takes what the leaves' grads were."""
    order = check_fresh(clear(y, before))
    y.grad = seed
    for v in reversed(order):
        v.form.pull(v)  # pyright: ignore[reportOptionalMemberAccess]  inner nodes have one
    if any(v.grad != v.grad for v in before):
        sweep_by_ledger(y, seed)
    for v, earlier in before.items():
        v.grad = number(earlier or 0.0, "a leaf's grad") + v.grad


def sweep_by_ledger(y: Value, seed: float) -> None:
    """The pass once more, after a nan: the ledger knows which zeros are true ones."""
    order = toposort(y)
    for v in order:
        v.grad = 0.0
    y.grad = seed
    for step in entries(order, {y: seed}):
        step.operand.grad += step.contribution


def clear(y: Value, before: dict[Value, float]) -> list[Value]:
    """The inner nodes below y, operands before results; every grad is set to 0, a leaf's is noted before."""
    # this pass's own 0.0, and so also the mark of a node that was seen
    zero = float("0.0")
    order, stack = list[Value](), list[Any]([y])
    pop, push = stack.pop, stack.append
    while stack:
        v = pop()
        if v is None:
            order.append(pop())
        elif v.grad is not zero:
            if v.form is None:
                before[v] = v.grad
            else:
                push(v)
                push(None)
                for x in (v._w, v._y, v._x):
                    if x is not None and x.__class__ is not float:
                        push(x)
            v.grad = zero
    return order


def check_fresh(order: Sequence[Value]) -> Sequence[Value]:
    """The same nodes; StaleGraphError if a leaf was assigned after one of them was computed from it."""
    if {v.clock for v in order if v.form is not None} <= {value.clock}:
        return order  # nothing at all was assigned since
    for v in order:
        for x in v.inner:
            if x.clock > v.clock:
                raise stale(x)
    return order


def stale(late: Value) -> StaleGraphError:
    """The error for an operand that is younger than a node computed from it."""
    how = "computed again" if late.form else "assigned"
    what = f"{describe(late)} was {how} after this graph was built from it"
    return StaleGraphError(
        f"{what}; call forward() on the graph's root to compute it again"
    )


def zero_grad(*leaves: Value) -> None:
    """Forgets the gradients that backward passes have added up in these leaves.  TypeError for no Value."""
    for v in leaves:
        if not isinstance(v, Value):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"zero_grad takes Values, not {type(v).__name__}; write zero_grad(*leaves)"
            )
    for v in leaves:
        v.grad = NO_GRAD


def ledger(y: Value, seed: Real = 1.0) -> Generator[Step]:
    """Every edge of the backward pass from y, in the engine's order, computed as asked for; changes nothing.

    An operand's contributions, added in this order, are its grad after one fresh backward pass, bit for bit.
    Raises at once what ``backward`` raises.

    >>> x = Value(3.0)
    >>> for step in ledger(x * x):
    ...     print(step.upstream, "×", step.local, "=", step.contribution)
    1.0 × 3.0 = 3.0
    1.0 × 3.0 = 3.0
    """
    seed = number(seed, "ledger's seed")
    return entries(check_fresh(toposort(y)), {y: seed}, value.clock)


def entries(
    order: Sequence[Value], seeds: dict[Value, float], time: float = math.inf
) -> Generator[Step]:
    """The ledger of the nodes in this order, with the adjoints of its roots.

    A *dead* edge contributes 0, whatever flows in: the branch that ``where`` did not choose, and an op that
    has flattened out at an infinity.  Where exp(-x) overflows, 1/(1+exp(-x)) is 0 and so is its derivative,
    truly, but -0·inf would be nan.  Nothing flows on from a node that only dead edges reach.
    """
    adjoint, flat_at = dict(seeds), overflows(order)
    for z in reversed(order):
        if z.form is None:
            continue
        check_unchanged(z, time)
        upstream = adjoint.get(z, 0.0)
        partials = z.form.local(z.data, *map(plain, z.args))
        for i, x, local in zip(z.form.inner, z.inner, partials, strict=True):
            dead = z not in adjoint or is_dead(z, x, local, upstream, flat_at)
            contribution = 0.0 if dead else upstream * local
            if not dead:
                adjoint[x] = adjoint.get(x, 0.0) + contribution
            yield Step(z, x, i, local, upstream, contribution)


def check_unchanged(z: Value, time: float) -> None:
    """Raises StaleGraphError if z or an operand was computed or assigned after that time."""
    for x in (*z.inner, z):
        if x.clock > time:
            raise StaleGraphError(
                f"{describe(x)} changed while the ledger was read; begin a new ledger"
            )


def overflows(order: Sequence[Value]) -> set[Value]:
    """The nodes that are infinite by overflow, or as a leaf is; not those at a pole, as 1/0 or log(0)."""
    nodes = set[Value]()
    for z in order:
        if math.isinf(z.data) and by_overflow(z, nodes):
            nodes.add(z)
    return nodes


def by_overflow(z: Value, nodes: set[Value]) -> bool:
    """Whether an infinite z overflows, or follows from the nodes that do, and is at no pole."""
    infinite = {x for x in z.inner if math.isinf(x.data)}
    if infinite or not z.op:
        return infinite <= nodes
    return z.op.defined(*map(plain, z.args))


def is_dead(
    z: Value, x: Value, local: float, upstream: float, flat_at: set[Value]
) -> bool:
    """Whether the edge from z to its operand x contributes 0, whatever flows in."""
    saturated = x in flat_at and math.isfinite(z.data) and math.isfinite(upstream)
    return local == 0 and (saturated or (z.op is not None and z.op.selects))
