"""How long a node takes and how much memory it holds: this engine beside micrograd and a microgpt-style node.

You will see nanoseconds a node, build and backward, for one pass through a 2-64-32-16-1 ReLU net, each the
best of several rounds taken in turn; bytes a node, built and not yet differentiated; and the ratios.  The
extra [dev] brings micrograd; without it, its row is left out.
"""

import random
import sys
import time
import tracemalloc
from functools import reduce
from importlib import import_module, metadata
from itertools import pairwise
from operator import add
from typing import Any

from autograd import Value

SIZES = (2, 64, 32, 16, 1)
NODES = 2 * sum(n * m + m for n, m in pairwise(SIZES))


class LocalGradients:
    """A node in microgpt's style: operands and local derivatives as tuples, one loop for the chain rule."""

    __slots__ = ("children", "data", "grad", "local")

    def __init__(self, data: float, children: tuple[Any, ...] = (), local: tuple[float, ...] = ()) -> None:
        self.data, self.grad, self.children, self.local = data, 0.0, children, local

    def __add__(self, y: Any) -> "LocalGradients":
        y = y if isinstance(y, LocalGradients) else LocalGradients(y)
        return LocalGradients(self.data + y.data, (self, y), (1.0, 1.0))

    def __mul__(self, y: Any) -> "LocalGradients":
        y = y if isinstance(y, LocalGradients) else LocalGradients(y)
        return LocalGradients(self.data * y.data, (self, y), (y.data, self.data))

    def relu(self) -> "LocalGradients":
        """max(0, x)."""
        return LocalGradients(max(0.0, self.data), (self,), (float(self.data > 0),))

    def backward(self) -> None:
        """The chain rule, results before operands."""
        order: list[LocalGradients] = []
        seen: set[LocalGradients] = set()

        def visit(v: LocalGradients) -> None:
            if v not in seen:
                seen.add(v)
                for child in v.children:
                    visit(child)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            for child, local in zip(v.children, v.local, strict=False):
                child.grad += local * v.grad


def net(weights: list[Any], kind: type[Any]) -> Any:
    """The net's output at one point."""
    layer: list[Any] = [kind(0.3), kind(0.7)]
    rest = iter(weights)
    for width in SIZES[1:]:
        layer = [reduce(add, (next(rest) * x for x in layer), next(rest)).relu() for _ in range(width)]
    return layer[0]


def nanoseconds(kind: type[Any]) -> float:
    """Build and backward, for one node."""
    weights = [kind(random.uniform(-1, 1)) for _ in range(NODES // 2)]
    start = time.perf_counter()
    net(weights, kind).backward()
    return (time.perf_counter() - start) / NODES * 1e9


def memory(kind: type[Any], n: int = 20_000) -> float:
    """Bytes that a node of a chain of products holds."""
    x = y = kind(1.0)
    tracemalloc.start()
    for _ in range(n):
        y = y * x
    held = tracemalloc.get_traced_memory()[0] / n
    tracemalloc.stop()
    return held


def main(rounds: int = 30) -> dict[str, tuple[float, float]]:
    """Prints the table; returns nanoseconds and bytes a node by engine."""
    kinds: dict[str, type[Any]] = {f"autograd {metadata.version('glassgrad')}": Value}
    kinds["microgpt-style node"] = LocalGradients
    try:
        kinds[f"micrograd {metadata.version('micrograd')}"] = import_module("micrograd.engine").Value
    except ImportError:
        print("micrograd is not installed: its row is left out")
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, kind in kinds.items():
            times[name].append(nanoseconds(kind))
    found = {name: (min(times[name]), memory(kind)) for name, kind in kinds.items()}
    ours = next(iter(found.values()))[0]
    print(f"{'':22}{'ns a node':>10}{'ratio':>8}{'bytes a node':>14}   (best of {rounds} rounds in turn)")
    for name, (time_, held) in found.items():
        print(f"{name:22}{time_:10.0f}{time_ / ours:8.2f}{held:14.0f}")
    return found


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)  # for the recursive engines
    main()
