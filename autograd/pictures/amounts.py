"""Numbers in the places of the formulas: what every edge sends, and what flows back, by the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ..sweeps import StaleGraphError, check_fresh, entries
from ..value import NO_GRAD, Value, toposort
from .boxes import Box
from .formulas import Edge
from .labels import Labels


def number_labels(
    roots: Sequence[Value], view: Sequence[Box], gradients: bool
) -> Labels:
    """Numbers in the places of the formulas; nothing flows back in a stale graph."""
    order = toposort(*roots)
    flow = flows(roots, order, view) if gradients and not stale_note(order) else {}
    edges = [(box, i, x) for box in view for i, x in enumerate(box.args)]
    back = {edge: short(amount) for edge, amount in flow.items()}
    return Labels(
        edges={(box, i): (short(x), back.get((box, i), "")) for box, i, x in edges},
        roots=root_labels(roots, seeds(roots, order), flowing=bool(flow)),
        sums=sums_of(flow),
        words={
            v: v.name for box in view for v in box.values if v.op is None and v.name
        },
    )


def root_labels(
    roots: Sequence[Value], start: Mapping[Value, float], *, flowing: bool
) -> dict[Value, tuple[str, str]]:
    """Every root's number, and what flows into it from outside."""
    named = {
        y: f"{y.name} = {short(y)}" if y.name and y.op else short(y) for y in roots
    }
    return {
        y: (named[y], short(start[y]) if flowing or not y.inner else "")
        for y in roots
    }


def sums_of(flow: Mapping[Edge, float]) -> dict[Value, str]:
    """The sums that arrive at named Values which several others read."""
    arrived = defaultdict[Any, list[float]](list)
    for (box, i), amount in flow.items():
        arrived[box.args[i]].append(amount)
    return {
        x: f"{x.name}: {' + '.join(map(short, parts))} = {short(sum(parts))}"
        for x, parts in arrived.items()
        if x.name and len(parts) > 1
    }


def flows(
    roots: Sequence[Value], order: Sequence[Value], view: Sequence[Box]
) -> dict[Edge, float]:
    """What flows back along every edge of the drawing, by the ledger; from a composite, the sum inside it."""
    home = {v: box for box in view for v in box.members}
    place = {
        (box, x): i for box in view if box.scope for i, x in enumerate(box.args)
    }
    total = {
        (box, i): 0.0
        for box in view
        for i, x in enumerate(box.args)
        if isinstance(x, Value)
    }
    for step in entries(order, seeds(roots, order)):
        box = home[step.node]
        edge = (
            box,
            place.get((box, step.operand), -1) if box.scope else step.position,
        )
        if edge in total:  # or it is inside a composite
            total[edge] += step.contribution
    return total


def seeds(roots: Sequence[Value], order: Sequence[Value]) -> dict[Value, float]:
    """What flows into the roots from outside: 1 before any pass, then their grad, unless others gave it."""
    inner = {x for v in order for x in v.inner}
    return {
        y: 1.0 if y.grad is NO_GRAD else 0.0 if y in inner else y.grad
        for y in roots
    }


def stale_note(order: Sequence[Value]) -> list[str]:
    """What a picture of a stale graph says."""
    try:
        check_fresh(order)
    except StaleGraphError as error:
        return [f"stale: {error}"]
    return []


def short(x: Value | float) -> str:
    return f"{x:.6g}"
