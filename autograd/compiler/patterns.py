"""Formula classes: numbers that the same formula computes, whatever leaves it reads.

    term(v)     an op applied to the formulas of its operands; or a leaf's word
    formula(v)  the set of the terms of v's addends; a single term is a sum of one

How many addends there are does not matter, nor does their order.  A sum that is read once, by another sum,
vanishes in it.  A term is longer than its parts, so no number depends on another one of the same term; and
a sum depends on another number of its formula only where that is one of its own addends.

The maximum that softmax subtracts, a chain of ``maximum`` under ``stop_gradient``, is one maximum of all
members of the chain.  Elsewhere the derivative at a tie is the chain's own, so there it stays a chain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .numbering import NONE, Columns, Ids

Profile: TypeAlias = "tuple[tuple[int, int, int], ...]"  # (term, where, how many)


@dataclass
class Classes:
    """The classes of all numbers; -1 for the sums that vanish in others."""

    formulas: Ids
    terms: Ids
    addends: Ids  # of sum after sum; before them every number, as its own addend
    starts: Ids  # where a number's addends begin
    profiles: Ids  # which of the kinds of sums it is
    kinds: list[Profile]  # the terms in a sum, each with where its addends are
    maxima: dict[int, list[int]]  # stop_gradient: of which numbers' maximum


def classify(columns: Columns) -> Classes:
    """The class of every number, operands before results."""
    return Classifier(columns).classes()


class Classifier:
    """The classes while they are found."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.args: list[list[int]] = columns.args.tolist()
        self.known = dict[Hashable, int]()
        n = len(columns.ops)
        # the last formula is that of no operand
        self.formulas, self.terms = [NONE] * (n + 1), [NONE] * n
        self.inside: list[bool] = read_once_by_sums(columns).tolist()
        self.sums = dict[int, deque[int]]()
        self.maxima = dict[int, list[int]]()

    def intern(self, key: Hashable) -> int:
        """A number for a key."""
        return self.known.setdefault(key, len(self.known))

    def classes(self) -> Classes:
        for v, name in enumerate(self.columns.ops):
            if name == "add":
                self.add_up(v)
            else:
                term = self.terms[v] = self.intern(self.term(v, name))
                self.formulas[v] = self.intern(frozenset((term,)))
        formulas, terms = np.array(self.formulas[:-1]), np.array(self.terms)
        return Classes(formulas, terms, *self.arranged(terms), self.maxima)

    def add_up(self, v: int) -> None:
        """The addends of a sum; its class, unless another sum takes them all."""
        x, y, _ = self.args[v]
        self.sums[v] = together(self.addends(x), self.addends(y))
        if not self.inside[v]:
            terms = frozenset([self.terms[x] for x in self.sums[v]])
            formula = self.formulas[v] = self.intern(terms)
            self.terms[v] = self.intern(("sum", formula))

    def addends(self, v: int) -> deque[int]:
        return self.sums.pop(v) if self.inside[v] else deque([v])

    def term(self, v: int, name: str) -> Hashable:
        """A key for the op and its operands' formulas."""
        x, y, w = self.args[v]
        if x == NONE:
            return name
        if name == "stop_gradient" and self.one_maximum(v, x):
            return "max", self.formulas[self.maxima[v][0]]
        if name == "power" and self.columns.ops[y] == "const":
            return name, self.formulas[x], repr(self.columns.numbers[y])
        return name, self.formulas[x], self.formulas[y], self.formulas[w]

    def one_maximum(self, v: int, x: int) -> bool:
        """Whether a stopped chain of maxima has members of one formula; a lone number is such a chain."""
        members = chain(self.columns, x)
        if len({self.formulas[member] for member in members}) == 1:
            self.maxima[v] = members
        return v in self.maxima

    # -------------------------------------------------------------------------------------------- sums in order
    def arranged(self, terms: Ids) -> tuple[Ids, Ids, Ids, list[Profile]]:
        """The addends of all sums, sum by sum and term by term, leaves by their places."""
        n, sums = len(terms), [*self.sums]
        sizes = np.array([len(self.sums[v]) for v in sums], np.int64)
        flat = np.array([x for v in sums for x in self.sums[v]], np.int64)
        owner = np.repeat(np.arange(len(sums)), sizes)
        order = np.lexsort((self.keys(flat), terms[flat], owner))
        starts = np.arange(n)
        starts[sums] = n + np.cumsum(sizes) - sizes
        singles, profiles = np.unique(terms, return_inverse=True)
        kinds = dict[Profile, int]()
        for i, term in enumerate(singles.tolist()):
            kinds[((term, 0, 1),)] = i
        for i, profile in enumerate(runs(owner, terms[flat][order], len(sums))):
            profiles[sums[i]] = kinds.setdefault(profile, len(kinds))
        return (
            np.concatenate([np.arange(n), flat[order]]),
            starts,
            profiles,
            [*kinds],
        )

    def keys(self, flat: Ids) -> Ids:
        """The place of the leaf in an addend, of its weight if it is a product."""
        places, product = (
            self.columns.places,
            [o == "mul" for o in self.columns.ops],
        )
        x, y = self.columns.args[flat, 0], self.columns.args[flat, 1]
        of_factors = np.where(places[x] >= 0, places[x], places[y])
        return np.where(np.array(product, bool)[flat], of_factors, places[flat])


def read_once_by_sums(
    columns: Columns,
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which sums are an addend of one other sum, and nothing else."""
    sums = np.array([name == "add" for name in columns.ops], bool)
    read = np.zeros(len(sums), bool)
    read[columns.args[sums, :2].ravel()] = True
    return read & sums & (columns.uses == 1)


def together(x: deque[int], y: deque[int]) -> deque[int]:
    """The addends of x, then those of y; in time for the shorter of the two."""
    if len(x) < len(y):
        y.extendleft(reversed(x))
        return y
    x.extend(y)
    return x


def chain(columns: Columns, top: int) -> list[int]:
    """The members of a chain of maxima, each of which is read once."""
    members, stack = list[int](), [top]
    while stack:
        x = stack.pop()
        if columns.ops[x] == "maximum" and columns.uses[x] == 1:
            stack += columns.args[x, 1::-1].tolist()
        else:
            members.append(x)
    return members


def runs(owner: Ids, terms: Ids, count: int) -> list[Profile]:
    """For every owner its terms, each with where it begins and how many there are."""
    found = [list[tuple[int, int, int]]() for _ in range(count)]
    if not len(owner):
        return []
    change = (np.diff(owner) != 0) | (np.diff(terms) != 0)
    firsts = np.concatenate([[0], np.flatnonzero(change) + 1])
    lengths = np.diff([*firsts.tolist(), len(owner)])
    begin = np.searchsorted(owner, owner[firsts])
    columns = np.stack(
        [owner[firsts], terms[firsts], firsts - begin, lengths], axis=1
    )
    entries: list[tuple[int, int, int, int]] = columns.tolist()
    for i, term, where, many in entries:
        found[i].append((term, where, many))
    return [tuple(profile) for profile in found]
