"""Rows that are not finite: the engine's numbers, at the price of other rows."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from autograd import (
    OPS,
    Op,
    Program,
    Value,
    compile,
    exp,
    grad,
    log,
    maximum,
    relu,
    sigmoid,
    sin,
    sqrt,
    step,
    tanh,
    where,
)  # fmt: skip
from autograd.compiler.columnwise import Columnwise, by_column
from autograd.compiler.rowwise import Rowwise, keeps_nan
from autograd.ieee import NUMPY, WORDS
from tests.oracle import EDGES
from tests.test_program import (
    Graph,
    agrees,
    attention,
    close,
    eager,
    irregular,
    perceptron,
    second_order,
)

Array = NDArray[np.float64]
NAN, INF = math.nan, math.inf
ODD = [NAN, INF, -INF, 0.0, -0.0, 1e200, -1e200, 710.0, -745.0, 2.0, -0.5]
ROWS = [1, 5, 8, 9, 20]  # one by one, few, and many


@pytest.fixture(params=["numpy", "python"])
def back_end(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Every program by calls of NumPy, or every program row by row."""
    monkeypatch.setattr(Program, "by_row", lambda *_: request.param == "python")
    return request.param


@pytest.fixture
def by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Program, "by_row", lambda *_: False)


def table(rows: int, width: int, seed: int, odd: float = 0.3) -> Array:
    """Rows of moderate numbers, some of them in place of which odd ones stand."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, width))
    return np.where(rng.random(X.shape) < odd, rng.choice(ODD, X.shape), X)


def agree(graph: Graph, X: Array, rtol: float = 1e-12) -> None:
    """The program is the engine; its sums over rows are of any numbers at all."""
    with np.errstate(all="ignore"):
        agrees(graph, X, np.random.default_rng(0), rtol)


# ------------------------------------------------------------------------------------------ the same numbers
@pytest.mark.parametrize(
    "word",
    [*WORDS, "pow", "exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "sqrt"],
)
@np.errstate(all="ignore")
def test_a_word_of_columns_is_the_word_of_numbers(word: str) -> None:
    """To the sign of a zero; the transcendental ones to a rounding or two."""
    arity = {
        "sign": 1,
        "where": 3,
        "heaviside": 2,
        "maximum": 2,
        "minimum": 2,
        "pow": 2,
    }.get(word, 1)
    edges = [*EDGES, NAN, INF, -INF][:: 1 if arity < 3 else 5]
    columns = np.array([*product(edges, repeat=arity)]).T
    wanted = np.array(
        [float(NUMPY[word](*numbers)) for numbers in columns.T.tolist()]
    )
    found = by_column(word)(*columns)
    assert np.allclose(found, wanted, rtol=1e-15, atol=0, equal_nan=True)
    numbers = ~np.isnan(wanted)
    assert np.array_equal(np.signbit(found[numbers]), np.signbit(wanted[numbers]))


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("name", list(OPS))
def test_every_op_with_odd_numbers_in_every_operand(
    name: str, rows: int, back_end: str
) -> None:
    """Each number goes through every operand, the others being odd or not."""
    op = OPS[name]
    n = len(op.operands)
    xs, w = [Value(0.5, x) for x in op.operands], Value(0.7)
    outputs = [
        op(*xs),
        op(*xs) * w + sin(xs[0]),
        op(*[x * w for x in xs]),
        w * w,
        xs[-1] * 2.0,
    ]
    program, seeds = (
        compile(outputs, [*xs, w], []),
        np.random.default_rng(1).normal(size=(rows, 5)),
    )
    for seed, odd in enumerate(ODD):
        X = table(rows, n + 1, seed, 0.2)
        X[np.arange(rows), np.arange(rows) % n] = odd
        with np.errstate(all="ignore"):
            found, _, by_inputs = eager((outputs, [*xs, w], []), X, seeds)
        assert close(program(X), found, 1e-9 if name == "power" else 1e-12)
        assert close(
            program.vjp(X, seeds)[1], by_inputs, 1e-9 if name == "power" else 1e-12
        )


@pytest.mark.parametrize("seed", range(20))
def test_irregular_graphs(seed: int, back_end: str) -> None:
    graph = irregular(10 + seed, seed)
    agree(graph, table(30, 3, seed), 1e-10)


@pytest.mark.parametrize("make", [perceptron, attention, second_order])
def test_structured_graphs(make: Any, by_numpy: None) -> None:
    graph = make(0)
    agree(graph, table(25, len(graph[1]), 1, 0.1))


def test_what_where_does_not_choose_gets_nothing(back_end: str) -> None:
    """Also through several ops, in a nest, and where the choice itself is nan."""
    x, c, w = Value(1.0), Value(1.0), Value(2.0)
    inner = where(step(c), exp(w * log(x)), w * w)
    y = where(step(x), inner, sin(x / c) * w)
    agree(([y, inner], [x, c], [w]), table(40, 2, 3, 0.6))


def test_the_sigmoid_of_primitives_beside_other_odd_rows(back_end: str) -> None:
    x, w = Value(0.1), Value(1.0)
    y = 1 / (1 + exp(-(w * x)))
    X = np.array(
        [
            [0.5],
            [-1e4],
            [NAN],
            [INF],
            [-INF],
            [1.0],
            [-800.0],
            [800.0],
            [2.0],
            [-745.0],
            [-1e5],
        ]
    )
    agree(([y, x / y], [x], [w]), X)


def test_outputs_that_are_equal_leaves_or_constants(back_end: str) -> None:
    """They are swept together, as their sum times the seeds would be: (1 - 3)·inf is no nan."""
    x, w, seeds = Value(1.0), Value(2.0), [1.0, 0.5, -3.0, 2.0, 1.0]
    y = log(x) * w
    outputs, X = [y, x, y, w, Value(5.0)], table(20, 1, 0, 0.8)
    total = sum(v * s for v, s in zip(outputs, seeds, strict=True))
    with np.errstate(all="ignore"):
        _, gradient, by_inputs = eager(([total], [x], [w]), X, np.ones((20, 1)))
        found = compile(outputs, [x], [w]).vjp(X, np.tile(seeds, (20, 1)))
    assert close(found[0], gradient)
    assert close(found[1], by_inputs)
    assert np.isinf(by_inputs).any()


@pytest.mark.parametrize("weight", [NAN, INF, 800.0])
def test_what_all_rows_share_is_not_finite(weight: float, back_end: str) -> None:
    x, w = Value(1.0), Value(weight)
    agree(([exp(w) * x + x, x * 2.0], [x], [w]), table(20, 1, 0, 0.1))


FORMULAS = {
    "x if x > 0 else 0.1 * x": (lambda z, x: where(step(x), 1.0, 0.1),),
    "fabs(x) ** 0.5": (lambda z, x: 0.5 / z * step(x),),
    "fabs(x) % 3": (lambda z, x: 1.0,),
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_that_numpy_reads_otherwise(formula: str, back_end: str) -> None:
    made = Op("made", "made", formula, FORMULAS[formula])
    try:
        x, w = Value(0.5), Value(2.0)
        agree(
            ([made(x) * w + exp(x), sin(made(w))], [x], [w]), table(30, 1, 0, 0.7)
        )
    finally:
        del OPS["made"]


@pytest.mark.parametrize("numbers", [1, 200, 10**6])
def test_as_many_rows_at_a_time_as_can_be_held(
    numbers: int, by_numpy: None, monkeypatch: Any
) -> None:
    monkeypatch.setattr("autograd.compiler.columnwise.NUMBERS", numbers)
    held, some = list[int](), Columnwise.some
    monkeypatch.setattr(
        Columnwise,
        "some",
        lambda self, at, *rest: held.append(len(at)) or some(self, at, *rest),
    )
    graph, X = perceptron(0), np.full((200, 3), INF)
    X[0] = 1.0
    program = compile(*graph)
    found = program(X), *program.vjp(X)
    wanted = eager(graph, X, np.ones((200, 1)))
    for a, b in zip(found, (wanted[0], wanted[1], wanted[2]), strict=True):
        assert close(a, b)
    assert held == 2 * ([199] if numbers > 200 else [64, 64, 64, 7])


# -------------------------------------------------------------------------------------------- the same price
def many(odd: float = NAN) -> tuple[Graph, Array]:
    """Several outputs, a table with the odd number in a quarter of one column."""
    x, w = [Value(0.1 * i + 0.1) for i in range(3)], Value(0.5)
    y = exp(-w * x[0]) * sin(x[1]) + x[2]
    X = np.random.default_rng(0).normal(size=(100, 3))
    X[::4, 1] = odd
    return ([y, *grad(y, x)], x, [w]), X


def refused(*_: Any) -> Any:
    raise AssertionError("called")


@pytest.mark.parametrize("numpy", [True, False])
def test_without_a_seed_there_is_no_sweep(
    numpy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Program, "by_row", lambda *_: not numpy)
    for owner, name in (
        (Columnwise, "backward"),
        (Rowwise, "pull"),
        (Rowwise, "adjoints"),
        (Rowwise, "by_engine"),
    ):
        monkeypatch.setattr(owner, name, refused)
    for odd in (NAN, INF, 1e300):
        graph, X = many(odd)
        program = compile(*graph)
        assert close(program(X), eager(graph, X, np.zeros((100, 4)))[0])


def test_an_output_that_is_nan_as_an_input_is_stays_numpys(
    by_numpy: None, monkeypatch: Any
) -> None:
    monkeypatch.setattr(Columnwise, "run", refused)
    monkeypatch.setattr(Rowwise, "by_engine", refused)
    graph, X = many()
    assert np.isnan(compile(*graph)(X)).any(axis=1).sum() == 25


def test_an_output_that_no_nan_reaches_is_looked_at(by_numpy: None) -> None:
    """The fast form of the sigmoid loses a number below 1e-307; beside a nan it may not, either."""
    x, y = Value(1.0), Value(2.0)
    program = compile([log(sigmoid(x)), 2.0 * y, x + y], [x, y])
    for rows in (1, 30):
        found = program([[-720.0, NAN]] * rows)
        assert np.allclose(found, [[-720.0, NAN, NAN]] * rows, equal_nan=True)


@pytest.mark.parametrize("odd", [NAN, INF, -1e4])
def test_many_rows_are_swept_at_once(
    odd: float, by_numpy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rowwise, "by_engine", refused)
    graph, X = many(odd)
    seeds = np.random.default_rng(1).normal(size=(100, 4))
    gradient, by_inputs = compile(*graph).vjp(X, seeds)
    _, wanted, wanted_by_inputs = eager(graph, X, seeds)
    assert close(gradient, wanted)
    assert close(by_inputs, wanted_by_inputs)


@pytest.mark.parametrize("numpy", [True, False])
def test_one_sweep_serves_all_outputs_of_a_row(
    numpy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Program, "by_row", lambda *_: not numpy)
    pulls, pull = list[int](), Rowwise.pull
    monkeypatch.setattr(
        Rowwise,
        "pull",
        lambda self, seed: pulls.append(len(seed)) or pull(self, seed),
    )
    graph, X = many(INF)
    compile(*graph).vjp(X[:20], np.ones((20, 4)))  # five of them with an inf
    assert pulls == [4] * 5


@pytest.mark.parametrize(
    ("most", "rows", "by_columns"), [(5, 8, False), (5, 9, True), (100, 9, False)]
)
def test_many_rows_of_a_graph_that_is_too_long_for_a_line(
    most: int, rows: int, by_columns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograd.compiler.rowwise.MOST", most)
    monkeypatch.setattr(Program, "by_row", lambda *_: True)
    called, run = list[int](), Columnwise.run
    monkeypatch.setattr(
        Columnwise,
        "run",
        lambda self, at, *rest: called.append(len(at)) or run(self, at, *rest),
    )
    graph = irregular(20, 3)
    agree(graph, table(rows, 3, 0, 0.0))
    assert (called == []) != by_columns


def strict_net(squash: Any) -> Graph:
    """A layer of words that keep nan, a share of the second input alone, and a penalty of all rows."""
    x, ws = [Value(0.1), Value(0.2)], [Value(0.3 * i - 1) for i in range(12)]
    hidden = [squash(ws[i] * x[0] + ws[4 + i] * x[1] + ws[8]) for i in range(4)]
    y = sum(
        (w * h for w, h in zip(ws, hidden, strict=False)),
        ws[9] * x[1] + ws[11] * ws[11],
    )
    return [tanh(ws[10] * x[1]) + y], x, ws


STRICT = [tanh, relu, sigmoid, abs, sin, exp, lambda x: x * x - 1]


@pytest.mark.parametrize("squash", STRICT)
@pytest.mark.parametrize("rows", [40, 300])
@pytest.mark.parametrize("column", [0, 1])
def test_a_row_that_came_in_as_nan_costs_no_second_way(
    squash: Any, rows: int, column: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, X = strict_net(squash), np.random.default_rng(0).normal(size=(rows, 2))
    X[::4, column] = NAN
    seeds = np.random.default_rng(1).normal(size=(rows, 1))
    monkeypatch.setattr(Program, "by_row", lambda *_: False)
    left, careful = list[int](), Rowwise.careful
    monkeypatch.setattr(
        Rowwise,
        "careful",
        lambda self, at, *rest: left.append(len(at)) or careful(self, at, *rest),
    )
    program = compile(*graph)
    for bad in (0, 1, 2):  # rows with an infinite number are looked at beside them
        X[1 : 1 + 2 * bad : 2, 1] = 1e308
        found = program(X), *program.vjp(X, seeds)
        for a, b in zip(found, eager(graph, X, seeds), strict=True):
            assert close(a, b), bad
        assert left == [] or bad
        assert max(left, default=0) <= bad


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: log(x) + y,  # no value, so no slope, at -1
        lambda x, y: x**y,  # 1 at nan**0
        lambda x, y: where(step(x), x, y) * x,
        lambda x, y: maximum(x, y) + x,
        lambda x, y: (x / x) * y + sqrt(x),
        lambda x, y: tanh(exp(x)) + y,  # what is saturated stays dead beside a nan
    ],
)
def test_where_nan_does_not_spread_by_itself_the_engine_is_asked(
    f: Any, by_numpy: None
) -> None:
    x, y, w = Value(0.5), Value(0.25), Value(2.0)
    numbers = [NAN, -1.0, 0.0, 1.0, 2.0, INF]
    X = np.array([[a, b] for a in numbers for b in numbers] * 3)
    agree(([f(w * x, y)], [x, y], [w]), X)


def test_what_is_not_selected_gets_nothing_from_a_nan(by_numpy: None) -> None:
    gate = Op(
        "gate",
        "gate",
        "x * y",
        (lambda z, x, y: 0.0, lambda z, x, y: x),
        selects=True,
    )
    try:
        x, y, w = Value(1.0), Value(2.0), Value(3.0)
        agree(
            ([gate(x, w) * y], [x, y], [w]), np.array([[0.0, NAN], [0.0, 1.0]] * 10)
        )
    finally:
        del OPS["gate"]


def test_which_ops_keep_nan() -> None:
    kept = set[str]()
    for op in OPS.values():
        if keeps_nan(op.form(*[True] * len(op.operands))):
            kept.add(op.name)
            for which in product([True, False], repeat=len(op.operands)):
                numbers = [NAN if is_nan else 0.5 for is_nan in which]
                assert math.isnan(op.evaluate(*numbers)) == any(which), op
    assert {"add", "mul", "tanh", "relu", "sigmoid", "exp", "sin", "neg"} <= kept
    assert not kept & {"log", "sqrt", "pow", "where", "maximum"}


def test_the_rows_of_all_parts_are_looked_at_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called, run = list[list[int]](), Columnwise.run
    monkeypatch.setattr(
        Columnwise,
        "run",
        lambda self, at, *rest: called.append([*at]) or run(self, at, *rest),
    )
    monkeypatch.setattr(Program, "by_row", lambda *_: False)
    graph, X = many(INF)
    program = compile(*graph)
    program.block = 8
    found = program.vjp(X, np.ones((100, 4)))
    assert called == [[*range(0, 100, 4)]]
    for a, b in zip(found, eager(graph, X, np.ones((100, 4)))[1:], strict=True):
        assert close(a, b)


def test_a_gradient_that_is_infinite_is_the_lines_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only of a nan may the ledger know more."""
    monkeypatch.setattr(Program, "by_row", lambda *_: True)
    monkeypatch.setattr(Rowwise, "by_engine", refused)
    x = Value(1.0)
    gradient, by_inputs = compile(x * x * 1e300, [x]).vjp([[1e10], [1.0]])
    assert (gradient.size, by_inputs.tolist()) == (0, [[INF], [2e300]])


def test_which_inputs_an_output_reads() -> None:
    x, w = [Value(1.0) for _ in range(3)], Value(2.0)
    rowwise = Rowwise([x[0] * w, x[1] + x[0], Value(1.0), x[2], w], x, [w])
    assert rowwise.reads.tolist() == [
        [1, 1, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 0, 1, 0],
    ]
    assert Rowwise([w], [], [w]).reads.shape == (0, 1)


def test_results_do_not_depend_on_the_rows_beside(by_numpy: None) -> None:
    graph, X = many()
    program = compile(*graph)
    whole, again = (
        program.vjp(X)[1],
        [program.vjp(X[i : i + 10])[1] for i in range(0, 100, 10)],
    )
    assert close(np.concatenate(again), whole)
    relus = relu(graph[1][0] * NAN)
    assert np.isnan(compile(relus, graph[1])(X)).all()
