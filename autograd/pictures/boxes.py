"""A graph as it is drawn: boxes, each a Value or a whole composite.

What a composite reads and what it gives is not stored: it follows from the edges that cross its border.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from operator import index
from typing import Any, TypeAlias

from ..ieee import BOOL
from ..orders import postorder
from ..scopes import Collapse, Scope
from ..value import Value, toposort

Home: TypeAlias = (
    "Value | Scope"  # what a Value is drawn as: itself, or a composite
)


Arrow: TypeAlias = "tuple[Box, Box]"  # from a box to one that reads it


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
    hidden = only_inside(order, home, roots)
    at = boxed(order, home, crossing(order, home).union(roots), hidden)
    if siblings is not None:
        at |= merged(dict.fromkeys(at.values()), whole(siblings))
    tops = [at[y] for y in roots]
    return postorder(tops, lambda box: [at[x] for x in operands(box)])


def crossing(order: Iterable[Value], home: Mapping[Value, Home]) -> set[Value]:
    """The Values that are read outside of the box that gives them."""
    return {x for v in order for x in v.inner if home[x] is not home[v]}


def operands(box: Box) -> list[Value]:
    """What a box reads, without numbers."""
    return [x for x in box.args if isinstance(x, Value)]


def home_of(v: Value, chosen: Callable[[Scope], bool]) -> Home:
    """The outermost composite that is drawn as one and has v inside; v itself if there is none."""
    return next(filter(chosen, v.scope.path()), v) if v.scope else v


def only_inside(
    order: Sequence[Value], home: Mapping[Value, Home], roots: Iterable[Value]
) -> set[Value]:
    """The parameters that only composites read."""
    readers = [v for v in order if home[v] is v]
    shown = {x for v in readers for x in v.inner}.union(roots)
    return {v for v in order if v.parameter and v not in shown}


def boxed(
    order: Iterable[Value],
    home: Mapping[Value, Home],
    used: Set[Value],
    hidden: Set[Value],
) -> dict[Value, Box]:
    """The box of every Value; ``used`` are those that other boxes read."""
    at: dict[Value, Box] = {}
    for group, members in grouped(order, home).items():
        box = box_of(group, members, outside(group, members, home), hidden)
        box.values = [v for v in members if v in used]
        at |= dict.fromkeys(members, box)
    return at


def grouped(
    order: Iterable[Value], home: Mapping[Value, Home]
) -> dict[Home, list[Value]]:
    """The members of every box."""
    groups: dict[Home, list[Value]] = defaultdict(list)
    for v in order:
        groups[home[v]].append(v)
    return groups


def outside(
    group: Home, members: Iterable[Value], home: Mapping[Value, Home]
) -> list[Value]:
    """What the members read of others, each once."""
    read = dict.fromkeys(x for v in members for x in v.inner)
    return [x for x in read if home[x] is not group]


def box_of(
    group: Home, members: list[Value], outside: list[Value], hidden: Set[Value]
) -> Box:
    """A box of these members; what it gives is not known yet."""
    inside = [x for x in outside if x in hidden]
    reads: Sequence[Value | float] = outside
    scope = None
    if isinstance(group, Value):
        reads = group.args
    else:
        scope = group
    args = [x for x in reads if x not in hidden]
    return Box(scope, group.name, members, [], args, inside)


def whole(siblings: Any) -> int:
    """How many siblings stand alone."""
    what = f"siblings={siblings!r:.60} is no whole number of composites that stand alone"
    refused = f"{what}; give one such as 3, or None for all of them"
    count = -1
    with suppress(TypeError):
        count = index(siblings)
        if count < 0:
            raise ValueError(refused)
    if count < 0 or isinstance(siblings, BOOL):
        raise TypeError(refused)
    return count


def chooser(collapse: Collapse, order: Sequence[Value]) -> Callable[[Scope], bool]:
    """Which scopes are drawn as one node: by name, depth (1 is the outermost) or a function of the scope."""
    if callable(collapse):
        return collapse
    if isinstance(collapse, int):
        return lambda scope: len(scope.path()) == collapse
    names = names_in(collapse)
    check_known(names, composite_names(order))
    return lambda scope: scope.name in names


def composite_names(order: Sequence[Value]) -> set[str]:
    """The names of the composites of a graph."""
    scopes = [v.scope for v in order if v.scope]
    return {outer.name for scope in scopes for outer in scope.path()}


def check_known(names: Iterable[object], known: set[str]) -> None:
    """Raises ValueError for a name that no composite has."""
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"collapse={name!r}: {no_such(known)}")


def no_such(known: set[str]) -> str:
    """What is said of a name that no composite has."""
    return f"this graph has no such composite; it has {sorted(known) or 'none'}"


def names_in(collapse: Any) -> list[Any]:
    """What was given as one name, several or none.  Raises TypeError for anything else."""
    if collapse is None:
        return []
    if isinstance(collapse, str):
        return [collapse]
    if isinstance(collapse, Iterable):
        return list(collapse)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    kind = type(collapse).__name__
    raise TypeError(f"collapse takes names, a depth or a function, not {kind}")


def merged(view: Iterable[Box], siblings: int) -> dict[Value, Box]:
    """The siblings beyond the first few, as one box for each family; a single one stays as it is."""
    at: dict[Value, Box] = {}
    for family in siblings_together(view):
        rest = family[max(siblings, 1) :]
        if len(rest) > 1:
            box = together(rest)
            at |= dict.fromkeys(box.members, box)
    return at


def siblings_together(view: Iterable[Box]) -> list[list[Box]]:
    """The composites of one name and one call that read the same."""
    alike: dict[tuple[object, ...], list[Box]] = defaultdict(list)
    for box in view:
        if box.scope:
            kind = box.scope.parent, box.scope.name, *box.args, *constants_in(box)
            alike[kind].append(box)
    return list(alike.values())


def constants_in(box: Box) -> list[float]:
    """The numbers that are read inside of a box."""
    return [x for v in box.members for x in v.args if not isinstance(x, Value)]


def together(siblings: Sequence[Box]) -> Box:
    """One box for all of them."""
    first = siblings[0]
    members = chain.from_iterable(box.members for box in siblings)
    values = chain.from_iterable(box.values for box in siblings)
    title = f"×{len(siblings)} more"
    return Box(first.scope, title, list(members), list(values), first.args, [])


def spans(view: Sequence[Box]) -> list[int]:
    """Over how many ranks every arrow of a drawing runs, if leaves stand next to what reads them first."""
    edges = arrows(view)
    rank = ranks(view, edges)
    for tail, first in first_readers(edges, rank).items():
        rank[tail] = rank[tail] or first - 1
    return [rank[head] - rank[tail] for tail, head in edges]


def ranks(view: Sequence[Box], edges: Sequence[Arrow]) -> dict[Box, int]:
    """How many arrows the longest path to every box has."""
    rank = dict.fromkeys(view, 0)
    for tail, head in edges:
        rank[head] = max(rank[head], rank[tail] + 1)
    return rank


def first_readers(
    edges: Sequence[Arrow], rank: Mapping[Box, int]
) -> dict[Box, int]:
    """The rank of the first box that reads each."""
    first: dict[Box, int] = {}
    for tail, head in edges:
        first[tail] = min(rank[head], first.get(tail, rank[head]))
    return first


def arrows(view: Sequence[Box]) -> list[Arrow]:
    """Every arrow from a box to one that reads it, by heads, operands before results."""
    at = {v: box for box in view for v in box.values}
    return [(at[x], box) for box in view for x in operands(box)]
