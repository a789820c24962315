"""Lines bound to memory: the buffers for so many rows, and the functions that work on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, Ref, function_of
from .emitting import BUFFERS, Emitter
from .lowering import CONSTANT, Node


class Bound:
    """A program's lines on buffers for n rows."""

    def __init__(self, code: Emitter, roots: Sequence[Node], n: int) -> None:
        self.layout, self.roots = code.layout, roots
        self.buffers: dict[str, NDArray[Any]] = {
            name: np.zeros((size, n) if rows else size) for name, (size, rows) in code.sizes.items()
        } | code.constants
        self.buffers |= {"mean": np.array(1 / n), "count": np.array(float(n)), "ones": np.ones(n)}
        self.buffers["seeds"] = np.zeros((len(roots), n))
        for kind, name in BUFFERS.items():
            self.buffers[name][list(code.layout.ones[kind])] = 1.0
        arrays: dict[str, Any] = {
            name: ref.view(self.buffers[ref.buffer], n) if isinstance(ref, Ref) else code.constants[name]
            for ref, name in code.names.items()
        }
        words = re.findall(r"(?<![.\w])([a-z]\w*)\(", "\n".join(code.lines))
        arrays |= {word: function_of(word) for word in words}
        space: dict[str, Any] = {}
        lines = [
            f"def build({', '.join(arrays)}):",
            *(f"    {line}" for line in code.source()),
            "    return run",
        ]
        exec("\n".join(lines), space)  # noqa: S102  our own text
        self.run: Callable[[], None] = space["build"](*arrays.values())

    def load(self, rows: Array, theta: Array) -> None:
        """Parameters and inputs into their slots."""
        self.buffers["values"][: len(theta)] = theta
        for block, places in self.layout.tables:
            self.buffers["rows"][block.slots.start : block.slots.stop] = rows.T[places]

    def outputs(self) -> Array:
        """(rows, outputs)"""
        out = np.empty(self.buffers["seeds"].T.shape)
        for i, y in enumerate(self.roots):
            out[:, i] = y.number if y.kind == CONSTANT else self.buffers[BUFFERS[y.kind]][y.slot]
        return out

    def by_inputs(self) -> Array:
        """(rows, inputs)"""
        found = np.zeros((len(self.buffers["ones"]), len(self.layout.places)))
        for block, places in self.layout.tables:
            found[:, places] = self.buffers["d_rows"][block.slots.start : block.slots.stop].T
        return found

    def finite(self) -> NDArray[np.bool_]:
        """Which rows stayed finite in every array."""
        arrays = [array for array in self.buffers.values() if array.ndim == 2]
        return np.all([np.isfinite(array).all(axis=0) for array in arrays], axis=0)
