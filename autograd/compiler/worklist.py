"""The work list of weaving: which arrays are asked for, which are there, and where each number is.

A weaver is a generator that yields the ids whose array it needs next, in place of recursion, so that a graph
may be as deep as it likes.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from .axes import aligned
from .holes import ANY, dense, resolved
from .numbering import Columns, Ids
from .patterns import classify
from .tensors import NotWovenError, Shape, Tensor, Tensors

Weaving: TypeAlias = Generator[Ids, Tensor, Tensor]
FEW_ARRAYS = 400  # so many are never too many


class WorkList:
    """The arrays of a graph while they are woven; ``woven`` says how."""

    def __init__(self, columns: Columns) -> None:
        self.b, self.columns = Tensors(), columns
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
        self.most = max(FEW_ARRAYS, n // 3)
        self.check_count(len(np.unique(self.classes.terms)))

    # ------------------------------------------------------------------------------------------- the work list
    def array(self, ids: Ids) -> Tensor:
        """The array of these numbers, with an axis of one where they do not change."""
        stack, waiting, request = list[Weaving](), list[Ids](), ids
        while True:
            core = dense(request)
            answer = self.recalled(core)
            if answer is None:
                self.busy.add(key_of(squeezed(core)))
                stack.append(self.woven(squeezed(core)))
                waiting.append(core)
            following = self.next_request(stack, waiting, answer)
            if isinstance(following, Tensor):
                return following
            request = following

    def next_request(
        self, stack: list[Weaving], waiting: list[Ids], answer: Tensor | None
    ) -> Ids | Tensor:
        """What the last weaver that is not done asks for; the last answer, when all of them are done."""
        while stack:
            try:
                # a generator that has just begun takes None
                return stack[-1].send(cast("Any", answer))
            except StopIteration as end:
                stack.pop()
                core = waiting.pop()
                self.remember(squeezed(core), end.value)
                answer = self.recalled(core)
        return cast("Tensor", answer)

    def recalled(self, core: Ids) -> Tensor | None:
        """The array of these numbers, if it is there."""
        found = self.memo.get(key_of(squeezed(core)))
        if found is None:
            return None
        return self.b.expand(found, aligned(found.shape, core.shape))

    def remember(self, ids: Ids, x: Tensor) -> None:
        """Notes where numbers are."""
        self.check_count(len(self.b.order))
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

    def check_count(self, arrays: int) -> None:
        """Raises NotWovenError for so many arrays, one for each formula at least."""
        if arrays > self.most:
            n = len(self.columns.ops)
            why = f"{n:,} numbers would be more than {self.most:,} arrays"
            raise NotWovenError(f"{why}: they have few formulas in common")

    def names_of(self, real: Ids) -> list[str]:
        """The ops that make numbers, and the words of leaves."""
        codes: list[int] = np.unique(self.codes[real]).tolist()
        return [self.names[code] for code in codes]

    def is_new(self, ids: Ids) -> bool:
        """Whether nobody waits for these numbers in these axes."""
        return key_of(ids) not in self.busy

    def values_of_tensors(self) -> dict[Tensor, NDArray[Any]]:
        """The Values whose numbers each Tensor has."""
        values = np.empty(len(self.columns.values) + 1, object)
        values[:-1] = self.columns.values
        found = dict[Tensor, NDArray[Any]]()
        for x, ids in self.ids.items():
            found[x] = np.empty(ids.shape, object)
            found[x][...] = values[np.maximum(resolved(ids), ANY)]
        return found

    def woven(self, ids: Ids) -> Weaving:
        """The array of these numbers, which change along each axis."""
        raise NotImplementedError


def squeezed(core: Ids) -> Ids:
    """Without axes of one."""
    return core.reshape([n for n in core.shape if n > 1])


def key_of(ids: Ids) -> tuple[Shape, bytes]:
    return ids.shape, ids.tobytes()
