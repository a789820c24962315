"""Dask's tables: a program is as lazy as they are, and nothing else loads one.

What is computed is compared with the same program's outputs for the whole table in memory.
"""

from __future__ import annotations

import importlib
import math
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from autograd import Program, Value, compile, exp
from autograd.compiler.lazy import Fixed, is_lazy, program_of, refuse
from nn import MLP, SGD, fit

dask: Any = pytest.importorskip("dask")
da: Any = pytest.importorskip("dask.array")

LOCAL = pytest.mark.parametrize("scheduler", ["threads", "processes"])
ROWS = np.random.default_rng(0).normal(size=(23, 3))
THETA = [0.5, -0.25]
WAY_OUT = "which is not loaded here: map over its partitions and add up .*compute"


def program(many: bool = False) -> Program:
    """Of three inputs and two parameters, with one output or two."""
    x, y, z = (Value(1.0, name) for name in "xyz")
    w, b = Value(0.3, "w"), Value(0.1, "b")
    first = exp(w * x - y) * z + b
    return compile([first, w * x] if many else first, [x, y, z], [w, b])


def single() -> Program:
    x, w = Value(1.0, "x"), Value(0.3, "w")
    return compile(exp(w * x), [x], [w])


def frames() -> tuple[Any, Any]:
    """pandas and Dask's frames, where they are installed."""
    return (
        pytest.importorskip("pandas"),
        pytest.importorskip("dask.dataframe", exc_type=ImportError),
    )


def chunked(rows: Any = ROWS, chunks: Any = (5, 2)) -> Any:
    return da.from_array(rows, chunks=chunks)


def equal(found: Any, wanted: Any) -> None:
    """A lazy result has the numbers, and the form that it said before."""
    same(found, found.compute(scheduler="threads"), wanted)


def same(found: Any, numbers: Any, wanted: Any) -> None:
    """The same for one that is computed."""
    assert isinstance(numbers, np.ndarray) and numbers.dtype == found.dtype == float
    assert found.ndim == numbers.ndim == wanted.ndim
    for said, is_so in zip(found.shape, numbers.shape, strict=True):
        assert said == is_so or math.isnan(said)
    close(numbers, wanted)


def close(numbers: Any, wanted: Any) -> None:
    np.testing.assert_allclose(numbers, wanted, rtol=0, atol=1e-12)


# -------------------------------------------------------------------------------------------- arrays
@LOCAL
def test_an_array_gives_the_whole_tables_outputs(scheduler: str) -> None:
    calls = [
        (p, theta) for p in (program(), program(True)) for theta in (None, THETA)
    ]
    found = [compiled(chunked(), theta) for compiled, theta in calls]
    computed = dask.compute(*found, scheduler=scheduler, num_workers=2)
    for z, numbers, (compiled, theta) in zip(found, computed, calls, strict=True):
        assert type(z) is type(chunked()) and z.chunks[0] == (5, 5, 5, 5, 3)
        same(z, numbers, compiled(ROWS, theta))


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("chunks", [(23, 3), (1, 1), ((20, 0, 3), (1, 2))])
@pytest.mark.parametrize("kind", ["f4", "i8", "bool", "f8"])
def test_any_chunks_and_numbers(many: bool, chunks: Any, kind: str) -> None:
    compiled, rows = program(many), (ROWS * 3).astype(kind)
    equal(compiled(chunked(rows, chunks)), compiled(rows))


@pytest.mark.parametrize("many", [False, True])
def test_unknown_numbers_of_rows(many: bool) -> None:
    compiled, X = program(many), chunked()
    positive = X[X[:, 0] > 0]
    found = compiled(positive)
    assert math.isnan(found.shape[0])
    equal(found, compiled(ROWS[ROWS[:, 0] > 0]))
    both = da.concatenate([positive, X])
    equal(compiled(both), compiled(np.concatenate([ROWS[ROWS[:, 0] > 0], ROWS])))


def test_a_number_a_row() -> None:
    compiled, x = single(), Value(1.0, "x")
    two = compile([x * 2, x + 1], [x])
    equal(compiled(chunked()[:, 1]), compiled(ROWS[:, 1]))
    equal(two(chunked()[:, 1]), two(ROWS[:, 1]))


def test_fields_have_names() -> None:
    rows = np.array(
        [*map(tuple, ROWS)], dtype=[(name, float) for name in ("z", "x", "y")]
    )
    compiled = program()
    equal(compiled(chunked(rows, 5)), compiled(rows))
    assert not np.allclose(compiled(rows), compiled(ROWS))


def test_a_table_without_columns_or_rows() -> None:
    constant = compile(Value(2.0) * 3, [])
    equal(constant(da.ones((5, 0), chunks=(2, 0))), np.full(5, 6.0))
    equal(program()(da.ones((0, 3))), np.ones(0))
    equal(program(True)(da.ones(0)), np.ones((0, 2)))


def test_theta_is_that_of_the_call() -> None:
    compiled, theta = program(), np.array(THETA)
    wanted = compiled(ROWS), compiled(ROWS, THETA)
    found = compiled(chunked()), compiled(chunked(), theta)
    compiled.theta = [9.0, 9.0]
    theta[:] = 9.0
    for x, y in zip(found, wanted, strict=True):
        equal(x, y)


def test_nothing_is_computed_before_compute() -> None:
    """Not by the call, and not by what is asked of its result."""
    counted: list[int] = []

    def made(block: Any) -> Any:
        counted.append(len(block))
        return block

    X = chunked().map_blocks(made, meta=np.zeros((0, 0)))
    compiled = program()
    found = compiled(X), compiled(X[X[:, 0] > 0]), program(True)(X)
    assert [z.dtype for z in found] == [float] * 3
    for use in refusing(X):
        with pytest.raises((TypeError, ValueError)):
            use()
    assert not counted
    found[0].compute(scheduler="threads")
    assert sum(counted) == 2 * len(ROWS)  # a chunk has two of the columns, or one


# ---------------------------------------------------------------------------------------- data frames
def frame(**others: Any) -> Any:
    """Columns in another order than the inputs, another between them, and an index of its own."""
    pandas, _ = frames()
    columns: dict[str, Any] = dict(zip("xyz", ROWS.T, strict=True))
    order = {"z": columns["z"], "day": ["Mon"] * 23, "y": columns["y"]}
    return pandas.DataFrame(
        {**order, "x": columns["x"], **others}, index=range(50, 73)
    )


def parts(table: Any, n: int = 4) -> Any:
    return frames()[1].from_pandas(table, npartitions=n)


@LOCAL
def test_the_names_of_a_frame_decide(scheduler: str) -> None:
    pandas, table = frames()[0], frame()
    found = program()(parts(table)), program(True)(parts(table))
    assert found[0].dtype == float and [z.npartitions for z in found] == [4, 4]
    one, many = dask.compute(*found, scheduler=scheduler, num_workers=2)
    wanted = pandas.Series(program()(ROWS), index=table.index)
    pandas.testing.assert_series_equal(one, wanted, rtol=0, atol=1e-12)
    pair = pandas.DataFrame(program(True)(ROWS), index=table.index)
    pandas.testing.assert_frame_equal(many, pair, rtol=0, atol=1e-12)


def test_outputs_have_their_names() -> None:
    x = Value(1.0, "x")
    double, more = x * 2, x + 1
    double.name = "double"
    column = parts(frame()).x
    assert compile(double, [x])(column).name == "double"
    assert compile(x + 2, [x])(column).name is None
    assert [*compile([double, more], [x])(column).columns] == [0, 1]
    more.name = "more"
    found = compile([double, more], [x])(column)
    assert [*found.columns] == [*found.compute().columns] == ["double", "more"]
    more.name = "double"
    assert [*compile([double, more], [x])(column).columns] == [0, 1]


def test_a_series_and_a_new_column() -> None:
    table, compiled = parts(frame()), single()
    found = table.assign(out=compiled(table.x))[["x", "out"]].compute()
    wanted = compiled(frame()["x"])
    close(found["out"], wanted)


def test_partitions_without_rows_and_nullable_numbers() -> None:
    table = frame(x=np.arange(23.0)).astype({"x": "Int64", "y": "Float64"})
    table["z"] = table["z"] > 0
    some = parts(table)
    some = some[some.x > 11]
    wanted = program()(table[table["x"] > 11])
    found = program()(some).compute(scheduler="threads")
    close(found, wanted)


def test_what_does_not_fit_a_frame_is_said_at_the_call() -> None:
    table = parts(frame())
    without = table.drop(columns="x")
    with pytest.raises(
        ValueError, match="X has no column 'x'; its columns are 'z'"
    ):
        program()(without)
    with pytest.raises(ValueError, match="X's column 'z' must hold real numbers"):
        program()(table.assign(z=table.day))
    with pytest.raises(ValueError, match=r"the shape \(nan,\).* takes rows of 3"):
        program()(table.x)
    a, b = Value(1.0), Value(2.0)
    with pytest.raises(ValueError, match=r"the shape \(nan, 3\).* takes rows of 2"):
        compile(a * b, [a, b])(table[["x", "y", "z"]])


# ---------------------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: chunked()[:, :2], r"the shape \(23, 2\); this program takes rows of 3"),
        (lambda: chunked()[0], r"the shape \(3,\).*of a single row"),
        (lambda: chunked()[:, :, None], r"the shape \(23, 3, 1\)"),
        (lambda: chunked().sum(), r"the shape \(\)"),
        (lambda: chunked() * 1j, "real numbers, not complex128"),
        (lambda: chunked().astype(str), "real numbers, not <U32"),
        (lambda: chunked().astype(object), "real numbers, not object"),
        (lambda: chunked()[:, chunked()[0] > 0], r"\(23, nan\).*compute_chunk_sizes"),
        (lambda: da.ma.masked_greater(chunked(), 1), "X is masked; fill the gaps"),
    ],
)  # fmt: skip
def test_what_does_not_fit_an_array_is_said_at_the_call(
    make: Callable[[], Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        program()(make())


def test_a_theta_that_does_not_fit_is_said_at_the_call() -> None:
    with pytest.raises(ValueError, match=r"theta has the shape \(1,\), not \(2,\)"):
        program()(chunked(), [1.0])


def trained(X: Any, y: Any, optimizer: Any = SGD(0.1)) -> Any:  # noqa: B008
    return fit(MLP(3, [1]), X, y, loss="mse", optimizer=optimizer, epochs=1)


class Updating:
    """An optimizer that gives what Dask holds."""

    def update(self, theta: Any, gradient: Any, epoch: int) -> Any:
        return da.from_array(theta) - gradient


def refusing(X: Any) -> list[Callable[[], Any]]:
    """Everything that takes a table, given a lazy one of three columns, or lists and dicts of its parts."""
    compiled, y = program(), [1.0] * len(ROWS)
    rows, columns = [X[0], X[1]], dict(zip("xyz", X.T, strict=True))
    tables = (X, rows, (X[0],), [[*X[0]]], columns, [*X[:2]])
    return [
        *[lambda t=t: compiled.value_and_grad(t) for t in tables],
        *[lambda t=t: compiled.vjp(t) for t in tables],
        *[lambda t=t: compiled(t) for t in tables[1:]],
        *[lambda t=t: trained(t, y[: len(t)]) for t in tables],
        lambda: trained(iter(rows), y[:2]),
        lambda: trained(ROWS, X[:, 0]),
        lambda: trained(ROWS, [*X[:, 0]]),
        lambda: trained(ROWS, y, Updating()),
        lambda: compiled(ROWS, X[0, :2]),
        lambda: compiled(X, X[0, :2]),
        lambda: setattr(compiled, "theta", [*X[0, :2]]),
        lambda: compiled.vjp(ROWS, X[:, 0]),
        lambda: compiled.value_and_grad(ROWS, weights=X[:, 0]),
        lambda: compiled(dask.delayed(ROWS)),
        lambda: compiled(importlib.import_module("dask.bag").from_sequence([1])),
    ]


@pytest.mark.parametrize("at", range(len(refusing(chunked()))))
def test_everything_else_refuses_by_a_sentence(at: int) -> None:
    with pytest.raises(TypeError, match=rf" (is|holds) a Dask \w+, {WAY_OUT}"):
        refusing(chunked())[at]()


def test_frames_are_refused_too() -> None:
    table = parts(frame().drop(columns="day"))
    uses = program().value_and_grad, program().vjp, lambda t: trained(t, ROWS[:, 0])
    for use in uses:
        for what in (table, {name: table[name] for name in "xyz"}, table.index):
            with pytest.raises(TypeError, match=f"X.* is a Dask .*{WAY_OUT}"):
                use(what)
    for what in (table.index, table.x.sum()):
        with pytest.raises(TypeError, match=f"X is a Dask .*{WAY_OUT}"):
            program()(what)


class InMemory:
    """As xarray's arrays: they have the method, also where they are not Dask's."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph

    def __dask_graph__(self) -> Any:
        return self.graph

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return ROWS


def test_a_table_in_memory_is_none_of_dasks() -> None:
    assert program()(InMemory(None)).tolist() == program()(ROWS).tolist()
    with pytest.raises(TypeError, match=f"X is a Dask InMemory, {WAY_OUT}"):
        program()(InMemory({}))
    for data in (ROWS, [[1.0]], {"x": [1.0]}, InMemory, None, "x"):
        assert not is_lazy(data)
        refuse(data, "X")


# ---------------------------------------------------------------------------------------- other processes
def test_a_process_compiles_a_program_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, theta = program(), np.array(THETA)
    stored, wanted = pickle.dumps(Fixed(compiled, theta)), compiled(ROWS, theta)
    program_of.cache_clear()
    loaded: list[Any] = []
    made = Program.__init__

    def making(self: Any, *args: Any) -> None:
        loaded.append(self)
        made(self, *args)

    monkeypatch.setattr(Program, "__init__", making)
    for time in range(3):
        fixed = pickle.loads(pickle.dumps(pickle.loads(stored)))
        assert bool(loaded) == (time > 0)  # not before it is called
        close(fixed(ROWS), wanted)
    assert len(loaded) == 1


def test_the_program_does_not_travel_with_every_part() -> None:
    """It is one entry of the graph, which the parts refer to."""
    graph = dict(program()(chunked()).__dask_graph__())
    holders = [
        key for key, task in graph.items() if b"from_store" in pickle.dumps(task)
    ]
    assert len(holders) == 1


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed: Any = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=":0",
            memory_limit="1GB",
        ) as cluster,
        distributed.Client(cluster) as connected,
    ):
        yield connected


def test_a_cluster(client: Any) -> None:
    """Outputs, and gradients that add up; the program is sent to every worker, not with every part."""
    compiled, X = program(), chunked(chunks=(5, 3))
    found = client.compute([compiled(X), program(True)(X[X[:, 0] > 0], THETA)])
    one, many = client.gather(found)
    close(one, compiled(ROWS))
    wanted = program(True)(ROWS[ROWS[:, 0] > 0], THETA)
    close(many, wanted)
    shared = dask.delayed(compiled)
    pieces = [shared.vjp(part, 0.5) for [part] in X.to_delayed()]
    sums = client.gather(client.compute(pieces))
    gradient, back = compiled.vjp(ROWS, 0.5)
    close(sum(x for x, _ in sums), gradient)
    rows = np.concatenate([x for _, x in sums])
    close(rows, back)


def test_a_frame_on_a_cluster(client: Any) -> None:
    found = client.compute(program()(parts(frame()))).result()
    close(found, program()(ROWS))
