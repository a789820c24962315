"""What stands in the holes of an array of numbers, and in which columns rows of different lengths stand."""

from __future__ import annotations

import numpy as np

from .holes import (
    ANY,
    FIRST,
    ZERO,
    Mask,
    dense,
    filled,
    has_holes,
    opened,
    operand,
    unfilled,
)
from .numbering import Ids
from .ragged import as_in_array, by_operand, is_regular
from .tensors import Tensor, op_of
from .worklist import Weaving, WorkList


class Padding(WorkList):
    """A work list that pads."""

    def zeroed(self, ids: Ids) -> Weaving:
        """0 where the holes are that count as 0."""
        x = yield np.where(ids == ZERO, ANY, ids)
        return self.chosen(ids != ZERO, x, self.b.number(0.0, x))

    def chosen(self, mask: Mask, x: Tensor, y: Tensor) -> Tensor:
        return self.b.op("where", self.b.const(mask), x, y)

    def filled_after(self, ids: Ids) -> Weaving:
        holes = ids <= FIRST
        x = yield unfilled(ids)
        y = yield np.where(holes, filled(ids), ANY)
        return self.chosen(~holes, x, y)

    def is_leaf(self, ids: Ids) -> bool:
        return {*self.names_of(ids[ids >= 0])} <= {"const", "theta", "X"}

    def operands(self, ids: Ids, name: str) -> list[Ids]:
        """The operands of numbers that one op makes."""
        op = op_of(name)
        assert op is not None
        count = len(op.operands)
        return [operand(self.columns.args[:, i], ids) for i in range(count)]

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

    def in_columns(self, rows: Ids, product: bool) -> Ids:
        """Rows of addends, those of different lengths in columns; ZERO or the row's own hole elsewhere."""
        if not (rows == ZERO).any():
            return rows
        wide = self.as_at_home(rows)
        if wide is None and product:
            wide = self.by_factor(rows)
        if wide is None:
            return rows
        holes = np.where(rows[..., :1] < 0, rows[..., :1], ZERO)
        return np.where(wide >= 0, wide, holes)

    def by_factor(self, rows: Ids) -> Ids | None:
        """Rows of products in columns of one factor each; None if they are regular as they are."""
        args = self.columns.args
        factors = [operand(args[:, i], opened(rows)) for i in (1, 0)]
        if any(is_regular(rows, x) for x in factors):
            return None
        found = (by_operand(rows, x) for x in factors)
        return next((x for x in found if x is not None), None)

    def as_at_home(self, rows: Ids) -> Ids | None:
        """Rows in the columns of the array in which all of their numbers are."""
        homes = np.unique(self.home[rows[rows >= 0]])
        if len(homes) > 1 or homes[0] < 0:
            return None
        shape = self.homes[int(homes[0])].shape
        at = np.where(rows >= 0, self.at[np.maximum(rows, 0)], 0)
        return as_in_array(rows, at, shape)

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

    def is_constant(self, ids: Ids) -> bool:
        return self.names_of(ids[ids >= 0]) == ["const"]
