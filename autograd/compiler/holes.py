"""Arrays of numbers' ids, with holes where an array has a place and the graph has no number.

ANY       a place that nobody reads: any number will do
ZERO      it counts as 0
filled    the number with this id, in place of one that is not there: a hole of an op such as exp, whose
          operands are then those of a real number, and never scores that the graph does not have
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .numbering import Ids

Mask = NDArray[np.bool_]
ANY, ZERO = -1, -2
FIRST = -3  # the hole that is filled with number 0


def filled(ids: Ids) -> Ids:
    """Holes that are filled with these numbers; and the numbers with which such holes are filled."""
    return FIRST - ids


def has_holes(ids: Ids) -> bool:
    return bool(ids.size) and int(ids.min()) < 0


def opened(ids: Ids) -> Ids:
    """With any number in every hole."""
    return np.where(ids < 0, ANY, ids)


def unfilled(ids: Ids) -> Ids:
    """With any number in the holes that are filled."""
    return np.where(ids <= FIRST, ANY, ids)


def resolved(ids: Ids) -> Ids:
    """With the numbers themselves in the holes that they fill."""
    return np.where(ids <= FIRST, filled(ids), ids)


def neighbours(ids: Ids) -> Ids:
    """With a real number in every hole: the first one of its row, if there is one."""
    for axis in reversed(range(ids.ndim)):
        if not has_holes(ids):
            break
        first = (ids >= 0).argmax(axis, keepdims=True)
        ids = np.where(ids < 0, np.take_along_axis(ids, first, axis), ids)
    return ids


def operand(args: Ids, ids: Ids) -> Ids:
    """One operand of every number; a filled hole has that of the number that fills it."""
    found = args[np.maximum(ids, 0)]
    if not has_holes(ids):
        return found
    of_fillers = filled(args[np.maximum(filled(ids), 0)])
    return np.where(ids >= 0, found, np.where(ids <= FIRST, of_fillers, ids))


def once(ids: Ids, axis: int) -> Ids:
    """Without repetition along an axis: one of one, if all numbers are the same along it.

    >>> once(np.array([[1, 2], [1, ANY]]), 0)
    array([[1, 2]])
    """
    first = ids.take([0], axis)
    if (ids == first).all():
        return first
    return closed(ids, axis) if has_holes(ids) else ids


def closed(ids: Ids, axis: int) -> Ids:
    """The same where holes may take what is beside them."""
    top: Ids = ids.max(axis, keepdims=True)
    low: Ids = ids.min(axis, keepdims=True)
    one = np.where(top >= 0, top, low)
    same = (ids == one) | (ids == ANY) | ((top >= 0) & (ids == filled(top)))
    return one if same.all() else ids


def dense(ids: Ids) -> Ids:
    """Without repetition along any axis; the axes stay."""
    for axis, n in enumerate(ids.shape):
        if n > 1:
            ids = once(ids, axis)
    return ids
