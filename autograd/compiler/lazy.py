"""Lazy tables: what Dask holds is no data yet, but how to make them, part by part.

A program maps over the parts, and the result is as lazy as the table.  Nothing else loads one: a sentence
says what to do.  Dask's protocol tells a lazy table, so that Dask is imported only where it is used already.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from importlib import import_module
from itertools import chain
from typing import Any

import numpy as np

from ..forking import Kept
from .arrays import Array

GRAPH = "__dask_graph__"
INSTEAD = "map over its partitions and add up what they give, or .compute() what fits into memory"
FEW = 4  # programs that a process keeps


def kind_of(data: Any) -> Any:
    """The class, whose methods tell what data are: an object of Dask's may answer to any name."""
    return data.__class__


def is_lazy(data: Any) -> bool:
    """Whether data are a collection of Dask's.  An array of xarray's in memory has the method, and no graph."""
    kind = kind_of(data)
    if not hasattr(kind, GRAPH):
        return False
    # To make a data frame's graph is work, and it always has one.
    return hasattr(kind, "map_partitions") or data.__dask_graph__() is not None


def refuse(data: Any, name: str) -> None:
    """Raises TypeError for a lazy table, and for lists, however deep, that hold one."""
    level: Any = [data]
    while level:
        kinds = {*map(type, level)}
        if any(hasattr(kind, GRAPH) for kind in kinds):
            refuse_each(level, f"{name} {'is' if level[0] is data else 'holds'}")
        lists: list[Any] = [x for x in level if isinstance(x, (list, tuple))]
        level = [*chain.from_iterable(lists)] if lists else ()


def refuse_each(values: Sequence[Any], what: str) -> None:
    """The same for each of some values."""
    for x in values:
        if is_lazy(x):
            kind = f"a Dask {type(x).__name__}"
            raise TypeError(f"{what} {kind}, which is not loaded here: {INSTEAD}")


def by_parts(program: Any, X: Any, theta: Array) -> Any:
    """A lazy table's outputs, lazy too; what does not fit is said before anything is computed."""
    kind = kind_of(X)
    if hasattr(kind, "rechunk"):
        return of_array(program, X, Fixed(program, theta).delayed())
    # An index of Dask's has a meta too, but no rows.
    meta = getattr(X, "_meta", None)
    if hasattr(kind, "map_partitions") and hasattr(meta, "iloc"):
        return of_frame(program, X, Fixed(program, theta).delayed())
    return refuse(X, "X")


def of_array(program: Any, X: Any, fixed: Any) -> Any:
    """The outputs of an array: a chunk of them for each chunk of its rows."""
    if any(map(math.isnan, X.shape[1:])):
        what = f"X has the shape {X.shape}, so its number of columns is not known"
        raise ValueError(f"{what}; find it out with X.compute_chunk_sizes()")
    row = np.ones_like(X._meta, shape=[1, *X.shape[1:]][: X.ndim])
    program.check(row, X.shape)
    outputs = [(len(program.roots),)] * program.many
    # Dask puts the chunks of an axis that is dropped side by side first.
    return X.map_blocks(
        in_array,
        fixed=fixed,
        drop_axis=[1] * (X.ndim > 1),
        new_axis=[1] * program.many or None,
        chunks=(X.chunks[0], *outputs),
        meta=np.zeros([0] * (1 + program.many)),
    )


def in_array(rows: Any, fixed: Callable[[Any], Array]) -> Array:
    return fixed(rows)


def of_frame(program: Any, X: Any, fixed: Any) -> Any:
    """The outputs of a data frame, or of a Series: a Series, or a frame, with the same index."""
    program.check(X._meta_nonempty.iloc[:1], (math.nan, *X._meta.shape[1:]))
    names = [v.name for v in program.rowwise.outputs]
    several = [*range(len(names))] if len({*names} - {""}) < len(names) else names
    labels = several if program.many else names[0] or None
    empty = np.zeros((0, len(names)))
    meta = labelled(empty if program.many else empty[:, 0], X._meta, labels)
    return X.map_partitions(in_frame, fixed=fixed, labels=labels, meta=meta)


def in_frame(part: Any, fixed: Callable[[Any], Array], labels: Any) -> Any:
    return labelled(fixed(part), part, labels)


def labelled(outputs: Array, part: Any, labels: Any) -> Any:
    """Outputs as pandas has them: a Series with a name, or a frame with columns."""
    pandas: Any = import_module("pandas")
    if outputs.ndim == 1:
        return pandas.Series(outputs, index=part.index, name=labels)
    return pandas.DataFrame(outputs, index=part.index, columns=labels)


class Fixed:
    """A program at one theta: Dask sends it to each process once, which compiles the program once."""

    def __init__(self, program: Any, theta: Array) -> None:
        self.program, self.theta = program, theta.copy()

    def __call__(self, part: Any) -> Array:
        return self.program(part, self.theta)

    @Kept
    def stored(self) -> bytes:
        return pickle.dumps(self.program)

    def __reduce__(self) -> Any:
        return partial, (from_store, self.stored, self.theta)

    def delayed(self) -> Any:
        """It has a key of its own, and does not travel with every part."""
        dask: Any = import_module("dask")
        return dask.delayed(self, traverse=False)


def from_store(stored: bytes, theta: Array, part: Any) -> Array:
    """The outputs in another process."""
    return program_of(stored)(part, theta)


@lru_cache(FEW)
def program_of(stored: bytes) -> Any:
    return pickle.loads(stored)
