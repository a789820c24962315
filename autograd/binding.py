"""A program's lines bound to memory: buffers for so many rows, and the function that works on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, Ref, function_of
from .emitting import BUFFERS, Emitter
from .lowering import CONSTANT, UNIFORM, VARYING, Node


class Bound:
    """Lines on buffers for n rows."""

    def __init__(self, code: Emitter, roots: Sequence[Node], n: int, by_inputs: bool) -> None:
        self.layout, self.roots, self.n = code.layout, roots, n
        self.buffers: dict[str, NDArray[Any]] = {
            name: np.zeros((size, n) if rows else size) for name, (size, rows) in code.sizes.items()
        }
        self.buffers |= {"ones": np.ones(n), "seeds": np.zeros((len(roots), n)), **code.constants}
        self.varying = [self.buffers[name] for name, (_, rows) in code.sizes.items() if rows]
        for name in BUFFERS.values():
            self.buffers[name][:] = 1.0  # what no block has stays 1
        known: dict[str, Any] = {
            name: ref.view(self.buffers[ref.buffer], n) if isinstance(ref, Ref) else code.constants[name]
            for ref, name in code.names.items()
        }
        words = set(re.findall(r"(?<![.\w])([a-z]\w*)\(", "\n".join(code.lines)))
        known |= {word: function_of(word) for word in words}
        space: dict[str, Any] = {}
        lines = [
            f"def build({', '.join(known)}):",
            *(f"    {line}" for line in code.source()),
            "    return run",
        ]
        exec("\n".join(lines), space)  # noqa: S102  our own text
        self.lines: Callable[[], None] = space["build"](*known.values())
        self.theta = self.buffers["values"][: self.layout.theta.slots.stop]
        self.seeds = self.buffers["seeds"]
        self.gradient = self.buffers.get("d_values", self.theta * 0)[: len(self.theta)]
        parts = [(as_slice(places), block.slots) for block, places in self.layout.tables]
        self.tables = [(places, self.buffers["rows"][slots.start : slots.stop]) for places, slots in parts]
        self.back = [
            (places, self.buffers["d_rows"][slots.start : slots.stop]) for places, slots in parts if by_inputs
        ]

    def run(self, rows: Array, theta: Array, seeds: Any) -> tuple[Array, Array, Array]:
        """The outputs, the gradient by the parameters, and those by the inputs."""
        self.theta[:] = theta
        for places, values in self.tables:
            values[:] = rows.T[places]
        self.seeds[:] = seeds
        self.lines()
        out, by_inputs = np.empty((self.n, len(self.roots))), np.zeros(rows.shape)
        for i, y in enumerate(self.roots):
            out[:, i] = y.number if y.kind == CONSTANT else self.buffers[BUFFERS[y.kind]][y.slot]
        for places, d in self.back:
            by_inputs[:, places] = d.T
        return out, self.gradient.copy(), by_inputs

    def finite(self) -> NDArray[np.bool_]:
        """Which rows stayed finite in every array."""
        return np.all([np.isfinite(array).all(axis=0) for array in self.varying], axis=0)


def as_slice(places: list[int]) -> Any:
    """Neighbouring places as a slice."""
    return slice(places[0], places[-1] + 1) if places == [*range(places[0], places[-1] + 1)] else places
