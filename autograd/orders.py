"""The order in which a graph is walked, whatever its nodes are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def postorder(roots: Sequence[T], operands: Callable[[T], Sequence[T]]) -> list[T]:
    """Depth first, without recursion: a chain of a million nodes is as good as any."""
    order, seen, stack = list[T](), set[T](), list[Any](reversed(roots))
    while stack:
        v = stack.pop()
        if v is None:
            order.append(stack.pop())
        elif v not in seen:
            seen.add(v)
            stack += (v, None)
            for x in reversed(operands(v)):
                if x not in seen:
                    stack.append(x)
    return order
