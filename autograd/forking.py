"""Forked processes: what a thread of the parent held, or had half done; the child has no such thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock, RLock
from typing import Any, Generic, TypeVar, overload
from weakref import WeakSet

T = TypeVar("T")


def after_fork(renew: Callable[[], object]) -> None:
    """Calls ``renew`` in every process that is forked from now on, where the system has fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)


LOCKS = WeakSet[Any]()  # those for which a fork waits
FORK = [Lock()]  # one at a time
HELD = list[Any]()


def unforked() -> Any:
    """A lock for a few calls of NumPy: no process is forked while a thread holds it.

    A fork amid a product of matrices can hang, in the parent too: OpenBLAS ends its threads before a fork.
    Who holds the lock must wait for nobody, and not for long.  A forked process makes a new one.
    """
    lock = RLock()
    LOCKS.add(lock)
    return lock


def hold() -> None:
    """Before a fork: waits for all of these locks."""
    FORK[0].acquire()
    for lock in [*LOCKS]:
        lock.acquire()
        HELD.append(lock)


def release() -> None:
    """In the parent after a fork."""
    while HELD:
        HELD.pop().release()
    FORK[0].release()


def forget() -> None:
    """In the child."""
    FORK[0] = Lock()
    HELD.clear()
    LOCKS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=hold, after_in_parent=release, after_in_child=forget)


class Kept(Generic[T]):
    """A property that is computed when it is first asked for, and kept.

    Before Python 3.12 functools.cached_property has a lock, for which a forked process would wait without
    end.  This one has none: two threads may both compute the property, and the first result is kept.
    """

    def __init__(self, func: Callable[[Any], T]) -> None:
        self.func, self.__doc__ = func, func.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, owner: None, kind: type) -> Kept[T]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> T: ...
    def __get__(self, owner: object, kind: type) -> Kept[T] | T:
        return (
            self
            if owner is None
            else vars(owner).setdefault(self.name, self.func(owner))
        )
