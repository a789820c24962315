"""Scopes: in which composite a node was made, and whether it is recorded at all.

A composite is a function whose inner nodes can be drawn as one.  Each node keeps the scope it was made in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, TypeAlias, TypeVar, overload

from .names import check_name

F = TypeVar("F", bound=Callable[..., Any])


class Scope:
    """One call of a composite; ``parent`` is the call in which it happened."""

    __slots__ = ("name", "parent")

    def __init__(self, name: str, parent: Scope | None = None) -> None:
        check_name(name, "a composite")
        self.name, self.parent = name, parent

    def __repr__(self) -> str:
        return "/".join(scope.name for scope in self.path())

    def path(self) -> list[Scope]:
        """The scopes around this one, outermost first, and itself."""
        outwards: list[Scope] = [self]
        while parent := outwards[-1].parent:
            outwards.append(parent)
        return outwards[::-1]


Collapse: TypeAlias = "str | int | Collection[str] | Callable[[Scope], bool] | None"
FORGET = Scope("no_grad")  # the scope in which nothing is recorded
SCOPE: ContextVar[Scope | None] = ContextVar("scope", default=None)


@contextmanager
def within(scope: Scope | None) -> Generator[None]:
    """What is recorded in this block belongs to the given scope."""
    before = SCOPE.get()
    try:
        try:
            SCOPE.set(scope)
            yield
        finally:
            SCOPE.set(before)
    finally:  # once more: an interrupt may come before any line
        SCOPE.set(before)


def no_grad() -> Any:
    """A block (or a decorator) in which Values remember nothing.

    >>> from autograd import Value
    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.op is None, y.data
    (True, 4.0)
    """
    return within(FORGET)


@contextmanager
def scope(name: str) -> Generator[None]:
    """What is recorded in this block is one composite of the given name."""
    current = SCOPE.get()
    with within(current if current is FORGET else Scope(name, current)):
        yield


@overload
def composite(function: F, /) -> F: ...
@overload
def composite(*, name: str) -> Callable[[F], F]: ...
def composite(function: Any = None, /, *, name: str = "") -> Any:
    """Marks a function as a composite: every call's nodes can be drawn as one, by ``collapse=`` its name.

    >>> from autograd import Value, exp
    >>> @composite
    ... def sigmoid(x):
    ...     return 1 / (1 + exp(-x))
    >>> sigmoid(Value(0.0)).scope
    sigmoid

    Raises TypeError for a generator function, whose body runs only after the call.
    """
    if function is None:
        return partial(composite, name=name)
    if not callable(function):
        raise TypeError(
            f"composite marks a function; write @composite(name={function!r})"
        )
    name = name or getattr(function, "__name__", type(function).__name__)
    check_name(name, "a composite")
    if (
        isgeneratorfunction(function)
        or iscoroutinefunction(function)
        or isasyncgenfunction(function)
    ):
        what = f"composite cannot mark the generator function {name}"
        raise TypeError(
            f"{what}, whose body runs after the call; let it return a list"
        )
    return scope(name)(function)
