"""In which axes an array of numbers is woven: so that each operand varies along an axis, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias, cast

import numpy as np

from .holes import dense
from .numbering import Ids
from .tensors import Axes, Shape

Varies: TypeAlias = "tuple[bool, ...]"


def varies(ids: Ids) -> Varies:
    """Along which axes there are different numbers."""
    return tuple(n > 1 for n in dense(ids).shape)


def aligned(shape: Shape, ids_shape: Shape) -> Shape:
    """A shape with an axis of one where the other shape has one, and its own axes elsewhere.

    >>> aligned((3, 4), (7, 1, 7))
    (3, 1, 4)
    """
    rest = iter(shape)
    return tuple(1 if n == 1 else next(rest) for n in ids_shape)


def data_first(weights: Varies) -> Axes:
    """The order of axes in which those along which the weights vary are the last."""
    return tuple(sorted(range(len(weights)), key=lambda axis: weights[axis]))


def merged(shape: Shape, operands: Sequence[Varies]) -> Shape | None:
    """Two neighbouring axes as one, where every operand varies along both or along neither."""
    for axis in range(len(shape) - 1):
        pairs = {(x[axis], x[axis + 1]) for x in operands}
        if (True, True) in pairs and pairs <= {(True, True), (False, False)}:
            joined = shape[axis] * shape[axis + 1]
            return (*shape[:axis], joined, *shape[axis + 2 :])
    return None


def folded(shape: Shape, operands: Iterable[Ids]) -> Shape | None:
    """An axis as two, where an operand repeats itself along it."""
    for ids in operands:
        for axis, n in enumerate(shape):
            length = repeated(ids, axis) if n > 3 else None
            if length is not None:
                return (*shape[:axis], n // length, length, *shape[axis + 1 :])
    return None


def repeated(ids: Ids, axis: int) -> int | None:
    """The length of equal blocks along an axis, or of what comes again and again; None if there is none."""
    n = ids.shape[axis]
    lines = np.moveaxis(ids, axis, 0).reshape(n, -1)
    breaks = np.flatnonzero((lines[1:] != lines[:-1]).any(axis=1)) + 1
    if not len(breaks):
        return None
    length = int(breaks[0])
    regular = length > 1 and n % length == 0
    if regular and np.array_equal(
        breaks, cast("Ids", np.arange(length, n, length))
    ):
        return length
    return period(lines)


def period(lines: Ids) -> int | None:
    """After how many lines they come again, all of them equally often."""
    n = len(lines)
    for length in range(2, n // 2 + 1):
        begins_again = n % length == 0 and np.array_equal(lines[0], lines[length])
        if begins_again and np.array_equal(lines[length:], lines[:-length]):
            return length
    return None


def cuts(labels: Ids) -> tuple[int, list[Ids]] | None:
    """The axis along which an array is taken to the fewest pieces of one label each, and their indices.

    Negative labels are of holes, and stand beside any other.  None if there is no such axis.
    """
    found: tuple[int, list[Ids]] | None = None
    for axis, n in enumerate(labels.shape):
        lines = np.moveaxis(labels, axis, 0).reshape(n, -1)
        top = lines.max(axis=1, keepdims=True)
        if ((lines == top) | (lines < 0)).all():
            indices = pieces(carried(top[:, 0]))
            if found is None or len(indices) < len(found[1]):
                found = axis, indices
    return found


def carried(labels: Ids) -> Ids:
    """Each hole's label is that of the index before it."""
    real = np.flatnonzero(labels >= 0)
    before = np.searchsorted(real, np.arange(len(labels)), side="right") - 1
    return labels[real[np.maximum(before, 0)]]


def pieces(labels: Ids) -> list[Ids]:
    """The indices of each piece: neighbours of one label, or all of one label where the labels take turns."""
    ends = (np.flatnonzero(np.diff(labels) != 0) + 1).tolist()
    neighbours = np.split(np.arange(len(labels)), ends)
    different, first = np.unique(labels, return_index=True)
    if len(neighbours) <= 2 * len(different):
        return neighbours
    order = different[np.argsort(first)]
    return [np.flatnonzero(labels == label) for label in order.tolist()]
