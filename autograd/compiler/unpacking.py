"""theta and X taken apart into the arrays that are read.

A leaf that is a block of rows of theta, or some of its columns, is a view.  What lies irregularly is taken by
constant numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .tensors import Tensor

Places = NDArray[np.int64]
Declare = Callable[[Places], str]  # gives constant numbers a name


def places_of(leaf: Tensor) -> Places:
    """The places of its numbers, without axes of one."""
    return leaf.data.reshape([n for n in leaf.shape if n > 1])


def strides_of(places: Places) -> tuple[int, ...] | None:
    """How far apart neighbours are along every axis; None if that changes."""
    steps = first_steps(places)
    for axis, step in enumerate(steps):
        if (np.diff(places, axis=axis) != step).any():
            return None
    return tuple(steps)


def first_steps(places: Places) -> list[int]:
    """From the first number to the next one along every axis."""
    corner = (0,) * places.ndim
    return [
        int(places[(*corner[:i], 1, *corner[i + 1 :])]) - int(places[corner])
        for i in range(places.ndim)
    ]


def dense(places: Places) -> bool:
    """Whether the numbers lie side by side, in order."""
    first = int(places.flat[0])
    return np.array_equal(places.ravel(), np.arange(first, first + places.size))


@dataclass(frozen=True)
class Block:
    """Rows of theta of one length; a leaf may be some of their columns."""

    start: int
    count: int
    width: int

    @property
    def stop(self) -> int:
        return self.start + self.count * self.width

    @property
    def text(self) -> str:
        cut = f"theta[{self.start or ''}:{self.stop}]"
        return f"reshape({cut}, ({self.count}, {self.width}))"


@dataclass(frozen=True)
class Columns:
    """The columns of a block that a leaf is; count is 0 for a single one, as a vector."""

    leaf: Tensor
    start: int
    count: int

    @property
    def text(self) -> str:
        if not self.count:
            return f"[:, {self.start}]"
        return f"[:, {self.start or ''}:{self.start + self.count}]"

    @property
    def stop(self) -> int:
        return self.start + max(self.count, 1)


def row_of(leaf: Tensor) -> tuple[int, int, int, int] | None:
    """First place, rows, distance of rows, columns of a leaf that may be columns of a block."""
    places = places_of(leaf)
    steps = strides_of(places) if places.ndim in (1, 2) else None
    if steps is None or (places.ndim == 1 and steps[0] <= 1):
        return None
    columns = places.shape[1] if places.ndim == 2 else 0
    if columns and (steps[1] != 1 or steps[0] < columns):
        return None
    return int(places.flat[0]), places.shape[0], steps[0], columns


class Theta:
    """The leaves of theta: in blocks, or alone."""

    def __init__(self, leaves: Sequence[Tensor], size: int) -> None:
        self.size = size
        self.blocks: dict[Block, list[Columns]] = {}
        self.alone: list[Tensor] = []
        ordered = sorted(leaves, key=lambda x: (int(x.data.flat[0]), -x.size))
        for leaf in ordered:
            row = row_of(leaf)
            if row is None or not self.in_block(leaf, *row):
                self.alone.append(leaf)
        for block in [b for b, parts in self.blocks.items() if lonely(parts)]:
            self.alone += [part.leaf for part in self.blocks.pop(block)]

    def in_block(
        self, leaf: Tensor, first: int, count: int, width: int, columns: int
    ) -> bool:
        """Whether the leaf has found its place in a block."""
        for block, parts in self.blocks.items():
            at = first - block.start
            alike = (block.count, block.width) == (count, width)
            if alike and at >= 0 and at + max(columns, 1) <= width:
                parts.append(Columns(leaf, at, columns))
                return True
        if first + count * width > self.size:
            return False
        self.blocks[Block(first, count, width)] = [Columns(leaf, 0, columns)]
        return True

    def biases(self) -> set[Tensor]:
        """The leaves that stand behind others in a block."""
        return {part.leaf for parts in self.blocks.values() for part in parts[1:]}


def lonely(parts: Sequence[Columns]) -> bool:
    """Whether a block has a single leaf, a vector."""
    return len(parts) == 1 and not parts[0].count


# -------------------------------------------------------------------------------------------------- taken apart
def taken_apart(
    theta: Theta,
    name: Callable[[Tensor], str],
    fresh: Callable[[str], str],
    declare: Declare,
) -> list[str]:
    """Lines that give theta's leaves their names, in the order of their places."""
    lines: list[tuple[int, str]] = []
    for block, parts in theta.blocks.items():
        texts = block_lines(block, parts, name, fresh)
        lines += [(block.start, text) for text in texts]
    for leaf in theta.alone:
        if name(leaf) != "theta":
            text = alone(places_of(leaf), "theta[{}]", "", declare)
            lines.append((int(leaf.data.flat[0]), f"{name(leaf)} = {text}"))
    return paired([text for _, text in sorted(lines, key=lambda pair: pair[0])])


def block_lines(
    block: Block,
    parts: Sequence[Columns],
    name: Callable[[Tensor], str],
    fresh: Callable[[str], str],
) -> list[str]:
    """One line for a matrix, two for a matrix that is cut into columns."""
    mine = [name(part.leaf) for part in parts]
    if len(parts) == 1 and parts[0].count == block.width:
        return [f"{mine[0]} = {block.text}"]
    whole = fresh("L" + "".join(filter(str.isdigit, mine[0]))[:3])
    cuts = [whole + part.text for part in parts]
    return [f"{whole} = {block.text}", f"{', '.join(mine)} = {', '.join(cuts)}"]


def alone(places: Places, cut: str, rows: str, declare: Declare) -> str:
    """A leaf that is no part of a block; ``rows`` is "-1, " for a leaf of X."""
    first = int(places.flat[0])
    if places.ndim == 0:
        return cut.format(first)
    if dense(places):
        text = cut.format(f"{first or ''}:{first + places.size}")
        return text if places.ndim == 1 else shaped(text, places, rows)
    steps = strides_of(places)
    if places.ndim == 1 and steps and steps[0] > 1:
        return cut.format(f"{first}:{int(places[-1]) + 1}:{steps[0]}")
    array, axis = ("X", 1) if rows else ("theta", 0)
    text = f"take({array}, {declare(places.ravel())}, axis={axis})"
    return text if places.ndim == 1 else shaped(text, places, rows)


def shaped(text: str, places: Places, rows: str) -> str:
    """In the shape of its places."""
    return f"reshape({text}, ({rows}{', '.join(map(str, places.shape))}))"


def paired(lines: Sequence[str], width: int = 70) -> list[str]:
    """w = theta[0:3] and b = theta[3] in one line."""
    found: list[str] = []
    for line in lines:
        last = found[-1] if found else ""
        short = len(last) + len(line) < width
        if short and simple(last) and simple(line):
            names, values = (
                ", ".join(pair)
                for pair in zip(
                    *(x.split(" = ", 1) for x in (last, line)), strict=True
                )
            )
            found[-1] = f"{names} = {values}"
        else:
            found.append(line)
    return found


def simple(line: str) -> bool:
    """Whether a line only cuts."""
    return bool(line) and "(" not in line


def read_inputs(
    leaves: Sequence[Tensor], name: Callable[[Tensor], str], declare: Declare
) -> list[str]:
    """Lines that give X's leaves their names."""
    lines: list[str] = []
    for leaf in sorted(leaves, key=lambda x: int(x.data.flat[0])):
        if name(leaf) != "X":
            text = alone(places_of(leaf), "X[:, {}]", "-1, ", declare)
            lines.append(f"{name(leaf)} = {text}")
    return paired(lines)


def is_whole(leaf: Tensor, size: int) -> bool:
    """Whether a leaf is all of X, or of theta."""
    places = places_of(leaf)
    return places.ndim == 1 and places.size == size and dense(places)
