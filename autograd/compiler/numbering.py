"""The graph as columns of integers: number i is an op of numbers before it, or a leaf with a place.

Constants are folded, and equal constants are one number.  A product has its weights before its data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from ..value import Op, Value, toposort
from .tensors import word_of

Ids: TypeAlias = NDArray[np.int64]
NONE = -1  # where there is no operand, or no place
# Which factor of a product stands in front: weights, constants, what they make, what varies from row to row.
KNOWN, UNIFORM, VARYING = 1, 2, 3
RANKS = {"theta": 0, "const": KNOWN, "X": 4}


@dataclass
class Columns:
    """The graph, number by number; operands stand before results."""

    ops: list[str]  # the op's name, or theta, X, const
    args: Ids  # n × 3
    places: Ids  # of leaves, among the parameters or among the inputs
    numbers: NDArray[np.float64]  # of constants
    uses: Ids  # by how many operands or outputs it is read
    values: list[Value | None]  # the Value that it was recorded as
    roots: list[int]  # the outputs


class Numbering:
    """The columns while they grow."""

    def __init__(self, recorded: Mapping[Value, float]) -> None:
        self.recorded = recorded
        self.ops = list[str]()
        self.args = list[tuple[int, int, int]]()
        self.ranks = [NONE]  # the last one is that of no operand
        self.values = list[Value | None]()
        self.places, self.numbers = dict[int, int](), dict[int, float]()
        self.at = dict[Value | float, int]()
        self.constants = dict[float | str, int]()

    def number(self, v: Value) -> int:
        """The number of a constant, or of an op's result."""
        if v.form is None:
            return self.constant(self.recorded.get(v, v.data), v)
        xs = [
            self.constant(cast("float", x)) if x.__class__ is float else self.at[x]
            for x in v.args
        ]
        return self.result(v.form.op, (*xs, NONE, NONE), v)

    def leaf(self, word: str, v: Value | None) -> int:
        """A leaf as the next number."""
        self.ops.append(word)
        self.args.append((NONE, NONE, NONE))
        self.ranks.insert(-1, RANKS[word])
        self.values.append(v)
        return len(self.ops) - 1

    def leaves(self, word: str, values: Sequence[Value]) -> list[int]:
        """Parameters or inputs, with their places."""
        ids = [self.leaf(word, v) for v in values]
        self.places.update(zip(ids, range(len(ids)), strict=True))
        return ids

    def constant(self, x: float, v: Value | None = None) -> int:
        """A known number; the same one for the same float."""
        key = x if x and x == x else repr(x)
        if key not in self.constants:
            new = self.constants[key] = self.leaf("const", v)
            self.numbers[new] = x
        return self.constants[key]

    def result(self, op: Op, operands: tuple[int, ...], v: Value) -> int:
        """What an op makes of numbers."""
        x, y, w = operands[:3]
        rank, last, third = self.ranks[x], self.ranks[y], self.ranks[w]
        highest = max(rank, last, third)
        if highest == KNOWN:
            folded = self.folded(op, x, y, w)
            if folded is not None:
                return self.constant(folded, v)
        swapped = rank > last and op.name == "mul"
        self.ops.append(word_of(op.name))
        self.args.append((y, x, w) if swapped else (x, y, w))
        self.ranks.insert(-1, min(max(highest, UNIFORM), VARYING))
        self.values.append(v)
        return len(self.ops) - 1

    def folded(self, op: Op, *operands: int) -> float | None:
        """What an op makes of constants; None of other numbers."""
        xs = [x for x in operands if x != NONE]
        if any(self.ranks[x] != KNOWN for x in xs):
            return None
        return op.evaluate(*[self.numbers[x] for x in xs])

    def columns(self, roots: list[int]) -> Columns:
        """All of them as arrays."""
        n = len(self.ops)
        args = np.array(self.args, np.int64).reshape(-1, 3)
        read = np.concatenate([args[args >= 0], np.array(roots, np.int64)])
        places, numbers = np.full(n, NONE), np.zeros(n)
        places[[*self.places]] = [*self.places.values()]
        numbers[[*self.numbers]] = [*self.numbers.values()]
        uses = np.bincount(read, minlength=n)
        return Columns(self.ops, args, places, numbers, uses, self.values, roots)


def number_graph(
    outputs: Sequence[Value],
    inputs: Sequence[Value],
    parameters: Sequence[Value],
    recorded: Mapping[Value, float] = {},
) -> Columns:
    """Every number that the outputs depend on, after all parameters and all inputs.

    ``recorded`` has the constants' numbers from when a program was compiled; others are read now.

    >>> x, w = Value(1.0), Value(2.0)
    >>> number_graph([x * w + 3.0], [x], [w]).ops
    ['theta', 'X', 'mul', 'const', 'add']
    """
    new = Numbering(recorded)
    for word, leaves in ("theta", parameters), ("X", inputs):
        new.at.update(zip(leaves, new.leaves(word, leaves), strict=True))
    for v in toposort(*outputs):
        if v not in new.at:
            new.at[v] = new.number(v)
    return new.columns([new.at[y] for y in outputs])
