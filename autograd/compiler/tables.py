"""Tables: whatever holds rows of numbers, as an array of floats.

A table may have names: a data frame, or anything else with ``columns``, a dict of columns, an array with
fields.  Its columns are read one by one, so that the one that holds no numbers can be named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from numbers import Number
from typing import Any, cast

import numpy as np

# NumPy imports it late, and a fork meanwhile would wait for it.
from numpy.ma import (
    MaskedArray,
)

from ..value import Value
from .arrays import Array
from .lazy import refuse

MASKED = "is masked; fill the gaps, or leave their rows out"
TABLE = "fiub"  # kinds of numbers that stand in one: True is 1.0
MOST = 8  # names that a message lists


def labels(table: Any) -> list[Any]:
    """The labels of a table's columns, words or not; none for an array or rows in a list."""
    # The columns of pyarrow are the data.
    word = "column_names" if hasattr(table.__class__, "column_names") else "columns"
    fields = getattr(getattr(table, "dtype", None), "names", None)
    found = cast(
        "Any",
        table
        if isinstance(table, Mapping)
        else fields or getattr(table, word, None),
    )
    return [*found] if isinstance(found, Iterable) else []


def columns(table: Any, name: str, inputs: Sequence[Value] = ()) -> Array | None:
    """The columns of the inputs' names, or all, side by side; None for a table without columns of its own."""
    if table.__class__ is np.ndarray and not table.dtype.names:
        return None
    known = labels(table)
    if not known:
        return None
    refuse(table, name)
    at = places(known, [v.name for v in inputs], name)
    return select(table, known, at, name)


def numbers(table: Any, name: str, inputs: Sequence[Value] = ()) -> Array:
    """A table as an array of floats: its columns of the inputs' names, or all of it."""
    named = columns(table, name, inputs)
    return floats(table, name, kinds=TABLE) if named is None else named


def places(
    columns: Sequence[Any], names: Sequence[str], table: str
) -> Sequence[int]:
    """Where the columns of these names are; all in order, if there are no names, or all labels are numbers.

    If some names are missing or equal, they do not decide: as many columns are taken in order, unless a name
    contradicts.  Raises ValueError if it does, and for a name that no column has, or several.
    """
    if not any(names) or all(isinstance(label, Number) for label in columns):
        return range(len(columns))
    if len({*names} - {""}) < len(names):
        return in_order(columns, names, table)
    if missing := [name for name in names if name not in columns]:
        what = f"{table} has no column {listed(missing)}; its columns are {listed(columns)}"
        raise ValueError(
            f"{what}; rename them, or give {table} without names (.to_numpy())"
        )
    if several := [name for name in names if columns.count(name) > 1]:
        raise ValueError(
            f"{table} has more than one column {listed(several)}; drop the others"
        )
    return [columns.index(name) for name in names]


def in_order(
    columns: Sequence[Any], names: Sequence[str], table: str
) -> Sequence[int]:
    """All columns, if no name contradicts."""
    if len(columns) == len(names) and not any(
        name and name != column for name, column in zip(names, columns, strict=True)
    ):
        return range(len(columns))
    what = f"{table}'s columns are {listed(columns)}, and the inputs' names {listed(names)} do not tell which"
    raise ValueError(
        f"{what} to take; give each input its own, or {table} without names (.to_numpy())"
    )


def listed(names: Sequence[Any]) -> str:
    """Some names, as messages say them."""
    more = [f"and {len(names) - MOST} more"] * (len(names) > MOST)
    # A message shows 'x', not np.str_('x').
    plain = [str(x) if isinstance(x, str) else x for x in names[:MOST]]
    return ", ".join([*map(repr, plain), *more])


def select(
    table: Any, columns: Sequence[Any], at: Sequence[int], name: str
) -> Array:
    """The columns at these places, side by side; ValueError for one that holds no numbers."""
    found = [
        column(table, columns[i], i, f"{name}'s column {columns[i]!r}") for i in at
    ]
    lengths = {len(x): columns[i] for x, i in zip(found, at, strict=True)}
    if len(lengths) > 1:
        what = ", ".join(f"{label!r} has {n}" for n, label in lengths.items())
        raise ValueError(f"{name}'s columns are of unlike length: {what} rows")
    return np.column_stack(found)


def column(table: Any, label: Any, place: int, name: str) -> Array:
    """One column, by its label or, where that is not to be had, by its place."""
    found: Any = None
    with suppress(Exception):  # of the table, which may read its labels otherwise
        found = table[label]
    if found is None or np.ndim(found) != 1:  # or there are several of the label
        with suppress(Exception):
            found = np.asarray(getattr(table, "to_numpy", lambda: table)())[
                :, place
            ]
    if found is None:
        raise ValueError(
            f"{name} cannot be read from {type(table).__name__}; give an array, or a data frame"
        )
    numbers = floats(found, name, kinds=TABLE)
    if numbers.ndim != 1:
        raise ValueError(
            f"{name} has the shape {numbers.shape}; it needs a number for every row"
        )
    return numbers


def floats(
    data: Any, name: str, *shapes: tuple[int, ...], kinds: str = "fiu"
) -> Array:
    """Numbers as an array of floats in one of the shapes, without a copy where it is one, or a ValueError."""
    array = data if data.__class__ is np.ndarray else plain(data, name)
    if array.dtype.kind not in kinds and array.size:
        kind = getattr(data, "dtype", getattr(data, "type", array.dtype))
        raise ValueError(
            f"{name} must hold real numbers, not {kind}; convert them to floats"
        )
    if shapes and array.shape not in shapes:
        raise ValueError(
            f"{name} has the shape {array.shape}, not {' or '.join(map(str, shapes))}"
        )
    return array if array.dtype == np.float64 else array.astype(np.float64)


def plain(data: Any, name: str) -> Any:
    """What is no array yet as one; ValueError for gaps, and for rows of several lengths."""
    if isinstance(data, (float, int)):
        return np.asarray(data)
    refuse(data, name)
    if masked(data):
        raise ValueError(f"{name} {MASKED}")
    for i in missing(data):
        what = f"{name} has no number in row {i}, but a missing value"
        raise ValueError(f"{what}; fill it, or leave the row out")
    try:
        return np.asarray(data)
    except ValueError as error:
        raise ValueError(
            f"{name} is ragged, but needs rows of one length: {error}"
        ) from None


def masked(data: Any) -> bool:
    """Whether there may be gaps in a table, or in one of its rows, that NumPy would not look at."""
    rows = data if type(data) in (list, tuple) else ()
    return any(isinstance(x, MaskedArray) for x in (data, *rows))


def missing(data: Any) -> Sequence[int]:
    """The rows of a data frame's column that are empty; a nan in an array of NumPy is a number."""
    if isinstance(getattr(data, "dtype", None), np.dtype):
        return ()
    for word in ("is_null", "isna"):
        if callable(test := getattr(data, word, None)):
            return np.flatnonzero(np.asarray(cast("Any", test)())).tolist()
    return ()
