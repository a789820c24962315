"""From a graph of numbers to a few arrays: from the outputs down, an array of ids is a word of arrays of ids.

Numbers of one formula are one array; its axes come from sums.  An axis along which the ids do not change
vanishes.  Sums of different lengths are padded with holes (see holes).  Numbers that are in an array already
are a view of it.

Every method below that weaves is a generator that yields the ids whose array it needs next (see worklist).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..value import Value
from .axes import cuts, data_first, folded, merged, varies
from .holes import (
    ANY,
    FIRST,
    ZERO,
    dense,
    filled,
    has_holes,
    neighbours,
    opened,
    operand,
    resolved,
    unfilled,
)
from .numbering import Ids, number_graph
from .padding import Padding
from .sums import Part, RaggedError, is_long, parts_of, weights_of
from .tensors import NotWovenError, Shape, Tensor, Tensors
from .views import back, full, leaf, refolded, take, view
from .worklist import Weaving

LEAVES = (["theta"], ["X"])
MOST_PIECES = 64
LINEAR = ("mul", "sub", "neg")  # what garbage in a hole may pass through


@dataclass
class Woven:
    """A graph as Tensors, operands before results."""

    tensors: Tensors
    outputs: list[Tensor]
    inputs: list[Value]
    parameters: list[Value]
    # the Values whose numbers a Tensor has; None in a hole
    values: dict[Tensor, NDArray[Any]]


def weave(
    outputs: Sequence[Value],
    inputs: Sequence[Value],
    parameters: Sequence[Value],
    recorded: Mapping[Value, float] = {},
) -> Woven:
    """The arrays of a graph.  NotWovenError where they would be as many as its numbers."""
    weaver = Weaver(number_graph(outputs, inputs, parameters, recorded))
    try:
        tensors = weaver.outputs()
    except RaggedError:
        raise NotWovenError("its sums are of too different lengths") from None
    return Woven(
        weaver.b, tensors, [*inputs], [*parameters], weaver.values_of_tensors()
    )


class Weaver(Padding):
    """What an array of numbers is: of which word, and of which arrays."""

    # ------------------------------------------------------------------------------------------------- outputs
    def outputs(self) -> list[Tensor]:
        """Each output; outputs of one formula and length are one array, of which they are parts."""
        roots = np.array(self.columns.roots, np.int64)
        kinds = np.stack(
            [self.classes.formulas[roots], self.classes.profiles[roots]]
        )
        _, group = np.unique(kinds, axis=1, return_inverse=True)
        found = dict[int, Tensor]()
        for first in dict.fromkeys(group.ravel().tolist()):
            members = np.unique(roots[group.ravel() == first])
            x = self.array(members)
            for i, v in enumerate(members.tolist()):
                one = self.b.part(full(self.b, x, members.shape), 0, i, 1)
                found[v] = self.b.expand(one, ())
        return [found[v] for v in roots.tolist()]

    # ------------------------------------------------------------------------------------------ what kind it is
    def woven(self, ids: Ids) -> Weaving:
        """The array of these numbers, which change along each axis."""
        real = ids[ids >= 0]
        if not real.size:
            return self.only_holes(ids)
        names = self.names_of(real)
        if names == ["const"]:
            return self.constants(ids)
        if (ids <= FIRST).any():
            return self.with_fillers(ids, names)
        if names in LEAVES:
            return self.leaves(ids, names[0])
        if (self.home[real] >= 0).all():
            return self.at_home(ids, names)
        return self.made(ids, names)

    def made(self, ids: Ids, names: Sequence[str]) -> Weaving:
        if "add" in names:
            return self.sum(ids)
        return self.op(ids, names[0])

    def only_holes(self, ids: Ids) -> Weaving:
        """Zeros, or the numbers that fill the holes."""
        if (ids <= FIRST).any():
            return (yield np.where(ids <= FIRST, filled(ids), ids))
        return self.b.const(np.zeros((1,) * ids.ndim))

    def constants(self, ids: Ids) -> Weaving:
        yield from ()
        numbers = self.columns.numbers[np.maximum(neighbours(resolved(ids)), 0)]
        return self.b.const(np.where(ids == ZERO, 0.0, numbers))

    def leaves(self, ids: Ids, word: str) -> Weaving:
        if (ids == ZERO).any():
            return (yield from self.zeroed(ids))
        return leaf(self.b, word, self.columns.places[neighbours(ids)])

    def at_home(self, ids: Ids, names: Sequence[str]) -> Weaving:
        """Numbers that are in other arrays; of too many pieces they are made again."""
        if (ids == ZERO).any():
            return (yield from self.zeroed(ids))
        homes = np.where(ids >= 0, self.home[np.maximum(ids, 0)], ANY)
        first = int(homes.max())
        if ((homes == first) | (ids < 0)).all():
            at = np.where(ids >= 0, self.at[np.maximum(ids, 0)], ANY)
            return view(self.b, self.homes[first], at)
        cut = cuts(homes)
        if cut is None or len(cut[1]) > MOST_PIECES:
            return (yield from self.made(ids, names))
        return (yield from self.side_by_side(ids, *cut))

    def side_by_side(self, ids: Ids, axis: int, indices: Sequence[Ids]) -> Weaving:
        """Pieces of other arrays, joined."""
        parts = list[Tensor]()
        for index in indices:
            x = yield ids.take(index, axis)
            shape = (*x.shape[:axis], len(index), *x.shape[axis + 1 :])
            parts.append(full(self.b, x, shape))
        order = np.argsort(np.concatenate(indices))
        return take(self.b, self.b.join(parts, axis), order, axis)

    # --------------------------------------------------------------------------------------------------- holes
    def with_fillers(self, ids: Ids, names: Sequence[str]) -> Weaving:
        """Numbers with holes that real numbers fill.

        Where the array is smaller with anything in the holes, or where it is a sum, it is woven so, and the
        fillers are chosen after; otherwise the operands have fillers.
        """
        if names in LEAVES:
            return (yield resolved(ids))
        if self.is_whole(ids, names):
            return (yield from self.filled_after(ids))
        operands = self.operands(ids, names[0])
        if names[0] in LINEAR and not self.are_regular(operands):
            return (yield from self.filled_after(ids))
        return (yield from self.of_operands(names[0], operands, ids))

    def is_whole(self, ids: Ids, names: Sequence[str]) -> bool:
        """Whether it is a sum, or an array that is there, or smaller with anything in the holes."""
        smaller = dense(unfilled(ids)).size < ids.size
        there = (self.home[ids[ids >= 0]] >= 0).all()
        return smaller or "add" in names or bool(there)

    def are_regular(self, operands: Sequence[Ids]) -> bool:
        """Whether no operand is smaller with anything in the holes."""
        inner = [x for x in operands if not self.is_leaf(x)]
        return all(dense(unfilled(x)).size == dense(x).size for x in inner)

    # ----------------------------------------------------------------------------------------------------- ops
    def op(self, ids: Ids, name: str) -> Weaving:
        """An op of arrays."""
        if (ids == ZERO).any():
            return (yield from self.zero_products(ids, name))
        operands = self.operands(ids, name)
        arranged = yield from self.arranged(ids, operands)
        if arranged is not None:
            return arranged
        if has_holes(ids) and not self.is_linear(name, operands):
            return (yield from self.guarded(ids, name))
        return (yield from self.of_operands(name, operands, ids))

    def is_linear(self, name: str, operands: Sequence[Ids]) -> bool:
        """Whether garbage in a hole stays in its place, and does no harm there."""
        if name == "div":
            return not has_holes(dense(operands[1]))
        return name in LINEAR

    def guarded(self, ids: Ids, name: str) -> Weaving:
        """An op whose holes have the operands of a real number of the same row."""
        fillers = np.where(ids < 0, filled(neighbours(ids)), ids)
        operands = self.operands(fillers, name)
        return (yield from self.of_operands(name, operands, fillers))

    def of_operands(self, name: str, operands: Sequence[Ids], ids: Ids) -> Weaving:
        if name == "stop_gradient":
            return (yield from self.stopped(ids, operands))
        arrays = list[Tensor]()
        for x in operands:
            arrays.append((yield x))
        return self.b.op(name, *arrays)

    def stopped(self, ids: Ids, operands: Sequence[Ids]) -> Weaving:
        """The largest of a row, as softmax subtracts it; rows of different lengths are filled by their first."""
        maxima, number = self.classes.maxima, int(ids.max())
        if number not in maxima:
            return self.b.op("stop_gradient", (yield operands[0]))
        longest = max(
            len(maxima[v]) for v in resolved(ids).ravel().tolist() if v >= 0
        )
        rows = [self.members(v, longest) for v in ids.ravel().tolist()]
        rows = np.array(rows, np.int64).reshape(*ids.shape, longest)
        x = yield self.filled_columns(rows)
        top = self.b.max(x, (ids.ndim,))
        return self.b.op("stop_gradient", self.b.expand(top, top.shape[:-1]))

    def zero_products(self, ids: Ids, name: str) -> Weaving:
        """A product is 0 where a factor is; anything else is chosen to be 0."""
        if name == "mul":
            factors = self.zero_factors(ids)
            return (yield from self.of_operands(name, factors, ids))
        if name == "div":
            x, y = self.operands(opened(ids), name)
            if not has_holes(dense(y)):
                x = np.where(ids == ZERO, ZERO, x)
                return (yield from self.of_operands(name, (x, y), ids))
        return (yield from self.zeroed(ids))

    # ---------------------------------------------------------------------------------------------------- axes
    def arranged(
        self, ids: Ids, operands: Sequence[Ids], weights: Ids | None = None
    ) -> Generator[Ids, Tensor, Tensor | None]:
        """The same in other axes, if the operands vary along those or not at all; None as it is."""
        order = (
            data_first(varies(weights)[: ids.ndim]) if weights is not None else ()
        )
        if order and self.is_new(ids.transpose(order)):
            x = yield ids.transpose(order)
            return self.b.permute(x, back(order))
        shape = self.better_shape(ids, operands, weights is not None)
        if shape is None:
            return None
        x = yield ids.reshape(shape)
        return refolded(self.b, x, shape, ids.shape)

    def better_shape(
        self, ids: Ids, operands: Sequence[Ids], weighted: bool
    ) -> Shape | None:
        """Axes that are merged or folded; with weights they are merged where they can be."""
        data = [x for x in operands if not self.is_constant(x)]
        if weighted:
            kinds = [varies(x)[: ids.ndim] for x in data]
            shape = self.new_shape(ids, merged(ids.shape, kinds))
            if shape is not None:
                return shape
        return self.new_shape(ids, folded(ids.shape, data))

    def new_shape(self, ids: Ids, shape: Shape | None) -> Shape | None:
        """A shape, unless somebody waits for the numbers in it."""
        if shape is None or not self.is_new(ids.reshape(shape)):
            return None
        return shape

    # ---------------------------------------------------------------------------------------------------- sums
    def sum(self, ids: Ids) -> Weaving:
        """Sums: a part for each term among their addends."""
        if (ids == ZERO).any():
            return (yield from self.zeroed(ids))
        parts = parts_of(self.columns, self.classes, ids)
        weights = weights_of(self.columns, parts)
        operands = [x for part in parts for x in self.factors(part)]
        arranged = yield from self.arranged(ids, operands, weights)
        if arranged is not None:
            return arranged
        total: Tensor | None = None
        for part in parts:
            part.ids = self.in_columns(part.ids, part.product)
            x = yield from self.added(part)
            total = x if total is None else self.b.op("add", total, x)
        return cast("Tensor", total)

    def added(self, part: Part) -> Weaving:
        """The sum of a part."""
        if is_long(self.columns, part):
            return (yield from self.along(part))
        total = yield part.ids[..., 0]
        for i in range(1, part.count):
            total = self.b.op("add", total, (yield part.ids[..., i]))
        return total

    def factors(self, part: Part) -> list[Ids]:
        """The operands of products, or the addends."""
        ids = opened(part.ids)
        if not part.product:
            return [ids]
        return [operand(self.columns.args[:, i], ids) for i in (0, 1)]

    def along(self, part: Part) -> Weaving:
        """A part, added up along its last axis."""
        ids, axis, n = part.ids, part.ids.ndim - 1, part.count
        if part.product and dense(ids).shape[axis] > 1:
            pair = self.zero_factors(ids) if has_holes(ids) else self.factors(part)
            x = yield pair[0]
            y = yield pair[1]
            total = self.b.dot(x, y, (axis,))
            alone = max(x.shape[axis], y.shape[axis]) == 1
        else:
            x = yield ids
            total, alone = self.b.sum(x, (axis,)), x.shape[axis] == 1
        total = self.b.times(n, total) if alone else total
        return self.b.expand(total, total.shape[:-1])
