"""Numbers of an array that is there: as parts, picks and permutations of it, or as a choice by ones and zeros."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from .holes import ANY, dense
from .numbering import Ids
from .tensors import Axes, Shape, Tensor, Tensors

Coordinates: TypeAlias = list[Ids]
WIDEST = 4096  # a choice by ones and zeros has at most so many numbers


def full(b: Tensors, x: Tensor, shape: Shape) -> Tensor:
    """Repeated to a shape."""
    return x if x.shape == shape else b.spread(x, shape)


def refolded(b: Tensors, x: Tensor, before: Shape, after: Shape) -> Tensor:
    """In other axes, also where it is the same along some of its own."""
    if x.word == "const":
        return b.const(np.broadcast_to(x.data, before).reshape(after))
    if x.size == 1:
        return b.expand(x, (1,) * len(after))
    return b.refold(full(b, x, before), after)


def take(b: Tensors, x: Tensor, index: Ids, axis: int) -> Tensor:
    """Those with these indices along an axis; a part, if they are neighbours."""
    start, n = int(index[0]), len(index)
    if x.shape[axis] == 1:
        return x
    if np.array_equal(index, np.arange(start, start + n)):
        return b.part(x, axis, start, n)
    others = [i for i in range(len(x.shape)) if i != axis]
    picked = b.pick(b.permute(x, (axis, *others)), index)
    return b.permute(picked, back((axis, *others)))


def back(order: Axes) -> Axes:
    """The order of axes that undoes another one."""
    return tuple(np.argsort(order).tolist())


def view(b: Tensors, x: Tensor, at: Ids) -> Tensor:
    """The numbers at these places of an array; a negative place is of a hole, where any number will do."""
    if at.size == x.size and np.array_equal(at.ravel(), np.arange(x.size)):
        return b.refold(x, at.shape)
    coordinates = coordinates_of(at, x.shape)
    if separate(coordinates):
        return grid(b, x, coordinates)
    axis = choice_axis(coordinates)
    if axis is not None and at.size * x.shape[axis] <= WIDEST:
        return chosen(b, x, coordinates, axis)
    flat = b.refold(x, (x.size,))
    index = np.maximum(at, 0).ravel()
    return b.refold(take(b, flat, index, 0), at.shape)


def coordinates_of(at: Ids, shape: Shape) -> Coordinates:
    """Where places are along each axis, without repetition."""
    found = np.unravel_index(np.maximum(at, 0), shape)
    return [dense(np.where(at < 0, ANY, c)) for c in found]


def choice_axis(coordinates: Coordinates) -> int | None:
    """The last axis without which the others are separate."""
    for axis in reversed(range(len(coordinates))):
        if separate(coordinates[:axis] + coordinates[axis + 1 :]):
            return axis
    return None


def long(ids: Ids) -> Axes:
    return tuple(axis for axis, n in enumerate(ids.shape) if n > 1)


def separate(coordinates: Coordinates) -> bool:
    """Whether along each axis only one of them varies."""
    axes = [axis for c in coordinates for axis in long(c)]
    return len(axes) == len(set(axes))


def grid(b: Tensors, x: Tensor, coordinates: Coordinates) -> Tensor:
    """All combinations of some indices along each axis."""
    for axis, c in enumerate(coordinates):
        x = take(b, x, completed(c.ravel(), x.shape[axis]), axis)
    rank = coordinates[0].ndim
    order = [axis for c in coordinates for axis in long(c)]
    lengths = [n for c in coordinates for n in c.shape if n > 1]
    ones = [1] * (rank - len(lengths))
    missing = sorted({*range(rank)} - {*order})
    unfolded = b.refold(x, (*lengths, *ones))
    return b.permute(unfolded, back((*order, *missing)))


def completed(index: Ids, n: int) -> Ids:
    """Indices without holes: neighbours, if that is what the others are."""
    real = np.flatnonzero(index >= 0)
    start = int(index[real[0]] - real[0])
    straight = np.arange(start, start + len(index))
    fits = start >= 0 and start + len(index) <= n
    if fits and np.array_equal(straight[real], index[real]):
        return straight
    return np.maximum(index, 0)


def chosen(b: Tensors, x: Tensor, coordinates: Coordinates, axis: int) -> Tensor:
    """One of those along an axis, another one at each place: Σ hot·x."""
    which, rank, n = coordinates[axis], coordinates[axis].ndim, x.shape[axis]
    every = np.arange(n).reshape(*[1] * rank, n)
    wide = [c[..., None] for c in coordinates]
    wide[axis] = every
    hot = np.where((which[..., None] == every) & (which[..., None] >= 0), 1.0, 0.0)
    total = b.dot(b.const(hot), grid(b, x, wide), (rank,))
    return b.expand(total, total.shape[:-1])


def strides(places: Ids) -> Axes | None:
    """How far apart neighbours are along each axis; None if that is not the same everywhere."""
    base, steps = int(places.flat[0]), list[int]()
    for axis, n in enumerate(places.shape):
        second = tuple(int(i == axis) for i in range(places.ndim))
        steps.append(int(places[second]) - base if n > 1 else 0)
    indices = np.indices(places.shape, sparse=True)
    grid_of = sum((s * i for s, i in zip(steps, indices, strict=True)), base)
    same = np.array_equal(np.broadcast_to(grid_of, places.shape), places)
    return tuple(steps) if same else None


def leaf(b: Tensors, word: str, places: Ids) -> Tensor:
    """Parameters or inputs; a transposed matrix as such, and rows of a table in any order as picked."""
    steps = strides(places)
    if steps is None:
        return table_rows(b, word, places) or b.leaf(word, places)
    order = tuple(sorted(range(places.ndim), key=lambda axis: -steps[axis]))
    straight = b.leaf(word, np.array(places.transpose(order), order="C"))
    return b.permute(straight, back(order))


def table_rows(b: Tensors, word: str, places: Ids) -> Tensor | None:
    """Rows of a table that lies in one piece, if that is what they are."""
    if word != "theta" or places.ndim != 2:
        return None
    firsts, n = places[:, 0], places.shape[1]
    index = (firsts - firsts.min()) // n
    count = int(index.max()) + 1
    table = (count, n)
    whole = int(firsts.min()) + np.ravel_multi_index(
        tuple(np.indices(table)), table
    )
    if not np.array_equal(whole[index], places):
        return None
    return b.pick(b.leaf(word, whole), index)
