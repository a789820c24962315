"""From a program's Tensors to those that one call computes each: ops by the words of their formulas, sums of
products as contractions, also over the rows.

The words that are left: leaves and moves; ``contract`` = Σ x·y and ``sum`` = Σ x, whose data are axes and
whether the rows are added up too; ``max``; ``ones``, the same with a 1 behind the last along an axis; and
functions of the table of words (see arrays), number by number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..value import OPS
from .arrays import IN_PARTIALS, Call, Expr, expression
from .beside import Beside, with_bias
from .reverse import Adjoints
from .tensors import Axes, Tensor, Tensors, joint, long_axes, without

LETTERS = "xyw"
LEAVES = ("theta", "X", "const")


@dataclass
class Primitives:
    """What is to be computed, operands before results; from ``turn`` on the adjoints."""

    order: list[Tensor]
    turn: int
    outputs: list[Tensor]
    theta: list[tuple[Tensor, Tensor]]  # leaves and adjoints
    X: list[tuple[Tensor, Tensor]]
    ones: dict[Tensor, int]  # the axes behind which a 1 stands


def reachable(roots: Iterable[Tensor]) -> set[Tensor]:
    """What these are computed from, and themselves."""
    found, stack = set[Tensor](), [*roots]
    while stack:
        x = stack.pop()
        if x not in found:
            found.add(x)
            stack += x.args
    return found


def early(order: Sequence[Tensor], done: int) -> list[Tensor]:
    """Those that were made after the others right behind their operands."""
    found = [x for x in order if x.at < done]
    for x in order[len(found) :]:
        last = max(found.index(y) for y in x.args)
        found.insert(last + 1, x)
    return found


def primitives(
    tensors: Tensors, outputs: Sequence[Tensor], adjoints: Adjoints
) -> Primitives:
    """The primitives of a program."""
    return Lowering(tensors, outputs, adjoints).run()


class Lowering:
    """Tensors while they become primitives."""

    def __init__(
        self, tensors: Tensors, outputs: Sequence[Tensor], adjoints: Adjoints
    ) -> None:
        self.b, self.new = Tensors(), dict[Tensor, Tensor]()
        self.outputs, self.adjoints = outputs, adjoints
        live = reachable([*outputs, *adjoints.theta.values(), *adjoints.X.values()])
        self.order = [x for x in tensors.order if x in live]
        self.products = {
            frozenset(x.args): x
            for x in self.order
            if x.word == "dot" and not x.data
        }
        self.readers = Counter(x for z in self.order for x in z.args)
        self.beside = Beside(self.b)
        self.fast: Mapping[str, Callable[..., Expr]] = {}

    def run(self) -> Primitives:
        forward = self.adjoints.turn
        self.lower([x for x in self.order if x.at < forward])
        turn, self.fast = len(self.b.order), IN_PARTIALS
        self.lower([x for x in self.order if x.at >= forward])
        done = len(self.b.order)
        theta = self.beside.gradients(self.pairs(self.adjoints.theta))
        X = self.pairs(self.adjoints.X)
        outputs = [self.new[x] for x in self.outputs]
        live = reachable([*outputs, *[d for _, d in theta + X]])
        order = early([x for x in self.b.order if x in live], done)
        values = [i for i, x in enumerate(order) if x.at < turn]
        ones = {x: axis for x, axis in self.beside.ones.items() if x in live}
        first = max(values, default=-1) + 1
        return Primitives(order, first, outputs, theta, X, ones)

    def lower(self, order: Iterable[Tensor]) -> None:
        for x in order:
            self.new[x] = self.lowered(x)

    def pairs(
        self, adjoints: Mapping[Tensor, Tensor]
    ) -> list[tuple[Tensor, Tensor]]:
        """Leaves and adjoints, as primitives."""
        return [(self.new[x], self.new[d]) for x, d in adjoints.items()]

    def lowered(self, x: Tensor) -> Tensor:
        """The primitive of a Tensor whose operands have theirs."""
        if x.word in OPS:
            return self.op(x)
        args = [self.new[y] for y in x.args]
        if x.word in WORDS:
            return WORDS[x.word](self, x, *args)
        data: Any = x.data
        key = data.tobytes() if isinstance(data, np.ndarray) else None
        return self.b.make(x.word, args, x.shape, data, rows=x.rows, key=key)

    # ---------------------------------------------------------------------------------------- number by number
    def op(self, x: Tensor) -> Tensor:
        """An op by the words of its formula."""
        fused = with_bias(self.beside, self.new, self.readers, x)
        if fused is not None:
            return fused
        names = {
            letter: self.operand(y)
            for letter, y in zip(LETTERS, x.args, strict=False)
        }
        return self.computed(expression(OPS[x.word].tree, names, self.fast), x)

    def operand(self, x: Tensor) -> Any:
        """A number, or a Tensor, as an expression has it."""
        if x.number is not None:
            return x.number
        new = self.new[x]
        return Call("negative", new.args) if new.word == "negative" else new  # type: ignore[arg-type]

    def computed(self, e: Any, like: Tensor) -> Tensor:
        """A Tensor for every call of an expression."""
        if isinstance(e, float):
            return self.b.number(e, like)
        if isinstance(e, Tensor):
            return e
        args = [self.computed(y, like) for y in e.operands]
        return self.b.make(e.word, args, joint(y.shape for y in args))

    def word(self, word: str, *args: Tensor) -> Tensor:
        return self.b.make(word, args, joint(y.shape for y in args))

    def equal(self, z: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return self.word("equal", x, y)

    # ---------------------------------------------------------------------------------------------------- sums
    def dot(self, z: Tensor, x: Tensor, y: Tensor) -> Tensor:
        if z.data:
            product = self.products.get(frozenset(z.args))
            if product in self.new and x is not y:
                return self.summed(self.new[product], z.data, False)
            return self.contract(x, y, z.data, False)
        if x.number == -1.0:
            return self.word("negative", y)
        return self.word("multiply", x, y)

    def sum(self, z: Tensor, x: Tensor) -> Tensor:
        return self.summed(x, z.data, False)

    def rows(self, z: Tensor, x: Tensor) -> Tensor:
        """A sum over the rows; of a product that nothing else reads a contraction."""
        if self.readers[z.args[0]] == 1:
            match x.word, x.args:
                case "multiply", (y, w):
                    return self.contract(y, w, (), True)
                case "contract", (y, w):
                    return self.contract(y, w, x.data[0], True)
                case "sum", (y,):
                    return self.summed(y, x.data[0], True)
                case _:
                    pass
        return self.summed(x, (), True)

    def summed(self, x: Tensor, axes: Axes, rows: bool) -> Tensor:
        """Σ x over axes, and over the rows if there are any."""
        axes = long_axes(x.shape, axes)
        if not axes and not (rows and x.rows):
            return x
        data = axes, rows and x.rows
        return self.b.make(
            "sum", (x,), without(x.shape, axes), data, rows=x.rows and not rows
        )

    def contract(self, x: Tensor, y: Tensor, axes: Axes, rows: bool) -> Tensor:
        """Σ x·y; what only one of them has is added up before."""
        axes = long_axes(joint([x.shape, y.shape]), axes)
        x, y = self.alone(x, y, axes, rows), self.alone(y, x, axes, rows)
        both = joint([x.shape, y.shape])
        data = axes, rows = long_axes(both, axes), rows and x.rows and y.rows
        if not axes and not rows:
            return self.word("multiply", x, y)
        varies = not rows and (x.rows or y.rows)
        return self.b.make(
            "contract", (x, y), without(both, axes), data, rows=varies
        )

    def alone(self, x: Tensor, y: Tensor, axes: Axes, rows: bool) -> Tensor:
        """x, added up over those of the axes that y lacks."""
        own = tuple(i for i in axes if y.shape[i] == 1)
        return self.summed(x, own, rows and not y.rows)


WORDS: dict[str, Callable[..., Tensor]] = {
    "dot": Lowering.dot,
    "sum": Lowering.sum,
    "rows": Lowering.rows,
    "equal": Lowering.equal,
}
