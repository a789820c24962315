"""A graph as it is drawn: boxes, each a Value or a whole composite.

What a composite reads and what it gives is not stored: it follows from the edges that cross its border.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from .scopes import Collapse, Scope
from .value import Value, postorder, toposort


@dataclass(eq=False)
class Box:
    """A node of a drawing: one Value, or a composite that is drawn as one."""

    scope: Scope | None = None
    values: list[Value] = field(default_factory=list["Value"])  # what it gives to others
    args: list[Value | float] = field(default_factory=list["Value | float"])  # what it reads
    members: list[Value] = field(default_factory=list["Value"])  # all that happens inside
    inside: list[Value] = field(
        default_factory=list["Value"]
    )  # parameters, which it does not read from outside
    title: str = ""  # the scope's name, or "×13 more" for siblings


def chooser(collapse: Collapse) -> Callable[[Scope], bool]:
    """Which scopes are drawn as one node: by name, depth (1 is the outermost) or a function of the scope."""
    if callable(collapse):
        return collapse
    if isinstance(collapse, int):
        return lambda scope: len(scope.path()) == collapse
    names = [collapse] if isinstance(collapse, str) else list(collapse or ())
    return lambda scope: scope.name in names


def boxes(roots: Sequence[Value], collapse: Collapse = None, siblings: int | None = None) -> list[Box]:
    """The graph as it is drawn, operands before results, with the chosen composites as one box each.

    A parameter that only composites read is inside them.  Of siblings, composites of one name that read the
    same in the same call, the first ``siblings`` get boxes of their own, and the others one box together.
    Raises ValueError if names are given and one of them is no composite of this graph.
    """
    order = toposort(*roots)
    chosen = chooser(collapse)
    home = {v: next(filter(chosen, v.scope.path()), None) if v.scope else None for v in order}
    check_names(order, collapse)
    outside = {x for v in order if home[v] is None for x in v.inner} | set(roots)
    inside = {v for v in order if v.parameter and v not in outside}
    used = {x for v in order for x in v.inner if home[x] is not home[v]} | set(roots)
    made: dict[Value | Scope, Box] = {}
    for v in order:
        group = home[v]
        box = made.setdefault(group or v, Box(group, title=group.name if group else ""))
        box.members.append(v)
        box.values += [v] if group is None or v in used else []
        box.args += v.args if group is None else [x for x in v.inner if home[x] is not group]
    for box in made.values():
        if box.scope:
            box.inside = [x for x in dict.fromkeys(box.args) if x in inside]
            box.args = [x for x in dict.fromkeys(box.args) if x not in inside]
    at = {x: made[home[x] or x] for x in order}
    if siblings is not None:
        at |= {x: box for box in merged(made.values(), siblings) for x in box.members}
    return postorder([at[y] for y in roots], lambda box: [at[x] for x in box.args if isinstance(x, Value)])


def merged(view: Iterable[Box], siblings: int) -> list[Box]:
    """The siblings beyond the first few, as one box for each family; a single one stays as it is."""
    families: dict[tuple[object, ...], list[Box]] = {}
    for box in view:
        if box.scope:
            constants = [x for v in box.members for x in v.args if not isinstance(x, Value)]
            alike = (box.scope.parent, box.scope.name, *box.args, *constants)
            families.setdefault(alike, []).append(box)
    found: list[Box] = []
    for family in families.values():
        rest = family[max(siblings, 1) :]
        if len(rest) > 1:
            values = [v for box in rest for v in box.values]
            members = [v for box in rest for v in box.members]
            found.append(Box(rest[0].scope, values, rest[0].args, members, title=f"×{len(rest)} more"))
    return found


def check_names(order: Sequence[Value], collapse: Collapse) -> None:
    """Raises ValueError for a name that no composite of the graph has."""
    if callable(collapse) or isinstance(collapse, int):
        return
    names = [collapse] if isinstance(collapse, str) else collapse or ()
    known = sorted({scope.name for v in order if v.scope for scope in v.scope.path()})
    for name in names:
        if name not in known:
            raise ValueError(f"collapse={name!r}: this graph has no such composite; it has {known or 'none'}")
