"""Composites: a function whose inner nodes can be drawn as one node, with its name, its inputs and its outputs.

A scope is recorded while the graph is built: each node keeps the scope it was made in.  What a composite reads and what
it gives is not stored but follows from the edges that cross its border.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from inspect import isgeneratorfunction
from typing import ParamSpec, TypeAlias, TypeVar, overload

from .value import FORGET, SCOPE, Value, postorder, toposort, within

P, R = ParamSpec("P"), TypeVar("R")


class Scope:
    """One call of a composite; ``parent`` is the call in which it happened."""

    __slots__ = ("name", "parent")

    def __init__(self, name: str, parent: Scope | None = None) -> None:
        self.name, self.parent = name, parent

    def __repr__(self) -> str:
        return "/".join(scope.name for scope in self.path())

    def path(self) -> list[Scope]:
        """The scopes around this one, outermost first, and itself."""
        found: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            found.append(scope)
            scope = scope.parent
        return found[::-1]


Collapse: TypeAlias = "str | int | Collection[str] | Callable[[Scope], bool] | None"


@contextmanager
def scope(name: str) -> Iterator[None]:
    """What is recorded in this block is one composite of the given name."""
    current = SCOPE.get()
    with within(current if current is FORGET else Scope(name, current)):
        yield


@overload
def composite(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def composite(*, name: str) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def composite(function: Callable[P, R] | None = None, /, *, name: str = "") -> Callable[..., object]:
    """Marks a function as a composite: every call's nodes can be drawn as one, by ``collapse=`` its name.

    >>> from autograd import exp
    >>> @composite
    ... def sigmoid(x):
    ...     return 1 / (1 + exp(-x))
    >>> sigmoid(Value(0.0)).scope
    sigmoid

    Raises TypeError for a generator function, whose body runs only after the call.
    """
    if function is None:
        return lambda function: named(function, name)
    return named(function, name)


def named(function: Callable[P, R], name: str) -> Callable[P, R]:
    if isgeneratorfunction(function):
        raise TypeError(f"composite cannot mark the generator function {function.__name__}; let it return a list")

    @wraps(function)
    def marked(*args: P.args, **kwargs: P.kwargs) -> R:
        with scope(name or function.__name__):
            return function(*args, **kwargs)

    return marked


@dataclass(eq=False)
class Box:
    """A node of a drawing: one Value, or a composite that is drawn as one."""

    scope: Scope | None = None
    values: list[Value] = field(default_factory=list["Value"])  # what it gives to others
    args: list[Value | float] = field(default_factory=list["Value | float"])  # what it reads
    members: list[Value] = field(default_factory=list["Value"])  # all that happens inside


def chooser(collapse: Collapse) -> Callable[[Scope], bool]:
    """Which scopes are drawn as one node: by name, by depth (1 is the outermost), or by a function of the scope."""
    if callable(collapse):
        return collapse
    if isinstance(collapse, int):
        return lambda scope: len(scope.path()) == collapse
    names = [collapse] if isinstance(collapse, str) else list(collapse or ())
    return lambda scope: scope.name in names


def boxes(roots: Sequence[Value], collapse: Collapse = None) -> list[Box]:
    """The graph as it is drawn, operands before results, with the chosen composites as one box each.

    Raises ValueError if names are given and one of them is no composite of this graph.
    """
    order = toposort(*roots)
    chosen = chooser(collapse)
    home = {v: next(filter(chosen, v.scope.path()), None) if v.scope else None for v in order}
    check_names(order, collapse)
    used = {x for v in order for x in v.inner if home[x] is not home[v]} | set(roots)
    made: dict[Value | Scope, Box] = {}
    for v in order:
        group = home[v]
        box = made.setdefault(group or v, Box(scope=group))
        box.members.append(v)
        box.values += [v] if group is None or v in used else []
        box.args += v.args if group is None else [x for x in v.inner if home[x] is not group]
    for box in made.values():
        box.args = box.args if box.scope is None else list(dict.fromkeys(box.args))
    at = {x: made[home[x] or x] for x in order}
    return postorder([at[y] for y in roots], lambda box: [at[x] for x in box.args if isinstance(x, Value)])


def check_names(order: Sequence[Value], collapse: Collapse) -> None:
    names = [collapse] if isinstance(collapse, str) else [] if callable(collapse) or isinstance(collapse, int) else collapse
    known = sorted({scope.name for v in order if v.scope for scope in v.scope.path()})
    for name in names or ():
        if name not in known:
            raise ValueError(f"collapse={name!r}: this graph has no such composite; it has {known or 'none'}")
