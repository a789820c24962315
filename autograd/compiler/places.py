"""Where arrays live: strided views of buffers, whose sizes and strides are known but for the number of rows.

A buffer has slots; one with rows has n numbers in each slot.  So the rows are the last axis of every array,
and neighbours in memory.  This module computes with integers only; it knows no array library.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple

from .tensors import Axes, Shape

ROWS = -1  # the axis of the rows, among the axes of an array


class Dim(NamedTuple):
    """An axis: its length and its step, in numbers; each times n or not."""

    size: int
    step: int
    rows: bool = False  # its length is size · n
    wide: bool = False  # its step is step · n


ONE = Dim(1, 0)


class Array(NamedTuple):
    """What a step reads or writes: axes over a buffer, from a slot on."""

    buffer: int
    base: int
    dims: tuple[Dim, ...]


def steps_of(shape: Shape) -> tuple[int, ...]:
    """The strides of neighbours in order; 0 along an axis of one."""
    return tuple(prod(shape[i + 1 :]) if n > 1 else 0 for i, n in enumerate(shape))


def long(shape: Shape) -> list[int]:
    """The axes along which there is more than one number."""
    return [i for i, n in enumerate(shape) if n > 1]


def strided(shape: Shape, steps: Iterable[int]) -> tuple[int, ...]:
    """Strides, from those of the long axes."""
    found = iter(steps)
    return tuple(next(found) if n > 1 else 0 for n in shape)


def in_order(shape: Shape, order: Sequence[int]) -> tuple[int, ...]:
    """The strides of neighbours, the axes in this order; others stand behind."""
    axes = [*order, *[i for i in range(len(shape)) if i not in order]]
    steps = dict(zip(axes, steps_of(tuple(shape[i] for i in axes)), strict=True))
    return tuple(steps[i] for i in range(len(shape)))


def taken(sizes: Sequence[int], size: int) -> list[int]:
    """So many of the lengths that they have this product, or more."""
    count = 0
    while prod(sizes[:count]) < size:
        count += 1
    return [*sizes[:count]]


class View(NamedTuple):
    """A Tensor's numbers in a buffer: a slot for each, by strides."""

    buffer: int
    base: int
    shape: Shape
    strides: tuple[int, ...]
    rows: bool

    def part(self, axis: int, start: int, count: int) -> View:
        """So many from there on along an axis."""
        shape = (*self.shape[:axis], count, *self.shape[axis + 1 :])
        steps = [s * (n > 1) for n, s in zip(shape, self.strides, strict=True)]
        base = self.base + start * self.strides[axis]
        return View(self.buffer, base, shape, tuple(steps), self.rows)

    def expand(self, shape: Shape) -> View:
        """With axes of one more or fewer."""
        strides = strided(shape, [s for _, s in self.long])
        return self._replace(shape=shape, strides=strides)

    def permute(self, order: Axes) -> View:
        """The axes in another order."""
        shape = tuple(self.shape[i] for i in order)
        return self._replace(
            shape=shape, strides=tuple(self.strides[i] for i in order)
        )

    def spread(self, shape: Shape) -> View:
        """Repeated along axes of one."""
        return self._replace(shape=shape)

    def refold(self, shape: Shape) -> View | None:
        """The same numbers in other axes, if that is a view."""
        sizes, steps = [n for n in shape if n > 1], list[int]()
        for size, step in merge(self.long):
            parts = taken(sizes[len(steps) :], size)
            if prod(parts) != size:
                return None
            steps += [step * prod(parts[i + 1 :]) for i in range(len(parts))]
        return self._replace(shape=shape, strides=strided(shape, steps))

    def dim(self, axis: int) -> Dim:
        """One of its axes, or that of the rows."""
        if axis == ROWS:
            return Dim(1, 1, rows=True) if self.rows else ONE
        size, step = self.shape[axis], self.strides[axis]
        return Dim(size, step, wide=self.rows and step > 0) if size > 1 else ONE

    def group(self, axes: Iterable[int]) -> Dim | None:
        """Axes as one, if that is a view."""
        whole: Dim | None = ONE
        for axis in axes:
            whole = joined(whole, self.dim(axis)) if whole else None
        return whole

    def matrix(self, *groups: Sequence[int]) -> Array | None:
        """With an axis for each group of its axes, if that is a view."""
        dims = [self.group(axes) for axes in groups]
        found = [x for x in dims if x is not None]
        return (
            Array(self.buffer, self.base, tuple(found))
            if len(found) == len(dims)
            else None
        )

    @property
    def long(self) -> list[tuple[int, int]]:
        """The lengths and steps of its long axes."""
        return [
            pair
            for pair in zip(self.shape, self.strides, strict=True)
            if pair[0] > 1
        ]

    @property
    def repeats(self) -> bool:
        """Whether the same number stands in several places."""
        return 0 in dict(self.long).values()

    @property
    def order(self) -> list[int]:
        """Its long axes, those with the largest steps first."""
        return sorted(long(self.shape), key=lambda i: -self.strides[i])

    @property
    def axes(self) -> list[int]:
        """The same, and that of the rows."""
        return [*self.order, *[ROWS] * self.rows]

    def strided(self) -> Array:
        """With all of its long axes."""
        return Array(self.buffer, self.base, tuple(map(self.dim, self.axes)))


def singles(axes: Iterable[int]) -> list[tuple[int]]:
    """A group for each."""
    return [(i,) for i in axes]


def merge(axes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Lengths and steps, with neighbours as one axis where they are steps of one."""
    found = list[tuple[int, int]]()
    for size, step in axes:
        if found and found[-1][1] == step * size and step:
            found[-1] = found[-1][0] * size, step
        else:
            found.append((size, step))
    return found


def joined(x: Dim, y: Dim) -> Dim | None:
    """Two axes as one; None if they have no common step."""
    if ONE in (x, y):
        return y if x == ONE else x
    if y.rows and (x.step, x.wide, x.rows, y.size) == (1, True, False, 1):
        return Dim(x.size, 1, rows=True)
    same = (
        (x.step, x.wide) == (y.step * y.size, y.wide) and not x.rows and not y.rows
    )
    return Dim(x.size * y.size, y.step, wide=y.wide) if same else None


def simplest(arrays: Sequence[Sequence[Dim]]) -> list[list[Dim]]:
    """Axes of arrays of one shape (but for what repeats), as few as possible."""
    found = list[tuple[Dim, ...]]()
    for dims in zip(*arrays, strict=True):
        whole = all_joined(found[-1], dims) if found else None
        if whole is not None:
            found[-1] = whole
        elif {*dims} != {ONE}:
            found.append(dims)
    return [[dims[i] for dims in found] for i in range(len(arrays))]


def all_joined(xs: Sequence[Dim], ys: Sequence[Dim]) -> tuple[Dim, ...] | None:
    """Two axes of every array as one; None if that fails for one of them."""
    pairs = [joined_alike(x, y) for x, y in zip(xs, ys, strict=True)]
    found = [x for x in pairs if x is not None]
    return tuple(found) if len(found) == len(pairs) else None


def joined_alike(x: Dim, y: Dim) -> Dim | None:
    """Two axes of one array as one; None if one of them repeats and the other does not."""
    return None if (x == ONE) != (y == ONE) else joined(x, y)


def affine(
    places: Sequence[int], shape: Shape
) -> tuple[int, tuple[int, ...]] | None:
    """The base and the strides of places in a shape; None if they are not regular."""
    base, wanted = places[0], [places[0]]
    steps = strided(shape, [places[f] - base for f in steps_of(shape) if f])
    for n, step in zip(shape, steps, strict=True):
        wanted = [at + step * i for at in wanted for i in range(n)]
    return (
        (base, steps)
        if wanted == [*places] and min(steps, default=0) >= 0
        else None
    )
