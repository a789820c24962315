"""A graph as a table of text."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, TypeAlias

from ..scopes import within
from ..value import NoGrad, Value, plain
from .amounts import short
from .labels import partials, right_side
from .lettering import columns
from .writing import TEXT

Row: TypeAlias = "tuple[str, str, str, str, str]"
HEAD: Row = ("node", "formula", "value", "local derivatives", "gradient")


def table(order: Sequence[Value], most: int = 40) -> str:
    """The graph as a table of text: what the command prints, and notebooks where nothing can be rendered."""
    names = names_of(order)
    text = aligned([HEAD, *(row(v, names) for v in order[-most:])])
    if len(order) > most:
        text.insert(1, f"… and {len(order) - most:,} more above")
    return "\n".join(text)


def names_of(order: Sequence[Value]) -> dict[Value, str]:
    """A name for every Value: its own, or v and a number."""
    fresh = fresh_names({TEXT.name(v.name) for v in order})
    return {v: v.name or next(fresh) for v in order}


def fresh_names(taken: Collection[str]) -> Iterator[str]:
    """v1, v2, ..., without those that look like a name that is taken."""
    for i in count(1):
        if TEXT.name(f"v{i}") not in taken:
            yield f"v{i}"


def row(v: Value, names: Mapping[Value, str]) -> Row:
    """Name, formula, value, local derivatives and gradient of a node."""
    z, name = with_names(v, names), TEXT.name(names[v])
    return name, right_side(z), short(v), ", ".join(local(v, z, names)), grad_of(v)


def grad_of(v: Value) -> str:
    """A Value's grad; a dash where it has none."""
    return "–" if isinstance(v.grad, NoGrad) else short(v.grad)


def with_names(v: Value, names: Mapping[Value, str]) -> Value:
    """The op of v on leaves that have the names of its operands."""
    leaves: dict[Any, Any] = {x: Value(x.data, names[x]) for x in v.inner}
    with within(None):
        z = v.op(*[leaves.get(x, x) for x in v.args]) if v.op else Value(v.data)
    z.name = names[v]
    return z


def local(v: Value, z: Value, names: Mapping[Value, str]) -> list[str]:
    """Every local derivative, as ∂v/∂x = 2·x = 6."""
    texts = list[str]()
    with suppress(Exception):  # of a partial that is no graph
        for x, equal in zip(v.inner, slopes(v, z), strict=True):
            name = f"∂{TEXT.name(names[v])}/∂{TEXT.name(names[x])}"
            texts.append(" = ".join(dict.fromkeys([name, *equal])))
    return texts


def aligned(rows: Sequence[Row]) -> list[str]:
    """The rows with their cells one below the other."""
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    padded = [map(padded_to, cells, widths) for cells in rows]
    return ["  ".join(cells).rstrip() for cells in padded]


def padded_to(cell: str, width: int) -> str:
    """A cell with blanks behind it, as wide as its column."""
    return cell + " " * (width - columns(cell))


def slopes(v: Value, z: Value) -> Iterable[Sequence[str]]:
    """Every partial as written for z, a copy with named operands, and its number; nan alone at no value."""
    if v.form is None:
        return []
    numbers = [*map(short, v.form.local(v.data, *map(plain, v.args)))]
    if v.form.guarded and math.isnan(v.data):
        return [[number] for number in numbers]  # the slope is not what is written
    return zip(partials(z), numbers, strict=True)
