"""Names of Values in formulas: their own, letters that nobody has taken, numbers for what looks alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import Any

from ..names import check_name
from ..value import Value
from .boxes import Box
from .writing import LOW, TEXT


def unused(taken: set[str], stem: str, letters: str = "") -> Iterator[str]:
    """The letters, then stem1, stem2, ..., without those that look like a name that is taken."""
    for name in chain(letters, (f"{stem}{i}" for i in count(1))):
        if TEXT.name(name) not in taken:
            taken.add(TEXT.name(name))
            yield name


def own_names(values: Iterable[Value]) -> tuple[dict[Value, str], set[str]]:
    """The names that Values have, numbered where two look alike; and all names that are taken."""
    named = [v for v in values if v.name]
    looks = Counter(map(look_of, named))
    taken = {*looks, *map(stem_of, named)}
    numbered = {v.name: unused(taken, v.name) for v in named}
    names = {v: v.name for v in named}
    for v in named:
        if looks[look_of(v)] > 1:
            names[v] = next(numbered[v.name])
    return names, taken


def look_of(v: Value) -> str:
    """A Value's name as it is written."""
    return TEXT.name(v.name)


def stem_of(v: Value) -> str:
    """A Value's name without its number."""
    return v.name.rstrip("0123456789").rstrip("_")


def is_nameless(v: Value) -> bool:
    """Whether it is a leaf without a name."""
    return v.op is None and not v.name


def check_loss(loss: object) -> None:
    """TypeError if it is no name."""
    if not isinstance(loss, str):
        raise TypeError(f"loss is a name such as 'L', not {type(loss).__name__}")
    check_name(loss, "a loss")


class Calls:
    """The composites of a graph: how often each is called, and in how many kinds."""

    def __init__(self, view: Sequence[Box]) -> None:
        called = [(box.scope.name, box) for box in view if box.scope]
        self.equal = Counter((name, *box.args) for name, box in called)
        kinds = dict.fromkeys((name, *box.inside) for name, box in called)
        self.kinds = list(kinds)

    def is_repeated(self, box: Box) -> bool:
        """Whether there is another call of the same composite with the same operands."""
        if box.scope is None:
            return False
        return self.equal[box.scope.name, *box.args] > 1

    def word(self, v: Value, box: Box, name: str) -> str:
        """A composite's name, numbered where others have other parameters; and v's number among several."""
        kinds = [kind for kind in self.kinds if kind[0] == box.title]
        if not kinds:  # as of "×13 more"
            return name
        return name + number_of((name, *box.inside), kinds) + index_of(v, box)


def number_of(kind: tuple[Any, ...], kinds: Sequence[tuple[Any, ...]]) -> str:
    """The number of a composite's kind; nothing if there is only one."""
    return str(kinds.index(kind) + 1) if len(kinds) > 1 else ""


def index_of(v: Value, box: Box) -> str:
    """A value's number among those that its box gives, set low; nothing if it is the only one."""
    if len(box.values) == 1:
        return ""
    return str(box.values.index(v) + 1).translate(LOW)
