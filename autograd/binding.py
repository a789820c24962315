"""A program's lines bound to memory: buffers for so many rows, and the functions that work on them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, Ref, function_of
from .emitting import BUFFERS, Emitter
from .lowering import CONSTANT


class Bound:
    """Lines on buffers for n rows."""

    def __init__(self, code: Emitter, n: int) -> None:
        self.roots, self.n = code.layout.roots, n
        self.buffers = {
            name: np.zeros((size, n) if rows else size) for name, (size, rows) in code.sizes.items()
        }
        self.varying = [self.buffers[name] for name, (_, rows) in code.sizes.items() if rows]
        self.buffers |= {"ones": np.ones(n), "seeds": np.zeros((len(self.roots), n)), **code.constants}
        for name in BUFFERS.values():
            self.buffers[name][:] = 1.0  # what no block has stays 1
        known: dict[str, Any] = {
            name: ref.view(self.buffers[ref.buffer], n) if isinstance(ref, Ref) else code.constants[name]
            for ref, name in code.names.items()
        }
        words = set(re.findall(r"(?<![.\w])([a-z]\w*)\(", "\n".join(code.lines)))
        known |= {word: function_of(word) for word in words}
        lines = [f"def build({', '.join(known)}):", *code.source(), "return forward, backward"]
        space: dict[str, Any] = {}
        exec("\n  ".join(lines), space)  # noqa: S102  our own text
        self.forward, self.backward = space["build"](*known.values())
        size = code.layout.theta.slots.stop
        self.theta, self.gradient = self.buffers["values"][:size], self.buffers["d_values"][:size]
        self.tables: list[tuple[Any, Array, Array]] = []
        for block, places in code.layout.tables:
            at = slice(block.slots.start, block.slots.stop)
            self.tables.append((as_slice(places), self.buffers["rows"][at], self.buffers["d_rows"][at]))

    def run(
        self, rows: Array, theta: Array, seeds: Array | None, by_inputs: bool
    ) -> tuple[Array, Array, Array]:
        """The outputs and, from seeds, the gradients by the parameters and by the inputs."""
        self.theta[:] = theta
        for places, values, _ in self.tables:
            values[:] = rows.T[places]
        self.forward()
        if seeds is not None:
            self.buffers["seeds"][:] = seeds.T
            self.backward()
        out, d_rows = np.empty((self.n, len(self.roots))), np.zeros(rows.shape if by_inputs else (self.n, 0))
        for i, y in enumerate(self.roots):
            out[:, i] = y.number if y.kind == CONSTANT else self.buffers[BUFFERS[y.kind]][y.slot]
        for places, _, d in self.tables if by_inputs else ():
            d_rows[:, places] = d.T
        return out, self.gradient.copy() if seeds is not None else self.gradient * 0, d_rows

    def finite(self) -> NDArray[np.bool_]:
        """Which rows stayed finite in every array."""
        return np.all([np.isfinite(array).all(axis=0) for array in self.varying], axis=0)


def as_slice(places: list[int]) -> Any:
    """Neighbouring places as a slice."""
    whole = slice(places[0], places[-1] + 1)
    return whole if places == [*range(whole.start, whole.stop)] else places
