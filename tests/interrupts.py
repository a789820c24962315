"""Ctrl-C before any line of our modules, as a tracer raises it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from autograd import sweeps

OURS = {"nn", "autograd"}


class Interrupted:
    """Raises KeyboardInterrupt before the n-th line of our modules; without an n, it counts the lines."""

    def __init__(self, n: int = 0) -> None:
        self.n, self.lines = n, 0

    def __call__(self, frame: Any, event: str, _: Any) -> Any:
        if OURS.isdisjoint(Path(frame.f_code.co_filename).parts[-3:-1]):
            return None
        self.lines += event == "line"
        if event == "line" and self.lines == self.n:
            raise KeyboardInterrupt
        return self

    def run(self, work: Callable[[], Any]) -> Any:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            return work()
        finally:
            sys.settrace(before)
            self.let_go()

    def let_go(self) -> None:
        """Releases the engine's lock.

        A tracer raises where no signal can: between a lock's acquisition and the block that releases it.
        """
        lock: Any = sweeps.LOCK
        while lock._is_owned():
            lock.release()


def interrupted_everywhere(work: Callable[[], Any]) -> Iterator[int]:
    """The work, interrupted before each of its lines in turn."""
    work()  # what is made once is made now
    counter = Interrupted()
    counter.run(work)
    for n in range(1, counter.lines + 1):
        try:
            Interrupted(n).run(work)
        except KeyboardInterrupt:
            yield n
