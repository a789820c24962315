"""Numbers in the places of the formulas: what every edge sends, and what flows back, by the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..sweeps import StaleGraphError, Step, check_fresh, entries
from ..value import NoGrad, Value, toposort
from .boxes import Box
from .formulas import Edge
from .labels import Labels


def number_labels(
    roots: Sequence[Value], view: Sequence[Box], gradients: bool
) -> Labels:
    """Numbers in the places of the formulas; nothing flows back in a stale graph."""
    order = toposort(*roots)
    flow = flows(roots, order, view) if gradients and not stale_note(order) else {}
    return Labels(
        edges=edge_labels(view, flow),
        roots=root_labels(roots, seeds(roots, order), flowing=bool(flow)),
        sums=sums_of(flow),
        words={v: v.name for v in named_leaves(view)},
    )


def named_leaves(view: Sequence[Box]) -> list[Value]:
    """The leaves that have names."""
    return [v for v in values_of(view) if v.op is None and v.name]


def values_of(view: Sequence[Box]) -> list[Value]:
    """All Values that boxes give."""
    return [v for box in view for v in box.values]


def edge_labels(
    view: Sequence[Box], flow: Mapping[Edge, float]
) -> dict[Edge, tuple[str, str]]:
    """What every operand sends, and what flows back to it."""
    back = {edge: short(amount) for edge, amount in flow.items()}
    operands = edges_of(view).items()
    return {edge: (short(x), back.get(edge, "")) for edge, x in operands}


def edges_of(view: Sequence[Box]) -> dict[Edge, Value | float]:
    """The operand at every edge of a drawing."""
    return {(box, i): x for box in view for i, x in enumerate(box.args)}


def root_labels(
    roots: Sequence[Value], start: Mapping[Value, float], *, flowing: bool
) -> dict[Value, tuple[str, str]]:
    """Every root's number, and what flows into it from outside."""
    labels: dict[Value, tuple[str, str]] = {}
    for y in roots:
        seed = short(start[y]) if flowing or not y.inner else ""
        labels[y] = named(y), seed
    return labels


def named(y: Value) -> str:
    """A root's number, with its name where it is the result of an op."""
    return f"{y.name} = {short(y)}" if y.name and y.op else short(y)


def sums_of(flow: Mapping[Edge, float]) -> dict[Value, str]:
    """The sums that arrive at named Values which several others read."""
    arrived = defaultdict[Any, list[float]](list)
    for (box, i), amount in flow.items():
        arrived[box.args[i]].append(amount)
    shared = [x for x, parts in arrived.items() if x.name and len(parts) > 1]
    return {x: sum_of(x, arrived[x]) for x in shared}


def sum_of(x: Value, parts: Sequence[float]) -> str:
    """A Value's name and what arrives at it, as a sum."""
    return f"{x.name}: {' + '.join(map(short, parts))} = {short(sum(parts))}"


def flows(
    roots: Sequence[Value], order: Sequence[Value], view: Sequence[Box]
) -> dict[Edge, float]:
    """What flows back along every edge of the drawing, by the ledger; from a composite, the sum inside it."""
    edge_of = edges_of_steps(view)
    operands = edges_of(view).items()
    total = {edge: 0.0 for edge, x in operands if isinstance(x, Value)}
    for step in entries(order, seeds(roots, order)):
        edge = edge_of(step)
        if edge in total:  # or it is inside a composite
            total[edge] += step.contribution
    return total


def edges_of_steps(view: Sequence[Box]) -> Callable[[Step], Edge]:
    """Which edge of the drawing a step of the ledger goes along; its place is -1 inside a composite."""
    home = {v: box for box in view for v in box.members}
    edges = edges_of([box for box in view if box.scope]).items()
    place = {(box, x): i for (box, i), x in edges}

    def edge_of(step: Step) -> Edge:
        box = home[step.node]
        if box.scope is None:
            return box, step.position
        return box, place.get((box, step.operand), -1)

    return edge_of


def seeds(roots: Sequence[Value], order: Sequence[Value]) -> dict[Value, float]:
    """What flows into the roots from outside: 1 before any pass, then their grad, unless others gave it."""
    inner = {x for v in order for x in v.inner}
    return {y: seed_of(y, is_inner=y in inner) for y in roots}


def seed_of(y: Value, *, is_inner: bool) -> float:
    """What flows into a root from outside; nothing into one that others read."""
    if isinstance(y.grad, NoGrad):
        return 1.0
    return 0.0 if is_inner else y.grad


def stale_note(order: Sequence[Value]) -> list[str]:
    """What a picture of a stale graph says."""
    try:
        check_fresh(order)
    except StaleGraphError as error:
        return [f"stale: {error}"]
    return []


def short(x: Value | float) -> str:
    """A number with six digits."""
    return f"{x:.6g}"
