"""From a graph of numbers to a few arrays: from the outputs down, an array of ids is a word of arrays of ids.

Numbers of one formula are one array; its axes come from sums.  An axis along which the ids do not change
vanishes.  Sums of different lengths are padded with holes (see holes).  Numbers that are in an array already
are a view of it.

Every weaver below is a generator that yields the ids whose array it needs next: a work list in place of
recursion, so that a graph may be as deep as it likes.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..value import OPS, Value
from .axes import aligned, cuts, data_first, folded, merged, pieces, varies
from .holes import (
    ANY,
    FIRST,
    ZERO,
    Mask,
    dense,
    filled,
    has_holes,
    neighbours,
    opened,
    operand,
    resolved,
    unfilled,
)
from .numbering import Columns, Ids, number_graph
from .patterns import classify
from .ragged import as_in_array, by_operand, is_regular
from .sums import Part, Parts, RaggedError, is_long, parts_of, weights_of
from .tensors import Shape, Tensor, Tensors
from .views import back, full, leaf, refolded, take, view

Weaving: TypeAlias = Generator[Ids, Tensor, Tensor]
LEAVES = ("theta", "X")
MOST_PIECES = 64
FEW_ARRAYS = 400  # so many are never too many
LINEAR = ("mul", "sub", "neg")  # what garbage in a hole may pass through


class NotWovenError(Exception):
    """A graph that has no text of arrays, and why."""


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
    *,
    exact: bool = False,
) -> Woven:
    """The arrays of a graph, ``exact`` to the sign of a zero.

    NotWovenError where they would be as many as its numbers.
    """
    weaver = Weaver(number_graph(outputs, inputs, parameters), exact)
    try:
        tensors = weaver.outputs()
    except RaggedError:
        raise NotWovenError("its sums are of too different lengths") from None
    return Woven(
        weaver.b, tensors, [*inputs], [*parameters], weaver.values_of_tensors()
    )


class Weaver:
    """The arrays of a graph while they are woven."""

    def __init__(self, columns: Columns, exact: bool) -> None:
        self.b, self.columns = Tensors(exact=exact), columns
        self.classes = classify(columns)
        n = len(columns.ops)
        codes = {name: i for i, name in enumerate(dict.fromkeys(columns.ops))}
        self.names = [*codes]
        self.codes = np.array([codes[name] for name in columns.ops], np.int64)
        self.memo = dict[tuple[Shape, bytes], Tensor]()
        self.busy = set[tuple[Shape, bytes]]()
        self.ids = dict[Tensor, Ids]()
        # in which array a number is, and at which place
        self.homes = list[Tensor]()
        self.home, self.at = np.full(n, -1), np.zeros(n, np.int64)
        self.most = max(FEW_ARRAYS, n / 3)

    # ------------------------------------------------------------------------------------------- the work list
    def array(self, ids: Ids) -> Tensor:
        """The array of these numbers, with an axis of one where they do not change."""
        stack, ids_of = list[Weaving](), list[Ids]()
        answer, request = None, ids
        while True:
            core = dense(request)
            answer = self.recalled(core)
            if answer is None:
                flat = squeezed(core)
                self.busy.add(key_of(flat))
                stack.append(self.woven(flat))
                ids_of.append(core)
            while True:
                if not stack:
                    assert answer is not None
                    return answer
                try:
                    request = stack[-1].send(answer)
                    break
                except StopIteration as end:
                    stack.pop()
                    self.remember(squeezed(core := ids_of.pop()), end.value)
                    answer = self.recalled(core)

    def recalled(self, core: Ids) -> Tensor | None:
        """The array of these numbers, if it is there."""
        found = self.memo.get(key_of(squeezed(core)))
        if found is None:
            return None
        return self.b.expand(found, aligned(found.shape, core.shape))

    def remember(self, ids: Ids, x: Tensor) -> None:
        """Notes where numbers are."""
        if len(self.b.order) > self.most:
            why = f"{len(self.columns.ops):,} numbers would be more than {int(self.most):,} arrays"
            raise NotWovenError(f"{why}: they have few formulas in common")
        self.memo[key_of(ids)] = x
        self.busy.discard(key_of(ids))
        if x.shape != ids.shape:
            return
        self.ids.setdefault(x, ids)
        free = (ids >= 0) & (self.home[np.maximum(ids, 0)] < 0)
        if not free.any():
            return
        self.home[ids[free]] = len(self.homes)
        self.at[ids[free]] = np.flatnonzero(free)
        self.homes.append(x)

    def values_of_tensors(self) -> dict[Tensor, NDArray[Any]]:
        """The Values whose numbers each Tensor has."""
        values = np.empty(len(self.columns.values) + 1, object)
        values[:-1] = self.columns.values
        return {
            x: values[np.maximum(resolved(ids), ANY)] for x, ids in self.ids.items()
        }

    # ------------------------------------------------------------------------------------------------- outputs
    def outputs(self) -> list[Tensor]:
        """Each output; outputs of one formula and length are one array, of which they are parts."""
        roots = np.array(self.columns.roots, np.int64)
        kinds = np.stack([self.classes.formulas[roots], self.classes.profiles[roots]])
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
        names = [self.names[i] for i in np.unique(self.codes[real]).tolist()]
        if names == ["const"]:
            return self.constants(ids)
        formulas = self.classes.formulas[real]
        if (formulas != formulas[0]).any():
            labels = np.where(ids >= 0, self.classes.formulas[np.maximum(ids, 0)], ANY)
            return self.side_by_side(ids, labels)
        if (ids <= FIRST).any():
            return self.with_fillers(ids, names)
        if names[0] in LEAVES:
            return self.leaves(ids, names[0])
        homes = np.unique(self.home[real])
        if homes[0] >= 0:
            return self.at_home(ids, homes)
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

    def at_home(self, ids: Ids, homes: Ids) -> Weaving:
        """Numbers that are in other arrays."""
        if (ids == ZERO).any():
            return (yield from self.zeroed(ids))
        if len(homes) == 1:
            at = np.where(ids >= 0, self.at[np.maximum(ids, 0)], ANY)
            return view(self.b, self.homes[int(homes[0])], at)
        labels = np.where(ids >= 0, self.home[np.maximum(ids, 0)], ANY)
        return (yield from self.side_by_side(ids, labels))

    def side_by_side(self, ids: Ids, labels: Ids) -> Weaving:
        """An array for each label, joined."""
        axis, along = cuts(labels)
        indices = pieces(along)
        if len(indices) > MOST_PIECES:
            why = f"{len(indices):,} different formulas stand side by side"
            raise NotWovenError(f"{why}, more than {MOST_PIECES}")
        parts = list[Tensor]()
        for index in indices:
            x = yield ids.take(index, axis)
            shape = (*x.shape[:axis], len(index), *x.shape[axis + 1 :])
            parts.append(full(self.b, x, shape))
        order = np.argsort(np.concatenate(indices))
        return take(self.b, self.b.join(parts, axis), order, axis)

    # --------------------------------------------------------------------------------------------------- holes
    def zeroed(self, ids: Ids) -> Weaving:
        """0 where the holes are that count as 0."""
        x = yield np.where(ids == ZERO, ANY, ids)
        return self.chosen(ids != ZERO, x, self.b.number(0.0, x))

    def chosen(self, mask: Mask, x: Tensor, y: Tensor) -> Tensor:
        return self.b.op("where", self.b.const(mask), x, y)

    def with_fillers(self, ids: Ids, names: Sequence[str]) -> Weaving:
        """Numbers with holes that real numbers fill.

        Where the array is smaller with anything in the holes, or where it is a sum, it is woven so, and the
        fillers are chosen after; otherwise the operands have fillers.
        """
        if names[0] in LEAVES:
            return (yield resolved(ids))
        smaller = dense(unfilled(ids)).size < ids.size
        if smaller or "add" in names or (self.home[ids[ids >= 0]] >= 0).all():
            return (yield from self.filled_after(ids))
        operands = self.operands(ids, names[0])
        regular = all(
            dense(unfilled(x)).size == dense(x).size
            for x in operands
            if not self.is_leaf(x)
        )
        if not regular and names[0] in LINEAR:
            return (yield from self.filled_after(ids))
        return (yield from self.of_operands(names[0], operands, ids))

    def filled_after(self, ids: Ids) -> Weaving:
        holes = ids <= FIRST
        x = yield unfilled(ids)
        y = yield np.where(holes, filled(ids), ANY)
        return self.chosen(~holes, x, y)

    def is_leaf(self, ids: Ids) -> bool:
        real = ids[ids >= 0]
        return bool(real.size) and all(
            self.names[i] in ("const", *LEAVES) for i in np.unique(self.codes[real])
        )

    # ----------------------------------------------------------------------------------------------------- ops
    def operands(self, ids: Ids, name: str) -> list[Ids]:
        """The operands of numbers that one op makes."""
        count = len(OPS[name].operands)
        return [operand(self.columns.args[:, i], ids) for i in range(count)]

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
        longest = max(len(maxima[v]) for v in resolved(ids).ravel().tolist() if v >= 0)
        rows = [self.members(v, longest) for v in ids.ravel().tolist()]
        rows = np.array(rows, np.int64).reshape(*ids.shape, longest)
        x = yield self.filled_columns(rows)
        top = self.b.max(x, (ids.ndim,))
        return self.b.op("stop_gradient", self.b.expand(top, top.shape[:-1]))

    def filled_columns(self, rows: Ids) -> Ids:
        """Rows of a maximum in columns, with the row's first number in holes."""
        first = rows[..., :1]
        ragged = (rows <= FIRST).any() and not (first <= FIRST).any()
        wide = self.as_at_home(rows) if ragged else None
        if wide is None:
            return rows
        holes = np.where(first >= 0, filled(first), first)
        return np.where(wide >= 0, wide, holes)

    def members(self, v: int, longest: int) -> list[int]:
        """The members of one chain of maxima, filled up."""
        if v in (ANY, ZERO):
            return [v] * longest
        row = self.classes.maxima[v if v >= 0 else FIRST - v]
        row = row if v >= 0 else [FIRST - x for x in row]
        first = row[0] if row[0] < 0 else FIRST - row[0]
        return row + [first] * (longest - len(row))

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

    def zero_factors(self, ids: Ids) -> list[Ids]:
        """Both factors of products, with 0 in the holes of each that would have anything there, or of one."""
        factors = [
            operand(self.columns.args[:, i], np.where(ids == ZERO, ANY, ids))
            for i in (0, 1)
        ]
        small = [dense(x) for x in factors]
        open_ones = [i for i in (0, 1) if has_holes(small[i])]
        if not open_ones:
            open_ones = [int(small[1].size > small[0].size)]
        for i in open_ones:
            factors[i] = np.where(ids == ZERO, ZERO, factors[i])
        return factors

    # ---------------------------------------------------------------------------------------------------- axes
    def arranged(
        self, ids: Ids, operands: Sequence[Ids], weights: Ids | None = None
    ) -> Generator[Ids, Tensor, Tensor | None]:
        """The same in other axes, if the operands vary along those or not at all; None as it is."""
        if ids.ndim == 0:
            return None
        data = [x for x in operands if not self.is_constant(x)]
        kinds = [varies(x) for x in data]
        if weights is not None:
            order = data_first(varies(weights)[: ids.ndim])
            if self.is_new(ids.transpose(order)):
                x = yield ids.transpose(order)
                return self.b.permute(x, back(order))
            shape = merged(ids.shape, [kind[: ids.ndim] for kind in kinds])
            if shape is not None and self.is_new(ids.reshape(shape)):
                x = yield ids.reshape(shape)
                return refolded(self.b, x, shape, ids.shape)
        shape = folded(ids.shape, data)
        if shape is not None and self.is_new(ids.reshape(shape)):
            x = yield ids.reshape(shape)
            return refolded(self.b, x, shape, ids.shape)
        return None

    def is_constant(self, ids: Ids) -> bool:
        real = ids[ids >= 0]
        return all(self.names[i] == "const" for i in np.unique(self.codes[real]))

    def is_new(self, ids: Ids) -> bool:
        """Whether nobody waits for these numbers in these axes."""
        return key_of(ids) not in self.busy

    # ---------------------------------------------------------------------------------------------------- sums
    def sum(self, ids: Ids) -> Weaving:
        """Sums: a part for each term among their addends."""
        if (ids == ZERO).any():
            return (yield from self.zeroed(ids))
        parts = parts_of(self.columns, self.classes, ids)
        for part in parts:
            part.ids = self.in_columns(part.ids, part.product)
        weights = weights_of(self.columns, parts)
        operands = [x for part in parts for x in self.factors(part)]
        arranged = yield from self.arranged(ids, operands, weights)
        if arranged is not None:
            return arranged
        found = list[Tensor]()
        for part in parts:
            if is_long(self.columns, part):
                found.append((yield from self.along(part)))
                continue
            for i in range(part.count):
                found.append((yield part.ids[..., i]))
        total = found[0]
        for x in found[1:]:
            total = self.b.op("add", total, x)
        return total

    def in_columns(self, rows: Ids, product: bool) -> Ids:
        """Rows of addends, those of different lengths in columns; ZERO or the row's own hole elsewhere."""
        if not (rows == ZERO).any():
            return rows
        wide = self.as_at_home(rows)
        if wide is None and product:
            pair = [operand(self.columns.args[:, i], opened(rows)) for i in (1, 0)]
            if not any(is_regular(rows, x) for x in pair):
                found = (by_operand(rows, x) for x in pair)
                wide = next((x for x in found if x is not None), None)
        if wide is None:
            return rows
        holes = np.broadcast_to(np.where(rows[..., :1] < 0, rows[..., :1], ZERO), wide.shape)
        return np.where(wide >= 0, wide, holes)

    def as_at_home(self, rows: Ids) -> Ids | None:
        """Rows in the columns of the array in which all of their numbers are."""
        homes = np.unique(self.home[rows[rows >= 0]])
        if len(homes) > 1 or homes[0] < 0:
            return None
        shape = self.homes[int(homes[0])].shape
        return as_in_array(rows, self.at[np.maximum(rows, 0)], shape)

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


def squeezed(core: Ids) -> Ids:
    """Without axes of one."""
    return core.reshape([n for n in core.shape if n > 1])


def key_of(ids: Ids) -> tuple[Shape, bytes]:
    return ids.shape, ids.tobytes()
