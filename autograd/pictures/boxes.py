"""A graph as it is drawn: boxes, each a Value or a whole composite.

What a composite reads and what it gives is not stored: it follows from the edges that cross its border.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from operator import index
from typing import Any, TypeAlias

from ..ieee import BOOL
from ..scopes import Collapse, Scope
from ..value import Value, postorder, toposort

Home: TypeAlias = (
    "Value | Scope"  # what a Value is drawn as: itself, or a composite
)


@dataclass(eq=False)
class Box:
    """A node of a drawing: one Value, or a composite that is drawn as one."""

    scope: Scope | None
    title: str  # the name, or "×13 more" for siblings
    members: list[Value]  # all that happens inside
    values: list[Value]  # what it gives to others
    args: list[Value | float]  # what it reads
    inside: list[Value]  # parameters, which it does not read from outside


def boxes(
    roots: Sequence[Value], collapse: Collapse = None, siblings: int | None = None
) -> list[Box]:
    """The graph as it is drawn, operands before results, with the chosen composites as one box each.

    A parameter that only composites read is inside them.  Of siblings, composites of one name that read the
    same in the same call, the first ``siblings`` get boxes of their own, and the others one box together.
    Raises ValueError if names are given and one of them is no composite of this graph.
    """
    order = toposort(*roots)
    chosen = chooser(collapse, order)
    home = {v: home_of(v, chosen) for v in order}
    crossing = [x for v in order for x in v.inner if home[x] is not home[v]]
    at = boxed(
        order,
        home,
        used={*crossing, *roots},
        hidden=only_inside(order, home, roots),
    )
    if siblings is not None:
        at |= merged(dict.fromkeys(at.values()), whole(siblings))
    return postorder(
        [at[y] for y in roots],
        lambda box: [at[x] for x in box.args if isinstance(x, Value)],
    )


def home_of(v: Value, chosen: Callable[[Scope], bool]) -> Home:
    """The outermost composite that is drawn as one and has v inside; v itself if there is none."""
    return next(filter(chosen, v.scope.path()), v) if v.scope else v


def only_inside(
    order: Iterable[Value], home: Mapping[Value, Home], roots: Iterable[Value]
) -> set[Value]:
    """The parameters that only composites read."""
    shown = {x for v in order if home[v] is v for x in v.inner}.union(roots)
    return {v for v in order if v.parameter and v not in shown}


def boxed(
    order: Iterable[Value],
    home: Mapping[Value, Home],
    used: Set[Value],
    hidden: Set[Value],
) -> dict[Value, Box]:
    """The box of every Value; ``used`` are those that other boxes read."""
    groups: dict[Home, list[Value]] = defaultdict(list)
    for v in order:
        groups[home[v]].append(v)
    at: dict[Value, Box] = {}
    for group, members in groups.items():
        outside = dict.fromkeys(
            x for v in members for x in v.inner if home[x] is not group
        )
        scope, reads = (
            (None, group.args) if isinstance(group, Value) else (group, outside)
        )
        args = [x for x in reads if x not in hidden]
        inside = [x for x in outside if x in hidden]
        box = Box(
            scope,
            group.name,
            members,
            [v for v in members if v in used],
            args,
            inside,
        )
        at |= dict.fromkeys(members, box)
    return at


def whole(siblings: Any) -> int:
    """How many siblings stand alone."""
    what = f"siblings={siblings!r:.60} is no whole number of composites that stand alone"
    advice = "give one such as 3, or None for all of them"
    with suppress(TypeError):
        found = index(siblings)
        if found < 0:
            raise ValueError(f"{what}; {advice}")
        if not isinstance(siblings, BOOL):
            return found
    raise TypeError(f"{what}; {advice}")


def chooser(collapse: Collapse, order: Sequence[Value]) -> Callable[[Scope], bool]:
    """Which scopes are drawn as one node: by name, depth (1 is the outermost) or a function of the scope."""
    if callable(collapse):
        return collapse
    if isinstance(collapse, int):
        return lambda scope: len(scope.path()) == collapse
    names = names_in(collapse)
    known = {scope.name for v in order if v.scope for scope in v.scope.path()}
    if strange := [
        name for name in names if not isinstance(name, str) or name not in known
    ]:
        what = f"this graph has no such composite; it has {sorted(known) or 'none'}"
        raise ValueError(f"collapse={strange[0]!r}: {what}")
    return lambda scope: scope.name in names


def names_in(collapse: Any) -> list[Any]:
    """What was given as one name, several or none.  Raises TypeError for anything else."""
    given = (
        ()
        if collapse is None
        else [collapse]
        if isinstance(collapse, str)
        else collapse
    )
    if not isinstance(given, Iterable):
        raise TypeError(
            f"collapse takes names, a depth or a function, not {type(given).__name__}"
        )
    return list(given)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def merged(view: Iterable[Box], siblings: int) -> dict[Value, Box]:
    """The siblings beyond the first few, as one box for each family; a single one stays as it is."""
    families: dict[tuple[object, ...], list[Box]] = defaultdict(list)
    for box in view:
        if box.scope:
            families[
                box.scope.parent, box.scope.name, *box.args, *constants_in(box)
            ].append(box)
    at: dict[Value, Box] = {}
    for family in families.values():
        rest = family[max(siblings, 1) :]
        if len(rest) > 1:
            box = together(rest)
            at |= dict.fromkeys(box.members, box)
    return at


def constants_in(box: Box) -> list[float]:
    return [x for v in box.members for x in v.args if not isinstance(x, Value)]


def together(siblings: Sequence[Box]) -> Box:
    """One box for all of them."""
    first = siblings[0]
    members = [v for box in siblings for v in box.members]
    values = [v for box in siblings for v in box.values]
    return Box(
        first.scope, f"×{len(siblings)} more", members, values, first.args, []
    )


def spans(view: Sequence[Box]) -> list[int]:
    """Over how many ranks every arrow of a drawing runs, if leaves stand next to what reads them first."""
    edges = arrows(view)
    rank, first = dict.fromkeys(view, 0), dict[Box, int]()
    for tail, head in edges:
        rank[head] = max(rank[head], rank[tail] + 1)
    for tail, head in edges:
        first[tail] = min(rank[head], first.get(tail, rank[head]))
    leaves = {tail for tail in first if not rank[tail]}
    return [
        rank[head] - (first[tail] - 1 if tail in leaves else rank[tail])
        for tail, head in edges
    ]


def arrows(view: Sequence[Box]) -> list[tuple[Box, Box]]:
    """Every arrow from a box to one that reads it, by heads, operands before results."""
    at = {v: box for box in view for v in box.values}
    return [(at[x], box) for box in view for x in box.args if isinstance(x, Value)]
