"""Tables: names decide where there are names, and a column that holds no numbers is named."""

from __future__ import annotations

import random
from collections import UserDict
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import numpy as np
import pytest

from autograd import Program, Value, compile
from autograd.compiler.tables import columns, floats, labels
from nn import SGD, Neuron, fit

NAN = float("nan")
COLUMNS: dict[Any, list[Any]] = {"K": [1, 2], "S": [10, 20]}
RIGHT, CROSSED = (
    [8.0, 16.0],
    [-19.0, -38.0],
)  # S - 2·K, and with the columns in the table's order


class Frame:
    """The least that a data frame is: labels in ``columns``, and a column for a label."""

    def __init__(self, data: dict[Any, Any]) -> None:
        self.data, self.columns = data, list(data)

    def __getitem__(self, label: Any) -> Any:
        return self.data[label]

    def __len__(self) -> int:
        return len(next(iter(self.data.values()), []))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(list(self.data.values()), dtype).T


class Rows(Frame):
    """One that gives rows, and its numbers as an array."""

    def __getitem__(self, label: Any) -> Any:
        return self.__array__()[label]


class Bare:
    """One that gives its numbers as an array, and nothing else."""

    def __init__(self, data: dict[Any, Any]) -> None:
        self.columns, self.numbers = tuple(data), np.array(list(data.values())).T

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.numbers.astype(dtype)


class Numbers:
    """One that gives its numbers when asked, and has rows."""

    def __init__(self, data: dict[Any, Any]) -> None:
        self.columns, self.numbers = list(data), np.array(list(data.values())).T

    def __getitem__(self, at: int) -> Any:
        return self.numbers[at]

    def to_numpy(self) -> Any:
        return self.numbers


class Arrow(Frame):
    """As pyarrow's: ``columns`` are the data, in pieces."""

    def __init__(self, data: dict[Any, Any]) -> None:
        super().__init__(data)
        self.names, self.columns = list(data), list(data.values())

    @property
    def column_names(self) -> list[Any]:
        return self.names


class Empty(list[Any]):
    """A column in which None is a missing value, and that says so."""

    dtype = "Int64"

    def is_null(self) -> list[bool]:
        return [x is None for x in self]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array([NAN if x is None else x for x in self], dtype)


def fields(data: dict[Any, list[Any]], kind: Any = float) -> Any:
    rows = [*zip(*data.values(), strict=True)]
    return np.array(rows, dtype=[(name, kind) for name in data])


def pandas(data: Any) -> Any:
    return pytest.importorskip("pandas").DataFrame(data)


def polars(data: Any) -> Any:
    return pytest.importorskip("polars").DataFrame(data)


def records(data: dict[Any, list[Any]]) -> Any:
    return fields(data).view(np.recarray)


FRAMES = [
    Frame,
    Rows,
    Bare,
    Numbers,
    Arrow,
    dict,
    UserDict,
    fields,
    records,
    pandas,
    polars,
]
frames = pytest.mark.parametrize("make", FRAMES, ids=lambda make: make.__name__)


def program(*names: str) -> Program:
    """S - 2·K, with inputs of these names."""
    s, k = (Value(1.0, name) for name in names)
    return compile(s - 2 * k, [s, k])


# ---------------------------------------------------------------------------------------------- names decide
@frames
def test_names_decide(make: Callable[[Any], Any]) -> None:
    table, compiled = make(COLUMNS), program("S", "K")
    assert compiled(table).tolist() == RIGHT
    assert compiled.value_and_grad(table) == (12.0, pytest.approx([]))
    _, by_inputs = compiled.vjp(table)
    assert by_inputs.tolist() == [[1.0, -2.0]] * 2  # in the inputs' order
    assert program("K", "S")(table).tolist() == CROSSED


@frames
def test_further_columns_may_be_there(make: Callable[[Any], Any]) -> None:
    table = make({"a": [0, 1], "K": [1, 2], "b": [5, 6], "S": [10, 20]})
    assert program("S", "K")(table).tolist() == RIGHT


def test_further_columns_may_hold_anything() -> None:
    table = {
        "day": ["Mon", "Tue"],
        **COLUMNS,
        "ragged": [[1], [2, 3]],
        "odd": [None, object()],
    }
    assert program("S", "K")(table).tolist() == RIGHT


@frames
def test_what_is_missing_is_named(make: Callable[[Any], Any]) -> None:
    compiled = program("spot", "K")
    for method in (compiled, compiled.value_and_grad, compiled.vjp):
        with pytest.raises(
            ValueError,
            match=r"X has no column 'spot'; its columns are 'K', 'S'; .*to_numpy",
        ):
            method(make(COLUMNS))
    with pytest.raises(ValueError, match="no column 'a', 'b'"):
        program("a", "b")(make(COLUMNS))


def test_long_lists_of_columns_are_cut_short() -> None:
    table = {f"c{i}": [1.0] for i in range(30)}
    with pytest.raises(
        ValueError, match=r"its columns are 'c0', .*'c7', and 22 more;"
    ):
        program("S", "K")(table)
    assert program("c29", "c28")(table).tolist() == [-1.0]


@frames
def test_inputs_without_names_go_by_position(make: Callable[[Any], Any]) -> None:
    compiled = program("", "")
    assert compiled(make(COLUMNS)).tolist() == CROSSED
    with pytest.raises(
        ValueError, match=r"X has the shape \(2, 3\); this program takes rows of 2$"
    ):
        compiled(make({**COLUMNS, "T": [0, 0]}))


def test_tables_without_names_go_by_position() -> None:
    compiled = program("S", "K")
    for table in (
        [[1, 10], [2, 20]],
        np.array([[1, 10], [2, 20]]),
        Frame({0: [1, 2], 1: [10, 20]}),
    ):
        assert compiled(table).tolist() == CROSSED


def test_numbers_as_labels_are_no_names() -> None:
    for make in (Frame, pandas, dict):
        assert program("0", "1")(make({0: [1, 2], 1: [10, 20]})).tolist() == CROSSED


@pytest.mark.parametrize(
    "labels",
    [
        [("K", "a"), ("S", "a")],
        [("S", 0), ("K", 0)],
        [("K", "a"), "S"],
        [b"K", b"S"],
        [None, None],
        [0, ("S", "a")],
        [0, "S"],
        [date(2020, 1, 1), date(2021, 1, 1)],
    ],
)
def test_labels_that_are_neither_words_nor_numbers(labels: list[Any]) -> None:
    """They are names, too, and not those of the inputs."""
    data = np.array([[1.0, 10.0], [2.0, 20.0]])
    table = Bare({})
    table.columns, table.numbers = labels, data
    with pytest.raises(
        ValueError,
        match=r"X has no column .*; its columns are .*; rename them, or .*to_numpy",
    ):
        program("S", "K")(table)
    assert program("", "")(table).tolist() == CROSSED


def test_columns_of_several_levels() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        [[1.0, 10.0], [2.0, 20.0]],
        columns=pd.MultiIndex.from_product([["K", "S"], ["a"]]),
    )
    with pytest.raises(
        ValueError,
        match=r"no column 'S', 'K'; its columns are \('K', 'a'\), \('S', 'a'\); ren",
    ):
        program("S", "K")(frame)
    frame.columns = ["K", "S"]
    assert program("S", "K")(frame).tolist() == RIGHT


@pytest.mark.parametrize(
    ("names", "labels", "fits"),
    [
        (("S", ""), ("S", "K"), True),
        (("", "K"), ("S", "K"), True),
        (("S", ""), ("K", "S"), False),  # the name contradicts
        (("S", ""), ("S", "K", "T"), False),  # which of the others?
        (("S", "S"), ("S", "K"), False),
        (("S", "S"), ("S", "S"), True),
    ],
)
def test_names_of_some_inputs_alone_do_not_decide(
    names: Any, labels: Any, fits: bool
) -> None:
    table = Bare({})
    table.columns, table.numbers = (
        labels,
        np.array([[10.0, 1.0, 0.0], [20.0, 2.0, 0.0]])[:, : len(labels)],
    )
    if fits:
        assert program(*names)(table).tolist() == RIGHT
    else:
        with pytest.raises(
            ValueError,
            match=r"inputs' names .* do not tell which to take; give each",
        ):
            program(*names)(table)


def test_a_column_that_is_there_twice() -> None:
    frame = pytest.importorskip("pandas").DataFrame(
        [[10.0, 1.0, 7.0]], columns=["S", "K", "K"]
    )
    with pytest.raises(ValueError, match="X has more than one column 'K'"):
        program("S", "K")(frame)
    frame.columns = ["S", "T", "T"]
    s = Value(1.0, "S")
    assert compile(s * 2, [s])(frame).tolist() == [20.0]  # the others do not matter
    a, b, c = (Value(1.0) for _ in range(3))
    assert compile(a - 2 * b + c, [a, b, c])(frame).tolist() == [
        15.0
    ]  # by position


def test_a_program_of_one_input() -> None:
    s = Value(1.0, "S")
    for table in (
        COLUMNS,
        Frame(COLUMNS),
        [10, 20],
        np.array([10, 20]),
        [[10], [20]],
    ):
        assert compile(s * 2, [s])(table).tolist() == [20.0, 40.0]


def test_a_table_of_no_rows() -> None:
    for make in (Frame, dict, pandas):
        assert program("S", "K")(make({"K": [], "S": []})).shape == (0,)
    frame = pytest.importorskip("pandas").DataFrame(
        columns=["S", "K"]
    )  # of objects, but there are none
    assert program("S", "K")(frame).shape == (0,)


# --------------------------------------------------------------------------------------- what stands in them
BAD: dict[str, tuple[Any, str]] = {
    "text": (["a", "b"], "real numbers, not (str|String|<U1|object)"),
    "digits": (["1", "2"], "real numbers"),
    "objects": (np.array([1.0, 2.0], dtype=object), "real numbers, not [oO]bject"),
    "None": (
        np.array([1.0, None], dtype=object),
        "real numbers, not [oO]bject|missing value",
    ),
    "complex": ([1j, 2], "real numbers, not complex128"),
    "dates": (
        np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"),
        "real numbers, not (datetime64|Date)",
    ),
    "times": (
        np.array([1, 2], dtype="m8[s]"),
        "real numbers, not (timedelta64|Duration)",
    ),
    "missing": (Empty([3, None]), "no number in row 1, but a missing value"),
    "masked": (
        np.ma.masked_array([1.0, 2.0], [False, True]),
        "is masked; fill the gaps",
    ),
    "a number": (1.0, r"the shape \(\); it needs a number for every row"),
    "two-dimensional": (
        np.ones((2, 2)),
        r"the shape \(2, [12]\); it needs a number for every row",
    ),
}


@pytest.mark.parametrize(
    "make", [Frame, Arrow, dict], ids=["Frame", "Arrow", "dict"]
)
@pytest.mark.parametrize("kind", BAD)
def test_a_column_without_numbers_is_named(
    kind: str, make: Callable[[Any], Any]
) -> None:
    column, words = BAD[kind]
    table = make({"S": np.array([10.0, 20.0]), "strike": column})
    for compiled in (program("S", "strike"), program("", "")):
        with pytest.raises(ValueError, match=rf"X's column 'strike' .*({words})"):
            compiled(table)
    for X, y, name in (
        (table, [1.0, 2.0], "X"),
        ([[1.0, 2.0]] * 2, make({"strike": column}), "y"),
    ):
        with pytest.raises(
            ValueError, match=rf"{name}'s column 'strike' .*({words})"
        ):
            trained(X, y)


def test_columns_of_unlike_length() -> None:
    with pytest.raises(
        ValueError,
        match="X's columns are of unlike length: 'S' has 2, 'K' has 1 rows",
    ):
        program("S", "K")({"S": [1.0, 2.0], "K": [1.0]})


def trained(X: Any, y: Any) -> Any:
    random.seed(1)
    model = Neuron(2, nonlin=False)
    fit(model, X, y, loss="mse", optimizer=SGD(1e-3), epochs=2, progress=False)
    return [p.data for p in model.parameters()]


@frames
def test_fit_takes_columns_in_their_order(make: Callable[[Any], Any]) -> None:
    rows = np.array(list(COLUMNS.values())).T
    assert trained(make(COLUMNS), make({"y": [3, 4]})) == trained(rows, [[3], [4]])


@pytest.mark.parametrize("make", [Frame, dict, fields, pandas, polars])
def test_bools_are_taken_by_both(make: Callable[[Any], Any]) -> None:
    flags, numbers = (
        {"S": [True, False], "K": [False, True]},
        {"S": [1, 0], "K": [0, 1]},
    )
    table = fields(flags, bool) if make is fields else make(flags)
    assert (
        program("S", "K")(table).tolist()
        == program("S", "K")(make(numbers)).tolist()
        == [1.0, -2.0]
    )
    assert trained(table, [True, False]) == trained(make(numbers), [1, 0])
    assert program("S", "K")([[True, False]]).tolist() == [1.0]
    assert trained([[True, False], [False, True]], [1, 0]) == trained(
        [[1, 0], [0, 1]], [1, 0]
    )


def test_bools_are_no_parameters_and_no_seeds() -> None:
    compiled = compile(Value(2.0) * 3)
    with pytest.raises(ValueError, match="theta must hold real numbers, not bool"):
        compiled(None, [True])
    with pytest.raises(
        ValueError, match=r"weights.*must hold real numbers, not bool"
    ):
        compiled.value_and_grad(weights=[True])


@pytest.mark.parametrize("mask", [[[False, True]], [[False, False]], False])
def test_masked_tables_are_refused_alike(mask: Any) -> None:
    masked = np.ma.masked_array([[1.0, 2.0]], mask)
    for table in (masked, [masked[0]], (masked[0],)):
        with pytest.raises(
            ValueError, match="X is masked; fill the gaps, or leave their rows out"
        ):
            program("S", "K")(table)
        with pytest.raises(
            TypeError, match="X is masked; fill the gaps, or leave their rows out"
        ):
            trained(table, [1.0])
    with pytest.raises(ValueError, match="theta is masked"):
        program("S", "K")([[1.0, 2.0]], np.ma.masked_array([1.0]))


def test_what_has_no_columns() -> None:
    assert (
        labels([[1.0]])
        == labels(np.ones((2, 2)))
        == labels({})
        == labels(5.0)
        == labels(None)
        == []
    )
    assert columns([[1.0]], "X") is None
    assert labels(Arrow(COLUMNS)) == labels(fields(COLUMNS)) == ["K", "S"]


def test_a_table_that_cannot_be_read() -> None:
    class Lazy:
        columns = ("S", "K")

    with pytest.raises(
        ValueError, match="X's column 'S' cannot be read from Lazy; give an array"
    ):
        program("S", "K")(Lazy())


def test_an_array_of_floats_is_not_copied() -> None:
    column = np.array([1.0, 2.0])
    assert floats(column, "X") is column


# -------------------------------------------------------------------------------------------- real libraries
def test_pandas_types() -> None:
    pd, compiled = pytest.importorskip("pandas"), program("S", "K")
    frame = pandas(COLUMNS)
    for kind in ("Int64", "Float64", "float32", "int8", "uint64"):
        assert compiled(frame.astype(kind)).tolist() == RIGHT
        assert trained(frame.astype(kind), frame["S"].astype(kind)) == trained(
            frame, frame["S"]
        )
    flags = frame.assign(K=pd.array([True, False], dtype="boolean"))
    assert compiled(flags).tolist() == [8.0, 20.0]
    assert np.isnan(compiled(frame.assign(K=[1.0, NAN]))).tolist() == [False, True]
    unnamed = (
        frame.convert_dtypes()
        .rename(columns={"K": 0, "S": 1})
        .astype({0: "Float64"})
    )
    assert compiled(unnamed).tolist() == CROSSED


@pytest.mark.parametrize(
    "kind", ["Int64", "Float64", "boolean", "category", "object", "str", "string"]
)
def test_pandas_columns_without_numbers(kind: str) -> None:
    pd = pytest.importorskip("pandas")
    column = pd.Series(
        ["a", "b"] if kind in ("category", "str", "string") else [1, None]
    ).astype(kind)
    table = pandas(COLUMNS).assign(K=column)
    for use in (
        program("S", "K"),
        program("", ""),
        lambda table: trained(table, [1.0, 2.0]),
    ):
        with pytest.raises(
            ValueError,
            match=r"X's column 'K' .*(row 1, but a missing value|real numbers, not)",
        ):
            use(table)


def test_polars_types() -> None:
    pl, compiled = pytest.importorskip("polars"), program("S", "K")
    frame = polars(COLUMNS)
    for kind in (pl.Int64, pl.Float32, pl.UInt8, pl.Float64):
        assert compiled(frame.cast(kind)).tolist() == RIGHT
    assert compiled(frame.with_columns(K=pl.Series([True, False]))).tolist() == [
        8.0,
        20.0,
    ]
    assert np.isnan(
        compiled(frame.with_columns(K=pl.Series([1.0, NAN])))
    ).tolist() == [False, True]
    for column in (["a", "b"], [1, None], [True, None], [None, None], [[1], [2]]):
        for use in (compiled, lambda table: trained(table, [1.0, 2.0])):
            with pytest.raises(
                ValueError,
                match=r"X's column 'K' .*(missing value|real numbers, not)",
            ):
                use(frame.with_columns(K=pl.Series(column)))


def test_series_of_pandas_and_polars() -> None:
    s = Value(1.0, "S")
    compiled = compile(s * 2, [s])
    for library in ("pandas", "polars"):
        series = pytest.importorskip(library).Series
        assert compiled(series([10, 20])).tolist() == [20.0, 40.0]
    with pytest.raises(
        ValueError, match="X has no number in row 1, but a missing value"
    ):
        compiled(pytest.importorskip("polars").Series([1, None]))


def rows_of(table: Any) -> Iterator[Any]:
    yield from np.asarray(table).tolist()


def test_iterators_in_fit() -> None:
    assert trained(rows_of([[1, 2], [3, 4]]), iter([1, 2])) == trained(
        [[1, 2], [3, 4]], [1, 2]
    )


@pytest.mark.parametrize("row", [[1, 10], (1.0, 10.0), np.array([1, 10])])
def test_a_single_row(row: Any) -> None:
    with pytest.raises(
        ValueError,
        match=r"shape \(2,\); this program takes rows of 2; of a single row write \[X\]",
    ):
        program("S", "K")(row)
    assert program("S", "K")([row]).tolist() == [-19.0]


def test_a_single_row_of_a_frame() -> None:
    row = (
        pytest.importorskip("pandas")
        .DataFrame([[10.0, 1.0]], columns=["S", "K"])
        .iloc[0]
    )
    with pytest.raises(ValueError, match=r"of a single row write \[X\]"):
        program("S", "K")(row)
    assert program("S", "K")([row]).tolist() == [8.0]
