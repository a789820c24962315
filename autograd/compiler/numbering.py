"""The graph as columns of integers: number i is an op of numbers before it, or a leaf with a place.

Constants are folded, and equal constants are one number.  A product has its weights before its data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from ..value import Op, Value, toposort

Ids: TypeAlias = NDArray[np.int64]
NONE = -1  # where there is no operand, or no place
# Which factor of a product stands in front, of factors that vary from row to row or that do not.
RANKS = {"theta": 0, "const": 1, "X": 3}
OTHER = 2


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


@dataclass
class Numbering:
    """The columns while they grow."""

    ops: list[str] = field(default_factory=list[str])
    args: list[tuple[int, int, int]] = field(
        default_factory=list[tuple[int, int, int]]
    )
    places: list[int] = field(default_factory=list[int])
    numbers: list[float] = field(default_factory=list[float])
    ranks: list[int] = field(default_factory=list[int])
    values: list[Value | None] = field(default_factory=list["Value | None"])
    constants: dict[float | str, int] = field(default_factory=dict["float | str", int])

    def leaf(self, word: str, place: int, x: float, v: Value | None) -> int:
        """A leaf as the next number."""
        self.ops.append(word)
        self.args.append((NONE, NONE, NONE))
        self.places.append(place)
        self.numbers.append(x)
        self.ranks.append(RANKS[word] + 4 * (word == "X"))
        self.values.append(v)
        return len(self.ops) - 1

    def constant(self, x: float, v: Value | None = None) -> int:
        """A known number; the same one for the same float."""
        key = x if x and x == x else repr(x)
        if key not in self.constants:
            self.constants[key] = self.leaf("const", NONE, x, v)
        return self.constants[key]

    def result(self, op: Op, xs: list[int], v: Value) -> int:
        """What an op makes of numbers."""
        ranks = [self.ranks[x] for x in xs]
        if all(self.ops[x] == "const" for x in xs):
            return self.constant(op.evaluate(*[self.numbers[x] for x in xs]), v)
        if op.name == "mul" and ranks[0] > ranks[1]:
            xs.reverse()
        x, y, w = (*xs, NONE, NONE)[:3]
        self.ops.append(op.name)
        self.args.append((x, y, w))
        self.places.append(NONE)
        self.numbers.append(0.0)
        # what varies from row to row ranks behind what does not
        self.ranks.append(OTHER + 4 * (max(ranks) >= 4))
        self.values.append(v)
        return len(self.ops) - 1

    def columns(self, roots: list[int]) -> Columns:
        """All of them as arrays."""
        args = np.array(self.args, np.int64).reshape(-1, 3)
        read = np.concatenate([args[args >= 0], np.array(roots, np.int64)])
        return Columns(
            self.ops,
            args,
            np.array(self.places, np.int64),
            np.array(self.numbers, float),
            np.bincount(read, minlength=len(self.ops)),
            self.values,
            roots,
        )


def number_graph(
    outputs: Sequence[Value], inputs: Sequence[Value], parameters: Sequence[Value]
) -> Columns:
    """Every number that the outputs depend on, after all parameters and all inputs.

    >>> x, w = Value(1.0), Value(2.0)
    >>> number_graph([x * w + 3.0], [x], [w]).ops
    ['theta', 'X', 'mul', 'const', 'add']
    """
    new, at = Numbering(), dict[Value, int]()
    for word, leaves in ("theta", parameters), ("X", inputs):
        for place, v in enumerate(leaves):
            at[v] = new.leaf(word, place, v.data, v)
    for v in toposort(*outputs):
        if v in at:
            continue
        if v.form is None:
            at[v] = new.constant(v.data, v)
            continue
        xs = [
            at[cast("Value", x)] if x.__class__ is not float else new.constant(x)
            for x in v.args
        ]
        at[v] = new.result(v.form.op, xs, v)
    return new.columns([at[y] for y in outputs])
