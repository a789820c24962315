"""Rows of different lengths: in which column each number of a row stands, so that holes make a mask.

What position 3 contributes stands in column 3 of every row, whichever positions a row has.
"""

from __future__ import annotations

import numpy as np

from .holes import dense, opened
from .numbering import Ids
from .tensors import Shape

WIDER = 4  # a row may be so many times as wide as the longest one


def placed(rows: Ids, columns: Ids, width: int) -> Ids | None:
    """The numbers of each row in their columns, negative elsewhere; None if two have one column."""
    longest = rows.shape[-1]
    flat, places = rows.reshape(-1, longest), columns.reshape(-1, longest)
    line, at = np.nonzero(flat >= 0)
    wide = np.full((len(flat), width), -1)
    wide[line, places[line, at]] = flat[line, at]
    if int((wide >= 0).sum()) < len(line):
        return None
    return wide.reshape(*rows.shape[:-1], width)


def as_in_array(rows: Ids, at: Ids, shape: Shape) -> Ids | None:
    """In the columns of an array in which all of the numbers are, at these places."""
    coordinates = np.unravel_index(at, shape) if shape else ()
    for axis in reversed(range(len(shape))):
        wide = None
        if shape[axis] <= WIDER * rows.shape[-1]:
            wide = placed(rows, coordinates[axis], shape[axis])
        if wide is not None:
            return wide
    return None


def by_operand(rows: Ids, keys: Ids) -> Ids | None:
    """In columns of one operand each, along an axis on which the same operands come again and again."""
    for axis in range(rows.ndim - 1):
        columns = shared_columns(np.where(rows >= 0, keys, -1), axis)
        wide = None
        if columns is not None and columns.max() < WIDER * rows.shape[-1]:
            wide = placed(rows, columns, int(columns.max()) + 1)
        if wide is not None and repeats(wide, rows, keys, axis):
            return wide
    return None


def shared_columns(keys: Ids, axis: int) -> Ids | None:
    """For each key its rank among all keys along an axis; None if there are not equally many everywhere."""
    lines = np.moveaxis(keys, axis, -2)
    found = np.zeros(lines.shape, np.int64)
    sizes = set[int]()
    for index in np.ndindex(*lines.shape[:-2]):
        block = lines[index]
        known = np.unique(block[block >= 0])
        sizes.add(len(known))
        found[index] = np.searchsorted(known, block)
    return np.moveaxis(found, -2, axis) if len(sizes) == 1 else None


def repeats(wide: Ids, rows: Ids, keys: Ids, axis: int) -> bool:
    """Whether the operands do not change along the axis, in these columns."""
    key_of = np.full(int(rows.max()) + 1, -1)
    key_of[rows[rows >= 0]] = keys[rows >= 0]
    return (
        dense(np.where(wide >= 0, key_of[np.maximum(wide, 0)], -1)).shape[axis] == 1
    )


def is_regular(rows: Ids, operand: Ids) -> bool:
    """Whether an operand does not change along some axis, as the rows are."""
    shape = dense(opened(operand)).shape
    return any(n == 1 < m for n, m in zip(shape[:-1], rows.shape[:-1], strict=True))
