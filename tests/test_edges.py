"""Every op at all pairs of edge values: value and first two derivatives, in six ways, against edges.txt."""

from __future__ import annotations

import math
import pickle
import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from autograd import OPS, Op, Value, compile, grad, jvp, zero_grad
from tests.edges import ARITY, SECONDS, TABLE, Array, Point, Truth, edge_points
from tests.oracle import BY_HAND, EDGES, INF, NAN, ORACLES, mp

Mask: TypeAlias = NDArray[np.bool_]
Backend: TypeAlias = Callable[
    [str, Sequence[Point]], Array
]  # numbers by points and by the table's columns


# ------------------------------------------------------------------------------------------- the back ends
def value_and_slopes(op: Op, point: Point) -> list[float]:
    leaves = [Value(x) for x in point]
    z = op(*leaves)
    z.backward()
    return [z.data, *[x.grad for x in leaves]]


def eager(op: Op, point: Point) -> list[float]:
    """The value, backward's gradient, and grad of grad."""
    leaves = [Value(x) for x in point]
    slopes = grad(op(*leaves), leaves)
    return value_and_slopes(op, point) + [
        d.data for g in slopes for d in grad(g, leaves)
    ]


def forward(op: Op, point: Point) -> list[float]:
    """The value, jvp for every direction, and jvp of jvp."""
    leaves = [Value(x) for x in point]
    z = op(*leaves)
    tangents = [jvp(z, {x: 1.0}) for x in leaves]
    return [
        z.data,
        *[t.data for t in tangents],
        *[jvp(t, {x: 1.0}).data for t in tangents for x in leaves],
    ]


def pickled(op: Op, point: Point) -> list[float]:
    """backward on graphs that were loaded: that of the value, and those of its gradient."""
    leaves = [Value(x) for x in point]
    z = op(*leaves)
    roots, leaves = pickle.loads(pickle.dumps(((z, *grad(z, leaves)), leaves)))
    found = [roots[0].data]
    for y in roots:
        zero_grad(*leaves)
        y.backward()
        found += [x.grad for x in leaves]
    return found


def point_by_point(way: Callable[[Op, Point], list[float]]) -> Backend:
    return lambda name, points: np.array(
        [way(OPS[name], point) for point in points]
    )


def compiled(
    carry: Callable[[Any], Any] = lambda program: program, rows: int = 10**6
) -> Backend:
    """Programs of the value and of its gradient's graphs, for so many points at once, in mixed order."""

    def run(name: str, points: Sequence[Point]) -> Array:
        order = np.random.default_rng(1).permutation(len(points))
        found = np.empty((len(points), len(columns(name))))
        found[order] = replayed(OPS[name], np.array(points)[order], carry, rows)
        return found

    return run


def replayed(op: Op, table: Array, carry: Callable[[Any], Any], rows: int) -> Array:
    """The op recorded at the first of the points and replayed at all."""
    leaves = [Value(x) for x in table[0].tolist()]
    z = op(*leaves)
    value, *slopes = [carry(compile(y, leaves)) for y in (z, *grad(z, leaves))]
    parts = [table[at : at + rows] for at in range(0, len(table), rows)]
    found = [
        [value(part), *[program.vjp(part)[1] for program in (value, *slopes)]]
        for part in parts
    ]
    return np.vstack([np.column_stack(columns) for columns in found])


def through_pickle(program: Any) -> Any:
    return pickle.loads(pickle.dumps(program))


BACKENDS: dict[str, Backend] = {
    "eager": point_by_point(eager),
    "forward": point_by_point(forward),
    "pickled": point_by_point(pickled),
    "compiled": compiled(),
    "compiled, three rows at a time": compiled(rows=3),
    "compiled and pickled": compiled(through_pickle),
}


TURNS = {  # which of the thirds those take that go point by point, or nearly so
    "eager": 0,
    "forward": 1,
    "pickled": 2,
    "compiled, three rows at a time": 0,
}
THIRDS = range(3)


def forgiven(truth: Truth, got: Array) -> Mask:
    """What a compiled program may do by its documentation.

    A sigmoid below 1e-307 is 0.  A recorded gradient leaves out what is times a constant 0, also at nan.
    """
    value = np.arange(got.shape[1]) == 0
    tiny = value & (truth.want.truth < 1e-307) & (truth.name == "sigmoid")
    flat = ~value & np.isnan(truth.want.truth) & (truth.name in ("sign", "step"))
    return (got == 0) & (tiny | flat)


# ------------------------------------------------------------------------------------------ the comparison
class Comparison(NamedTuple):
    """How many numbers were compared, which were wrong, and for each order the worst: ULPs, and where."""

    count: int
    wrong: list[str]
    worst: list[tuple[float, str]]


def columns(name: str) -> list[str]:
    """What the numbers of a row of the table are: the value, the partials, the second ones."""
    letters = "xyw"[: ARITY[name]]
    return ["z", *letters, *map("".join, product(letters, repeat=2))]


NUMPY_ULPS = 3.0  # by which NumPy's exp and the like may be worse than Python's, on one machine or another


def compare(truth: Truth, got: Array, compiled: bool = False) -> Comparison:
    units, names = truth.units(got), columns(truth.name)
    promise = truth.want.promise
    bad = units > promise + NUMPY_ULPS * (compiled & (promise >= 1))
    spared = bad & forgiven(truth, got) & compiled
    wrong = [
        f"{names[j]} of {truth.name}{truth.points[i]} is {got[i, j]}, not {truth.number(i, j)}"
        for i, j in np.argwhere(bad & ~spared)
    ]
    return Comparison(
        int((~spared).sum()), wrong, worst(truth, np.where(spared, 0.0, units))
    )


def worst(truth: Truth, units: Array) -> list[tuple[float, str]]:
    """Of the values, of the first derivatives, and of the second ones."""
    orders, found = (
        [len(name.strip("z")) for name in columns(truth.name)],
        list[tuple[float, str]](),
    )
    for order in sorted({*orders[: units.shape[1]]}):
        part = np.where(
            np.array(orders[: units.shape[1]]) == order, units, 0.0
        ).max(axis=1)
        point = truth.points[int(np.argmax(part))]
        found.append(
            (float(part.max()), f"{truth.name} at {', '.join(map(repr, point))}")
        )
    return found


@cache
def truth_of(name: str) -> Truth:
    """What is wanted at all edges."""
    return Truth(name, edge_points(name))


RARE = 76  # a row with so many points, or fewer, has them all in every part


def part_of(name: str, third: int) -> list[int]:
    """A third of the pairs, such that every edge meets every third one, and all points of rare rows."""
    truth = truth_of(name)
    count, width = Counter(truth.rows), len(truth.points) // len(EDGES)
    return [
        i
        for i, row in enumerate(truth.rows)
        if count[row] <= RARE or (i // width + i % width) % len(THIRDS) == third
    ]


def at_edges(backend: str, whole: bool = True) -> list[Comparison]:
    """A back end, for every op; if not the whole, one that goes point by point takes its turn of the points."""
    found: list[Comparison] = []
    for name in TABLE:
        truth = truth_of(name)
        if not whole and backend in TURNS:
            truth = truth.part(part_of(name, TURNS[backend]))
        got = BACKENDS[backend](name, truth.points)
        found.append(compare(truth, got, backend.startswith("compiled")))
    return found


# ----------------------------------------------------------------------------------------------- the tests
POINTS = {1: 76, 2: 76**2, 3: 76**2 * 2}  # by the number of operands
NUMBERS = sum(
    POINTS[n] * (1 + n + n**2) for n in ARITY.values()
)  # that the comparison is to compare


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_op_at_all_pairs_of_edges(backend: str) -> None:
    """Compiled at each pair; recorded at each pair once, by turns, and each way in every row of the table."""
    found = at_edges(backend, whole=False)
    assert [line for comparison in found for line in comparison.wrong][:20] == []
    left_out = NUMBERS - sum(comparison.count for comparison in found)
    assert 0 < left_out <= (NUMBERS * 2 / 3 if backend in TURNS else 6)


@pytest.mark.parametrize("name", TABLE)
def test_plain_floats_at_all_pairs_of_edges(name: str) -> None:
    """What an op computes without a graph: its value, and its local partials."""
    op, points = OPS[name], truth_of(name).points
    local = op.form(*[True] * ARITY[name]).local
    values = [op.evaluate(*point) for point in points]
    got = [[z, *local(z, *point)] for z, point in zip(values, points, strict=True)]
    truth = truth_of(name).part(range(len(points)), 1 + ARITY[name])
    assert compare(truth, np.array(got)).wrong == []


@pytest.mark.parametrize("name", TABLE)
def test_the_thirds_have_all_pairs_together_and_all_edges_each(name: str) -> None:
    parts, truth = [part_of(name, third) for third in THIRDS], truth_of(name)
    assert {i for part in parts for i in part} == {*range(len(truth.points))}
    for part in parts:
        assert {truth.rows[i] for i in part} == {*truth.rows}
        for operand in range(min(ARITY[name], 2)):
            edges = [repr(truth.points[i][operand]) for i in part]
            assert {*edges} == {*map(repr, EDGES)}


@pytest.mark.parametrize("name", TABLE)
def test_every_row_of_the_table_is_used(name: str) -> None:
    assert {*TABLE[name]} == {*truth_of(name).rows}
    assert len({*TABLE[name]}) == len(TABLE[name])


def test_table_has_every_op_and_every_edge() -> None:
    assert {*TABLE} == {*ORACLES} >= {*BY_HAND}
    assert {name: OPS[name].operands for name in TABLE} == {
        name: tuple("xyw"[:n]) for name, n in ARITY.items()
    }
    assert len({*map(repr, EDGES)}) == 76
    assert (
        sum(len(edge_points(name)) * len(columns(name)) for name in TABLE)
        == NUMBERS
        >= 627_684
    )


def conventions() -> tuple[int, int]:
    """The table's rows, and its entries that are written by hand, where mpmath has no word."""
    rows = [row for rows in TABLE.values() for row in rows]
    return len(rows), sum(
        entry not in ("=", "±=") for row in rows for entry in row.entries
    )


@pytest.mark.parametrize(("name", "i", "j"), SECONDS)
@pytest.mark.parametrize("point", [(0.375, 1.25), (2.5, -0.75)], ids=str)
def test_second_derivatives_against_numerical_differentiation(
    name: str, i: int, j: int, point: tuple[float, float]
) -> None:
    at = [mp.mpf(x) for x in point][: ARITY[name]]
    measured = mp.diff(
        ORACLES[name].partials[i],
        tuple(at),
        tuple(int(j == k) for k in range(len(at))),
    )
    assert abs(measured - mp.fsum(map(mp.fprod, SECONDS[name, i, j](*at)))) < 1e-20


@pytest.mark.parametrize("name", TABLE)
def test_other_second_derivatives_are_zero(name: str) -> None:
    at = tuple(mp.mpf(x) for x in (0.375, 1.25, -0.75))[: ARITY[name]]
    for i, j in product(range(len(at)), repeat=2):
        if (name, i, j) not in SECONDS and not ORACLES[name].by_differences:
            order = tuple(int(j == k) for k in range(len(at)))
            wanted = 1 if name == "mul" and i != j else 0
            assert (
                abs(mp.diff(ORACLES[name].partials[i], at, order) - wanted) < 1e-20
            )


# --------------------------------------------------------------------------------- the test of the comparison
def spoiled(got: Array) -> dict[str, Array]:
    """Results with one kind of error each."""
    return {
        "scaled": np.where(np.abs(got) < 1e300, got, 1.0)
        * np.where(np.abs(got) < 1e300, 1 + 1e-10, got),
        "nan made 0": np.nan_to_num(got, nan=0.0, posinf=INF, neginf=-INF),
        "inf made the largest": np.nan_to_num(got, nan=NAN),
        "inf made nan": np.where(np.isinf(got), NAN, got),
        "negative": -got,
        "columns reversed": np.roll(got, 1, axis=1),
        "all nan": np.full_like(got, NAN),
        "all 0": np.zeros_like(got),
    }


@pytest.mark.parametrize("name", ["log", "div", "power"])
def test_wrong_numbers_are_seen(name: str) -> None:
    truth = truth_of(name)
    got = BACKENDS["compiled"](name, truth.points)
    assert not compare(truth, got).wrong
    for kind, wrong in spoiled(got).items():
        assert compare(truth, wrong).wrong, kind


def test_the_sign_of_a_zero_is_seen() -> None:
    truth = truth_of("mul")
    got = BACKENDS["eager"]("mul", truth.points)
    got[:, 0] = np.where(got[:, 0] == 0, 0.0, got[:, 0])
    assert len(compare(truth, got).wrong) > 100


# ---------------------------------------------------------------------------------------- at random points
def random_number(source: random.Random) -> float:
    """Of any sign and exponent, or from where the functions bend."""
    reach = source.choice([3.0, 50.0, 800.0, INF])
    if reach < INF:
        return source.uniform(-reach, reach)
    return math.ldexp(
        source.choice([-1, 1]) * source.uniform(1, 2), source.randint(-1074, 1022)
    )


def random_points(name: str, count: int) -> list[Point]:
    """Points of the op's domain, if changing signs gets them there."""
    source = random.Random(name)
    points = [
        tuple(random_number(source) for _ in range(ARITY[name]))
        for _ in range(count)
    ]
    return [
        point if OPS[name].defined(*point) else tuple(map(abs, point))
        for point in points
    ]


def at_random(name: str, count: int) -> Comparison:
    """The eager value and first derivatives."""
    points = random_points(name, count)
    truth = Truth(name, points, 1 + ARITY[name])
    got = np.array([value_and_slopes(OPS[name], point) for point in points])
    return compare(truth, got)


@pytest.mark.parametrize("name", TABLE)
def test_ulps_at_random_points(name: str) -> None:
    count = 60 if ORACLES[name].by_differences or ORACLES[name].blur else 300
    found = at_random(name, count)
    assert found.wrong == []
    assert found.count == count * (1 + ARITY[name])


# ------------------------------------------------------------------------------------------------ the figures
KINDS = "value", "first derivative", "second derivative"


def of_backend(backend: str) -> tuple[str, str, str]:
    """How many numbers of the table agree, and the worst of the ULPs."""
    found = at_edges(backend)
    count, wrong = sum(c.count for c in found), sum(len(c.wrong) for c in found)
    worst_of_all = [
        max(c.worst[order] for c in found) for order in range(len(KINDS))
    ]
    texts = [
        f"{kind} {units:.2f} ULP, {where}"
        for kind, (units, where) in zip(KINDS, worst_of_all, strict=True)
    ]
    return f"edges, {backend}", f"{count:,}", "; ".join([f"{wrong} wrong", *texts])


def of_op(name: str, points: int) -> tuple[str, str, str]:
    """The worst ULPs at random points, beside those that the op promises."""
    found, oracle = at_random(name, points), ORACLES[name]
    promises = oracle.value_ulps, oracle.partial_ulps
    texts = [
        f"{kind} {units:.2f} of {promise} ULP" + f", {where}" * (units > 0)
        for kind, promise, (units, where) in zip(
            KINDS, promises, found.worst, strict=False
        )
    ]
    return (
        f"{name} at random points",
        f"{found.count:,}",
        "; ".join([f"{len(found.wrong)} wrong", *texts]),
    )


def figures(points: int = 100_000) -> list[tuple[str, str, str]]:
    """What was tried, how many numbers were compared, and the worst that was found."""
    rows, entries = conventions()
    return [
        (
            "the table of edges",
            f"{entries:,} entries by hand",
            f"in {rows} rows; all others are mpmath's",
        ),
        *map(of_backend, BACKENDS),
        *[of_op(name, points) for name in TABLE],
    ]
