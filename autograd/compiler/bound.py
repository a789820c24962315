"""A program's lines on buffers for a number of rows, and who may use which of them.

A buffer holds the numbers of one call.  So a Bound is lent to one thread at a time, and threads that share a
program get one each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..defining import define
from ..forking import unforked
from .arrays import Array, Ref, function_of
from .emitting import ARRAYS, Emitter

Mask: TypeAlias = NDArray[np.bool_]
T = TypeVar("T")
# Columns of a table, and the numbers in them.
Block: TypeAlias = "tuple[slice | list[int], Array]"
KINDS = 8  # so many kinds of what is lent are kept


class Pool(Generic[T]):
    """What one thread uses at a time, made when none is free.

    Who does not give it back, as a call that an interrupt ended, has only cost it.
    """

    def __init__(self, make: Callable[..., T]) -> None:
        self.make = make
        self.free = dict[tuple[int, ...], list[T]]()

    def take(self, *kind: int) -> T:
        """One of this kind."""
        try:
            return self.free[kind].pop()
        except (KeyError, IndexError):
            return self.make(*kind)

    def give(self, item: T, *kind: int) -> None:
        """It is free again; the kind that has been there the longest makes room."""
        self.free.setdefault(kind, []).append(item)
        for oldest in [*self.free][:-KINDS]:
            self.free.pop(oldest, None)


def functions(code: Emitter, known: dict[str, Any]) -> Callable[[], Any]:
    """What gives the source as two functions of no arguments, on the arrays that it names."""
    words = {*re.findall(r"\b(\w+)\(", "\n".join(code.lines))} - {"take"}
    known = known | {word: function_of(word) for word in words}
    body = "\n".join([*code.source(), "return forward, backward"])
    return define("program", [], body, known, {})


def sizes_of(code: Emitter) -> dict[str, tuple[int, bool]]:
    """How many numbers every buffer has, and whether it has them for every row."""
    one, many = code.layout.free.values()
    return {
        "values": (one, False),
        "rows": (many, True),
        "d_values": (one, False),
        "d_rows": (many, True),
        "seeds": (len(code.layout.roots), True),
        "ones": (1, True),
        **code.sizes,
    }


def columns(places: list[int]) -> slice | list[int]:
    """Columns of a table, as a slice if they are neighbours."""
    near = slice(places[0], places[-1] + 1)
    return near if places == [*range(near.start, near.stop)] else places


class Runner:
    """Two functions of no arguments on arrays: one computes the values, and one the adjoints."""

    theta: Array
    gradient: Array
    outputs: Sequence[Any]
    tables: Sequence[Block]
    forward: Callable[[], Any]
    backward: Callable[[], Any]
    seeds: Array | None = None  # those that were written last

    def run(
        self, theta: Array, rows: Array, seeds: Array, out: Array, back: Array
    ) -> Array:
        """Writes the outputs and, from seeds, the gradients by the inputs; gives that by the parameters."""
        self.theta[:] = theta
        for places, values in self.tables:
            values[:] = rows.T[places]
        self.forward()
        for i, array in enumerate(self.outputs):
            out[:, i] = array
        if not seeds.shape[1]:
            return np.zeros(len(theta))
        if seeds is not self.seeds:  # those of a mean are always the same
            self.write(seeds)
            self.seeds = seeds
        self.backward()
        if back.shape[1]:
            self.give_back(back)
        return self.gradient

    def write(self, seeds: Array) -> None:
        """Writes the seeds to where the adjoints begin."""
        raise NotImplementedError

    def give_back(self, back: Array) -> None:
        """Writes the gradients by the inputs."""
        raise NotImplementedError


class Bound(Runner):
    """Lines on buffers for n rows."""

    def __init__(self, code: Emitter, n: int) -> None:
        layout = code.layout
        self.numpy = unforked()
        self.arrays = {
            name: np.ones((size, n) if rows else size)
            for name, (size, rows) in sizes_of(code).items()
        }
        flat = {name: array.ravel() for name, array in self.arrays.items()}
        flat["d_values"][:], flat["d_rows"][:] = 0.0, 0.0
        for ref, numbers in layout.numbers.values():
            ref.view(flat["values"], n)[...] = numbers
        # Debuggers show the lines of both functions as long as this one lives.
        self.functions = functions(code, self.known(code, flat, n))
        self.forward, self.backward = self.functions()
        size = len(layout.theta.slots)
        self.theta, self.gradient = flat["values"][:size], flat["d_values"][:size]
        self.tables, self.adjoints = [
            [
                (
                    columns(places),
                    self.arrays[name][block.slots.start : block.slots.stop],
                )
                for block, places in layout.tables
            ]
            for name in ("rows", "d_rows")
        ]
        refs = [(layout.at(y), y) for y in layout.roots]
        self.outputs = [
            ref.view(flat[ref.buffer], n) if y.kind else y.number for ref, y in refs
        ]

    def known(
        self, code: Emitter, flat: Mapping[str, Array], n: int
    ) -> dict[str, Any]:
        """What the lines name: constants, buffers, and views of these."""
        refs = {
            ref: name for ref, name in code.names.items() if isinstance(ref, Ref)
        }
        views = {name: ref.view(flat[ref.buffer], n) for ref, name in refs.items()}
        return {
            **code.constants,
            **{name: self.arrays[name] for name in ARRAYS},
            **views,
        }

    def write(self, seeds: Array) -> None:
        self.arrays["seeds"][:] = seeds.T

    def give_back(self, back: Array) -> None:
        for places, adjoints in self.adjoints:
            back[:, places] = adjoints.T

    def bad(self, spared: Mask) -> Mask:
        """The rows that left the finite numbers in any array; all, if there is none.

        A spared row may have nan.
        """
        varying = [array for array in self.arrays.values() if array.ndim == 2]
        good = np.all([np.isfinite(array).all(axis=0) for array in varying], axis=0)
        if spared.any():
            good |= spared & ~np.any(
                [np.isinf(array).any(axis=0) for array in varying], axis=0
            )
        return np.logical_not(good) if spared.any() or not good.all() else good
