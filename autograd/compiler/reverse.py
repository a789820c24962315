"""The reverse sweep over arrays: Tensors to Tensors, by the op table's partials.

An adjoint has its Tensor's shape; an axis of one says that it is the same along that axis.  What a Tensor
repeats, its adjoint sums.  No word scatters: the opposite of a part is a join with zeros, and that of picked
rows a product with a constant matrix of zeros and ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from ..scopes import within
from ..value import Op, Value, toposort
from .tensors import (
    Axes,
    NotWovenError,
    Shape,
    Tensor,
    Tensors,
    joint,
    op_of,
    without,
)

BY_RESULT = ("sigmoid", "tanh")  # h(1-h) and 1-h²


@dataclass
class Adjoints:
    """What the sweep found; ``tensors.order[:turn]`` was there before."""

    turn: int
    seeds: list[Tensor]
    theta: dict[Tensor, Tensor] = field(default_factory=dict[Tensor, Tensor])
    X: dict[Tensor, Tensor] = field(default_factory=dict[Tensor, Tensor])
    of: dict[Tensor, Tensor] = field(default_factory=dict[Tensor, Tensor])


@dataclass(frozen=True)
class Slot:
    """An adjoint of a part only: so many numbers from there along an axis."""

    axis: int
    start: int
    count: int
    adjoint: Tensor


def reverse(
    tensors: Tensors,
    outputs: Sequence[Tensor],
    *,
    rows: bool,
    by: Iterable[str] = ("theta",),
    book: bool = True,
) -> Adjoints:
    """The adjoints of the leaves, from a seed for every output; ``rows`` says whether there is a table.

    Without ``book`` the partials are those that stay accurate where a book's cancel.
    """
    return Sweep(tensors, {*by}, book).run(outputs, rows)


def table_op(z: Tensor) -> Op:
    """The op that makes a Tensor."""
    op = op_of(z.word)
    assert op is not None
    return op


class Sweep:
    """One reverse sweep."""

    def __init__(self, tensors: Tensors, by: set[str], book: bool) -> None:
        self.book = book
        self.tensors, self.forward = tensors, [*tensors.order]
        # The Tensors that depend on what is differentiated by.
        self.needed = set[Tensor]()
        for x in self.forward:
            if x.word in by or not self.needed.isdisjoint(x.args):
                self.needed.add(x)
        self.flows: dict[Tensor, list[Tensor]] = defaultdict(list)
        self.slots: dict[Tensor, list[Slot]] = defaultdict(list)

    def run(self, outputs: Sequence[Tensor], rows: bool) -> Adjoints:
        tensors = self.tensors
        seeds = [tensors.seed(i, y, rows) for i, y in enumerate(outputs)]
        adjoints = Adjoints(len(self.forward), seeds)
        for y, seed in zip(outputs, seeds, strict=True):
            self.give(y, seed, y.shape, rows)
        for z in reversed(self.forward):
            adjoint = self.total(z)
            if adjoint is None:
                continue
            adjoints.of.setdefault(adjoint, z)
            if z.word in ("theta", "X"):
                (adjoints.theta if z.word == "theta" else adjoints.X)[z] = adjoint
            elif z.word in BACK:
                BACK[z.word](self, z, adjoint)
            else:
                self.through(z, adjoint)
        return adjoints

    # ------------------------------------------------------------------------------------------ what arrives
    def total(self, x: Tensor) -> Tensor | None:
        """All that has arrived at x, in the order in which it came."""
        flows = [*self.flows.pop(x, []), *self.joined(x)]
        if not flows:
            return None
        total, *others = flows
        for flow in others:
            total = self.tensors.op("add", total, flow)
        return total

    def joined(self, x: Tensor) -> list[Tensor]:
        """What arrived at parts of x, side by side; zeros stand where nothing did."""
        layers: list[list[Slot]] = []
        for slot in sorted(self.slots.pop(x, []), key=lambda s: (s.axis, s.start)):
            for layer in layers:
                last = layer[-1]
                if last.axis == slot.axis and last.start + last.count <= slot.start:
                    layer.append(slot)
                    break
            else:
                layers.append([slot])
        return [self.layer(x, slots) for slots in layers]

    def layer(self, x: Tensor, slots: Sequence[Slot]) -> Tensor:
        """Parts that do not overlap, with zeros between them."""
        axis, at, parts = slots[0].axis, 0, list[Tensor]()
        for slot in (*slots, Slot(axis, x.shape[axis], 0, slots[0].adjoint)):
            if slot.start > at:
                shape = tuple(
                    slot.start - at if i == axis else 1 for i in range(len(x.shape))
                )
                parts.append(self.zeros(shape))
            if slot.count:
                shape = without(slot.adjoint.shape, (axis,))
                wide = (*shape[:axis], slot.count, *shape[axis + 1 :])
                parts.append(self.tensors.spread(slot.adjoint, wide))
            at = slot.start + slot.count
        return self.tensors.join(parts, axis)

    def zeros(self, shape: Shape) -> Tensor:
        one = self.tensors.const(np.zeros((1,) * len(shape)))
        return self.tensors.spread(one, shape)

    def give(self, x: Tensor, adjoint: Tensor, shape: Shape, rows: bool) -> None:
        """Sends an adjoint, of a result of this shape, to an operand: summed where that was repeated."""
        if x not in self.needed:
            return
        tensors = self.tensors
        repeated = [i for i, n in enumerate(x.shape) if n == 1 < shape[i]]
        alike = [shape[i] for i in repeated if adjoint.shape[i] == 1]
        adjoint = tensors.times(int(np.prod(alike, dtype=int)), adjoint)
        adjoint = tensors.sum(adjoint, tuple(repeated))
        if rows and not x.rows:
            adjoint = tensors.over_rows(adjoint)
        self.flows[x].append(adjoint)

    # ------------------------------------------------------------------------------------- number by number
    def through(self, z: Tensor, adjoint: Tensor) -> None:
        """Through an op of the table."""
        op = table_op(z)
        for i, x in enumerate(z.args):
            if x not in self.needed:
                continue
            flow = (
                self.chosen(z, i, adjoint)
                if op.selects
                else self.scaled(z, i, adjoint)
            )
            if flow is not None:
                self.give(x, flow, z.shape, z.rows)

    def scaled(self, z: Tensor, i: int, adjoint: Tensor) -> Tensor | None:
        """The adjoint times ∂z/∂operand i; None if that is 0."""
        slope = self.slope(z, i)
        return None if slope.number == 0 else self.tensors.dot(adjoint, slope)

    def slope(self, z: Tensor, i: int) -> Tensor:
        """∂z/∂operand i: of sigmoid and tanh as books have it, of others right at the edges too."""
        op, places = table_op(z), [Value(1.5), *[Value(1.5) for _ in z.args]]
        operands = [
            place if x.number is None else x.number
            for place, x in zip(places[1:], z.args, strict=True)
        ]
        with within(None):
            partials = op.book if self.book and z.word in BY_RESULT else op.partials
            slope = partials[i](places[0], *cast("Any", operands))
        known = dict(zip(places, (z, *z.args), strict=True))
        if z.word == "relu":  # whose result says on which side its operand is
            known[places[1]] = z
        return self.traced(slope, known, z)

    def traced(
        self, slope: Any, known: dict[Value, Tensor], like: Tensor
    ) -> Tensor:
        """A graph of numbers as the same graph of Tensors."""
        if not isinstance(slope, Value):
            return self.tensors.number(float(slope), like)
        for v in toposort(slope):
            if v.op is None and v not in known:
                known[v] = self.tensors.number(v.data, like)
            elif v.op is not None:
                operands = [
                    known[x]
                    if isinstance(x, Value)
                    else self.tensors.number(x, like)
                    for x in v.args
                ]
                known[v] = self.tensors.op(v.op.name, *operands)
        return known[slope]

    def chosen(self, z: Tensor, i: int, adjoint: Tensor) -> Tensor | None:
        """The adjoint where an op that selects takes operand i, and 0 where it does not."""
        if i == 0:
            return None
        if len(z.args) == 2:
            return adjoint
        operands = [self.tensors.number(0.0, adjoint)] * 2
        operands[i - 1] = adjoint
        return self.tensors.op("where", z.args[0], *operands)

    # ----------------------------------------------------------------------------------------------- by words
    def dot(self, z: Tensor, adjoint: Tensor) -> None:
        x, y = z.args
        shape = joint([x.shape, y.shape])
        if x is y:
            twice = self.tensors.number(2.0, adjoint)
            flow = self.tensors.dot(self.tensors.dot(twice, adjoint), x)
            self.give(x, flow, shape, z.rows)
            return
        for operand, other in ((x, y), (y, x)):
            if operand in self.needed:
                self.product(operand, other, adjoint, shape, z.rows)

    def product(
        self, x: Tensor, other: Tensor, adjoint: Tensor, shape: Shape, rows: bool
    ) -> None:
        """What a product sends to one of its factors: a sum over the axes that it lacks."""
        wide = joint([adjoint.shape, other.shape])
        over = tuple(i for i, n in enumerate(x.shape) if n == 1 < wide[i])
        flow = self.tensors.dot(adjoint, other, over)
        rest = tuple(1 if i in over else n for i, n in enumerate(shape))
        self.give(x, flow, rest, rows)

    def sum(self, z: Tensor, adjoint: Tensor) -> None:
        self.flows[z.args[0]].append(adjoint)

    def max(self, z: Tensor, adjoint: Tensor) -> None:
        raise NotWovenError("a maximum over an axis is differentiated")

    def all_rows(self, z: Tensor, adjoint: Tensor) -> None:
        self.flows[z.args[0]].append(adjoint)

    def expand(self, z: Tensor, adjoint: Tensor) -> None:
        """Long axes stay in their order."""
        [x] = z.args
        sizes = iter(
            [m for n, m in zip(z.shape, adjoint.shape, strict=True) if n > 1]
        )
        shape = tuple(n if n == 1 else next(sizes) for n in x.shape)
        self.flows[x].append(self.tensors.expand(adjoint, shape))

    def refold(self, z: Tensor, adjoint: Tensor) -> None:
        [x] = z.args
        if adjoint.size == 1:
            flow = self.tensors.expand(adjoint, (1,) * len(x.shape))
        else:
            flow = self.tensors.refold(
                self.tensors.spread(adjoint, z.shape), x.shape
            )
        self.flows[x].append(flow)

    def permute(self, z: Tensor, adjoint: Tensor) -> None:
        order: Axes = tuple(np.argsort(z.data).tolist())
        self.flows[z.args[0]].append(self.tensors.permute(adjoint, order))

    def join(self, z: Tensor, adjoint: Tensor) -> None:
        axis: int = z.data
        at = 0
        for x in z.args:
            count = x.shape[axis]
            flow = self.tensors.part(adjoint, axis, at, count)
            shape = (*z.shape[:axis], count, *z.shape[axis + 1 :])
            self.give(x, flow, shape, z.rows)
            at += count

    def part(self, z: Tensor, adjoint: Tensor) -> None:
        axis, start, count = z.data
        self.slots[z.args[0]].append(Slot(axis, start, count, adjoint))

    def pick(self, z: Tensor, adjoint: Tensor) -> None:
        """A sum over what was picked, by a matrix with a 1 where it was picked from."""
        [x], tensors, index = z.args, self.tensors, np.ravel(z.data)
        count, *rest = x.shape
        hot = np.zeros((len(index), count, *[1] * len(rest)))
        hot[np.arange(len(index)), index] = 1.0
        wide = tensors.spread(adjoint, (len(index), *adjoint.shape[1:]))
        apart = (wide.shape[0], 1, *wide.shape[1:])
        flow = tensors.dot(tensors.const(hot), tensors.expand(wide, apart), (0,))
        self.flows[x].append(tensors.expand(flow, flow.shape[1:]))

    def spread(self, z: Tensor, adjoint: Tensor) -> None:
        self.give(z.args[0], adjoint, z.shape, z.rows)


BACK: dict[str, Callable[[Sweep, Tensor, Tensor], None]] = {
    "dot": Sweep.dot,
    "sum": Sweep.sum,
    "max": Sweep.max,
    "rows": Sweep.all_rows,
    "expand": Sweep.expand,
    "refold": Sweep.refold,
    "permute": Sweep.permute,
    "join": Sweep.join,
    "part": Sweep.part,
    "pick": Sweep.pick,
    "spread": Sweep.spread,
}
