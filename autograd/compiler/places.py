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
        steps = iter(
            [s for n, s in zip(self.shape, self.strides, strict=True) if n > 1]
        )
        strides = tuple(next(steps) if n > 1 else 0 for n in shape)
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
        chunks = merge(
            [(n, s) for n, s in zip(self.shape, self.strides, strict=True) if n > 1]
        )
        long = [n for n in shape if n > 1]
        strides = list[int]()
        for size, step in chunks:
            taken = list[int]()
            while prod(taken) < size:
                taken.append(long[len(strides) + len(taken)])
            if prod(taken) != size:
                return None
            strides += [step * prod(taken[i + 1 :]) for i in range(len(taken))]
        found = iter(strides)
        steps = tuple(next(found) if n > 1 else 0 for n in shape)
        return self._replace(shape=shape, strides=steps)

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
    def order(self) -> list[int]:
        """Its long axes, those with the largest steps first."""
        long = [i for i, n in enumerate(self.shape) if n > 1]
        return sorted(long, key=lambda i: -self.strides[i])

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
    if x == ONE or y == ONE:
        return y if x == ONE else x
    if x.rows:
        return None
    if y.rows:
        return (
            Dim(x.size, 1, rows=True)
            if (x.step, x.wide, y.size) == (1, True, 1)
            else None
        )
    same = x.step == y.step * y.size and x.wide == y.wide
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
    base, full = places[0], steps_of(shape)
    steps = tuple(
        places[f] - base if n > 1 else 0 for n, f in zip(shape, full, strict=True)
    )
    wanted = [base]
    for n, step in zip(shape, steps, strict=True):
        wanted = [at + step * i for at in wanted for i in range(n)]
    return (
        (base, steps)
        if wanted == [*places] and min(steps, default=0) >= 0
        else None
    )
