"""Sums as arrays: the addends of many sums, term by term, with an axis more for the addends of one term."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .holes import ANY, ZERO
from .numbering import Columns, Ids
from .patterns import Classes, Profile
from .views import strides

Parts: TypeAlias = "list[Part]"
FEW = 3  # so many addends are added one by one, unless they lie side by side


@dataclass
class Part:
    """The addends of one term in every sum: ids with an axis more; holes where a sum has fewer."""

    term: int
    ids: Ids
    product: bool

    @property
    def count(self) -> int:
        return self.ids.shape[-1]


class RaggedError(Exception):
    """The sums of an array are of so different lengths that most of it would be holes."""


def parts_of(columns: Columns, classes: Classes, ids: Ids) -> Parts:
    """The addends of sums of one formula, long parts first; each part is ZERO where its sum is."""
    flat = ids.ravel()
    profiles = classes.profiles[np.maximum(flat, 0)]
    present: list[int] = np.unique(profiles[flat >= 0]).tolist()
    kinds = {i: classes.kinds[i] for i in present}
    terms = list(
        dict.fromkeys(term for kind in kinds.values() for term, _, _ in kind)
    )
    found = list[Part]()
    for term in terms:
        spans = {i: span(kind, term) for i, kind in kinds.items()}
        where, count = np.zeros(len(flat), np.int64), np.zeros(len(flat), np.int64)
        for i, (offset, many) in spans.items():
            where[profiles == i], count[profiles == i] = offset, many
        members = members_of(classes, flat, where, count)
        found.append(part(columns, term, members.reshape(*ids.shape, -1)))
    return sorted(found, key=lambda part: part.count == 1)


def span(kind: Profile, term: int) -> tuple[int, int]:
    """Where the addends of a term begin in a kind of sum, and how many there are."""
    return next((offset, many) for other, offset, many in kind if other == term)


def members_of(classes: Classes, flat: Ids, where: Ids, count: Ids) -> Ids:
    """The addends of one term of each sum as a row; ZERO behind them, a hole's row is full of the hole."""
    longest = int(count[flat >= 0].max())
    if longest * len(flat) > 8 * count.sum() + 50_000:
        raise RaggedError
    column = np.arange(longest)
    first = classes.starts[np.maximum(flat, 0)] + where
    real = column < count[:, None]
    at = np.minimum(first[:, None] + column, len(classes.addends) - 1)
    members = np.where(real, classes.addends[at], ZERO)
    return np.where(flat[:, None] < 0, flat[:, None], members)


def part(columns: Columns, term: int, ids: Ids) -> Part:
    member = int(ids.max())
    return Part(term, ids, columns.ops[member] == "mul")


def is_long(columns: Columns, part: Part) -> bool:
    """Whether its addends are added along their axis."""
    ragged = part.count > 1 and ZERO in part.ids
    return ragged or part.count > FEW or side_by_side(columns, part)


def side_by_side(columns: Columns, part: Part) -> bool:
    """Whether few addends read leaves that lie at regular places, or none."""
    ids = part.ids
    if part.count == 1 or ids.min() < 0:
        return False
    operands = [columns.args[ids, i] for i in (0, 1)] if part.product else [ids]
    return all(regular(columns.places[x]) for x in operands)


def regular(places: Ids) -> bool:
    """Whether places of leaves are equally far apart; of no leaves they are negative."""
    if places.max() < 0:
        return True
    return places.min() >= 0 and strides(places) is not None


def weights_of(columns: Columns, parts: Parts) -> Ids | None:
    """The weights in the longest products, if all long parts are products with weights."""
    longs = [part for part in parts if part.count > 1]
    if not longs or not all(weighted(columns, part) for part in longs):
        return None
    ids = longs[0].ids
    return np.where(ids < 0, ANY, columns.args[np.maximum(ids, 0), 0])


def weighted(columns: Columns, part: Part) -> bool:
    """Whether the addends are products with weights."""
    first = int(columns.args[part.ids.max(), 0])
    return part.product and columns.ops[first] == "theta"
