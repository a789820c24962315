"""compile: the same numbers as eager, for any graph, row by row."""

import gc
import math
import pickle
import random
import re
import sys
import threading
from collections.abc import Callable, Sequence
from itertools import chain, product
from pathlib import Path
from types import SimpleNamespace
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
    cos,
    exp,
    grad,
    log,
    maximum,
    reciprocal,
    relu,
    sigmoid,
    sin,
    sqrt,
    step,
    tanh,
    toposort,
    where,
    zero_grad,
)
from autograd.compiler import layout
from autograd.compiler.arrays import Call, Monomial, Ref, expression, factors
from autograd.compiler.bound import Pool
from autograd.compiler.emitting import Emitter
from autograd.compiler.layout import Layout
from autograd.compiler.lowering import UNIFORM, VARYING, Node
from autograd.compiler.rowwise import Rowwise
from autograd.terms import parse
from nn import MLP, hinge, softmax
from tests.interrupts import interrupted_everywhere

program_module = sys.modules["autograd.compiler.program"]
Array = NDArray[np.float64]
Graph = tuple[list[Value], list[Value], list[Value]]  # outputs, inputs, parameters
SIZES = [1, 2, 3, 7, 8, 9, 127, 128, 129, 257]


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


def leaves(name: str, n: int, rng: random.Random) -> list[Value]:
    return [Value(rng.uniform(-1, 1), f"{name}{i}") for i in range(n)]


def dot(a: Sequence[Any], b: Sequence[Any]) -> Value:
    return sum((x * y for x, y in zip(a, b, strict=True)), start=Value(0.0))


# Graphs to try
def irregular(size: int, seed: int, inputs: int = 3, parameters: int = 4) -> Graph:
    """A graph of bounded numbers without any structure; many nodes have a way to the output."""
    rng = random.Random(seed)
    xs, ws = leaves("x", inputs, rng), leaves("w", parameters, rng)
    nodes = [*xs, *ws]
    makers = [
        lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x - y, lambda x, y: x * y + x,
        lambda x, y: tanh(x), lambda x, y: sin(x), lambda x, y: -x, lambda x, y: relu(x),
        lambda x, y: log(x * x + 1.0), lambda x, y: exp(cos(x)), lambda x, y: x / (y * y + 1.0),
        lambda x, y: 1 / (x * x + 2.0), lambda x, y: where(step(x), y, x), lambda x, y: x * 0.5 + 1.0,
        lambda x, y: maximum(x, y), lambda x, y: sigmoid(x), lambda x, y: (x * x + 1) ** 1.5,
        lambda x, y: x * y + 2 * x + y * y + 0.5, lambda x, y: x * x,
    ]  # fmt: skip
    for _ in range(size):
        made = rng.choice(makers)(rng.choice(nodes), rng.choice(nodes))
        nodes.append(tanh(made) if abs(made.data) > 3 else made)
    total = sum(
        v * round(rng.uniform(-1, 1), 2)
        for v in rng.sample(nodes, len(nodes) // 3 + 1)
    )
    return [nodes[-1] + total], xs, ws


def perceptron(seed: int, activation: Any = "tanh") -> Graph:
    random.seed(seed)
    model, x = (
        MLP(3, [5, 4, 2], activation=activation),
        [Value(0.1 * i, f"x{i}") for i in range(3)],
    )
    y = model(x)
    return [y[0] * y[0] + exp(-y[1])], x, model.parameters()


def two_outputs(seed: int) -> Graph:
    random.seed(seed)
    model, x = MLP(2, [4, 3], activation="sigmoid"), [Value(0.3), Value(0.4)]
    return (
        [*model(x), x[0], Value(2.0), model.parameters()[0]],
        x,
        model.parameters(),
    )


def shared_layer(seed: int) -> Graph:
    """The same weights at four positions of a row, a bias as the last parameter."""
    rng = random.Random(seed)
    w, b, x = (
        [leaves("w", 3, rng) for _ in range(5)],
        leaves("b", 5, rng),
        leaves("x", 12, rng),
    )
    hidden = [
        [tanh(dot(row, x[i : i + 3]) + c) for row, c in zip(w, b, strict=True)]
        for i in (0, 3, 6, 9)
    ]
    return [sum(v * v for h in hidden for v in h)], x, [*chain(*w), *b]


def interleaved(seed: int) -> Graph:
    """A layer at four positions whose inputs lie apart; the weights' bias lies behind them."""
    rng = random.Random(seed)
    w, x = [leaves("w", 4, rng) for _ in range(5)], leaves("x", 12, rng)
    h = [sin(v) for v in x]
    hidden = [tanh(dot(row[:3], h[i::4]) + row[3]) for i in range(4) for row in w]
    return [sum(v * v for v in hidden)], x, [*chain(*w)]


def convolution(seed: int) -> Graph:
    """Windows that overlap: affine, but no slot stands alone."""
    rng = random.Random(seed)
    w, x = leaves("w", 3, rng), leaves("x", 9, rng)
    first = [relu(dot(w, x[i : i + 3]) + 0.1) for i in range(7)]
    return [dot(first[::2], first[1::2] + first[:1])], x, w


def residual(seed: int) -> Graph:
    rng = random.Random(seed)
    h = x = leaves("x", 4, rng)
    ws: list[Value] = []
    for layer in range(3):
        w = [leaves(f"w{layer}_", 5, rng) for _ in range(4)]
        h = [
            v + tanh(row[0] + dot(row[1:], h)) for v, row in zip(h, w, strict=True)
        ]
        ws += chain(*w)
    return [sum(v * v for v in h)], x, ws


def recurrent(seed: int) -> Graph:
    rng = random.Random(seed)
    w, u, b = (
        [leaves("w", 2, rng) for _ in range(3)],
        [leaves("u", 3, rng) for _ in range(3)],
        leaves("b", 3, rng),
    )
    x, h = leaves("x", 8, rng), [Value(0.0)] * 3
    for t in range(0, 8, 2):
        h = [tanh(dot(w[i], x[t : t + 2]) + dot(u[i], h) + b[i]) for i in range(3)]
    return [dot(h, h)], x, [*chain(*w), *chain(*u), *b]


def attention(seed: int) -> Graph:
    """Causal: position i looks at the positions up to i."""
    rng = random.Random(seed)
    x = leaves("x", 12, rng)
    rows = [x[i : i + 3] for i in range(0, 12, 3)]
    maps = [[leaves(name, 3, rng) for _ in range(3)] for name in "qkv"]
    q, k, v = ([[dot(w, row) for w in m] for row in rows] for m in maps)
    out: list[Value] = []
    for i in range(4):
        shares = softmax([dot(q[i], k[j]) / 3**0.5 for j in range(i + 1)])
        out += [dot(shares, [v[j][d] for j in range(i + 1)]) for d in range(3)]
    return [sum(o * o for o in out)], x, [p for m in maps for w in m for p in w]


def penalised(seed: int) -> Graph:
    """A loss with a penalty on the weights, once as a term of its own and once product by product."""
    (y,), x, ws = perceptron(seed)
    return (
        [sum((w * w for w in ws), start=y + 0.01 * sum(w * w for w in ws))],
        x,
        ws,
    )


def unrolled(seed: int) -> Graph:
    """Samples in a Python loop, as micrograd's moons demo; two of them are equal."""
    random.seed(seed)
    model, rng = MLP(2, [4, 4, 1]), random.Random(seed)
    points = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(6)]
    scores = [model([Value(a) for a in point]) for point in [*points, points[0]]]
    data = hinge(scores, [1, -1, 1, 1, -1, -1, 1])
    return (
        [data + 1e-4 * sum(p * p for p in model.parameters())],
        [],
        model.parameters(),
    )


def twice(seed: int) -> Graph:
    """The same numbers computed twice, and a sum that comes back to itself."""
    random.seed(seed)
    model, x = (
        MLP(2, [3, 2], activation="sigmoid"),
        leaves("x", 2, random.Random(seed)),
    )
    a, b = model(x), model(x)
    total = a[0] + b[0] + a[0] + 2 * x[0] + x[0] + 3.0
    return (
        [total * b[1] + total, a[1] + a[1] + a[1] + a[1] + a[1]],
        x,
        model.parameters(),
    )


def transposed(seed: int) -> Graph:
    """A matrix times another and times its transpose, whose gradients lie across."""
    rng = random.Random(seed)
    a, b = ([leaves(name, 4, rng) for _ in range(3)] for name in "ab")
    products = [[dot(row, other) for other in b] for row in a]
    again = [
        [
            dot([products[i][k] for i in range(3)], [row[j] for row in a])
            for j in range(4)
        ]
        for k in range(3)
    ]
    return (
        [sum(tanh(v) * v for row in again for v in row)],
        [],
        [*chain(*a), *chain(*b)],
    )


def ensemble(seed: int) -> Graph:
    """Two nets of one shape side by side: products of a batch of matrices."""
    random.seed(seed)
    models, x = (
        [MLP(3, [5, 2], activation="tanh") for _ in range(2)],
        leaves("x", 3, random.Random(seed)),
    )
    outputs = [v for model in models for v in model(x)]
    return (
        [sum(v * v for v in outputs)],
        x,
        [p for model in models for p in model.parameters()],
    )


def second_order(seed: int) -> Graph:
    (y,), x, ws = perceptron(seed)
    return [*grad(y, x), sum(g * g for g in grad(y, ws[:6]))], x, ws


def ones_and_weights(seed: int) -> Graph:
    """Weights as an array times themselves, sums of single terms, reversed and repeated reads."""
    rng = random.Random(seed)
    x, w = leaves("x", 6, rng), leaves("w", 6, rng)
    y = (
        sum(x)
        + sum(w)
        + dot(w, w[::-1])
        + dot(x, x[::-1])
        + dot([x[i] for i in (0, 0, 3, 1)], w[1:5])
    )
    return [y * y - sum(exp(v) for v in x) * sum(w[:4]), sum(x[:5])], x, w


GRAPHS: list[Callable[[int], Graph]] = [
    perceptron, lambda seed: perceptron(seed, "relu"), two_outputs, shared_layer, interleaved, convolution,
    residual, recurrent, attention, penalised, unrolled, second_order, ones_and_weights, twice, transposed,
    ensemble,
]  # fmt: skip


# What eager says
def eager(graph: Graph, X: Array, seeds: Array) -> tuple[Array, Array, Array]:
    """Outputs, the parameters' gradient and the inputs' gradients, by the engine, row by row."""
    outputs, inputs, parameters = graph
    found, gradient, by_inputs = (
        np.zeros((len(X), len(outputs))),
        np.zeros(len(parameters)),
        np.zeros(X.shape),
    )
    before = [v.data for v in inputs]
    for i, row in enumerate(X.tolist()):
        for v, x in zip(inputs, row, strict=True):
            v.data = x
        zero_grad(*inputs, *parameters)
        found[i] = [y.forward().data for y in outputs]
        for y, seed in zip(outputs, seeds[i].tolist(), strict=True):
            y.backward(seed)
        gradient += [p.grad for p in parameters]
        by_inputs[i] = [x.grad for x in inputs]
    for v, x in zip(inputs, before, strict=True):
        v.data = x
    for y in outputs:
        y.forward()
    return found, gradient, by_inputs


def close(found: Array, wanted: Array, rtol: float = 1e-12) -> bool:
    """Equal to within rounding of the largest entry; inf and nan at the same places."""
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = float(finite.max()) if finite.size else 0.0
    return found.shape == wanted.shape and np.allclose(
        found, wanted, rtol, rtol * scale, equal_nan=True
    )


def agrees(
    graph: Graph, X: Array, rng: np.random.Generator, rtol: float = 1e-12
) -> None:
    """The program computes what the engine computes."""
    outputs, inputs, parameters = graph
    seeds = rng.normal(size=(len(X), len(outputs)))
    program = compile(outputs, inputs, parameters)
    found, gradient, by_inputs = eager(graph, X, seeds)
    program.vjp(X[::-1], 3.0)  # what it leaves behind must not matter
    assert close(program(X), found, rtol)
    got, got_by_inputs = program.vjp(X, seeds)
    assert close(got, gradient, rtol)
    assert close(got_by_inputs, by_inputs, rtol)
    if len(outputs) == 1:
        value, mean = program.value_and_grad(X, weights=seeds[:, 0])
        with np.errstate(all="ignore"):
            assert close(np.array(value), np.array((found * seeds).sum()), 1e-10)
        assert close(mean, gradient, rtol)


# Same numbers
@pytest.mark.parametrize("seed", range(60))
def test_irregular_graphs(seed: int, back_end: str) -> None:
    rng = np.random.default_rng(seed)
    graph = irregular(
        int(rng.integers(0, 120)),
        seed,
        int(rng.integers(1, 4)),
        int(rng.integers(1, 6)),
    )
    agrees(graph, rng.normal(size=(int(rng.integers(1, 5)), len(graph[1]))), rng)


@pytest.mark.parametrize("make", GRAPHS)
@pytest.mark.parametrize("seed", range(3))
def test_structured_graphs(
    make: Callable[[int], Graph], seed: int, back_end: str
) -> None:
    graph, rng = make(seed), np.random.default_rng(seed)
    for n in (1, 3, 4) if graph[1] else (1,):
        agrees(graph, rng.normal(size=(n, len(graph[1]))), rng)


@pytest.mark.parametrize("make", GRAPHS[:10])
def test_rows_unrolled_are_rows_compiled(
    make: Callable[[int], Graph], by_numpy: None
) -> None:
    """One program over three rows, and one without inputs for the sum of the three rows' graphs."""
    (y, *_), x, ws = make(0)
    X = np.random.default_rng(0).normal(size=(3, len(x)))
    value, gradient = compile(y, x, ws).value_and_grad(X, weights=np.ones(3))
    tape = dict(zip(x, range(len(x)), strict=True))
    rows = [
        replayed(y, {v: Value(X[i, k]) for v, k in tape.items()}) for i in range(3)
    ]
    again, same = compile(sum(rows[1:], start=rows[0]), [], ws).value_and_grad()
    assert close(np.array(value), np.array(again))
    assert close(gradient, same)


def replayed(y: Value, leaves: dict[Value, Value]) -> Value:
    """The graph again over other leaves."""
    again: dict[Value, Value] = {}
    for v in toposort(y):
        args = [again[x] if isinstance(x, Value) else x for x in v.args]
        again[v] = v.op(*args) if v.op else leaves.get(v, v)
    return again[y]


def test_the_straight_line_is_the_engine_bit_for_bit() -> None:
    graph = irregular(300, 5)
    X = np.random.default_rng(5).normal(size=(5, 3))
    program, (found, gradient, by_inputs) = (
        compile(*graph),
        eager(graph, X, np.ones((5, 1))),
    )
    assert program.by_row(5)
    assert np.array_equal(program(X), found)
    got, got_by_inputs = program.vjp(X)
    assert np.array_equal(got, gradient)
    assert np.array_equal(got_by_inputs, by_inputs)


EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -2.0, 5e-324, 1e-200, 1e200, -1e200, 709.0, 800.0, -800.0,
         math.inf, -math.inf, math.nan]  # fmt: skip


@pytest.mark.parametrize("name", list(OPS))
def test_every_op_at_every_edge(name: str, back_end: str) -> None:
    op = OPS[name]
    n = len(op.operands)
    xs = [Value(1.5, x) for x in op.operands]
    grids = np.meshgrid(*[EDGES if n < 3 else EDGES[::2]] * n)
    X = np.stack([grid.ravel() for grid in grids], axis=1)
    agrees(
        ([op(*xs)], xs, []),
        X,
        np.random.default_rng(0),
        1e-9 if name == "power" else 1e-12,
    )


@pytest.mark.parametrize("name", list(OPS))
def test_every_op_between_others_and_with_constants(
    name: str, back_end: str
) -> None:
    op = OPS[name]
    n = len(op.operands)
    x, w = [Value(0.3), Value(1.2)], [Value(0.7), Value(0.4)]
    outs = [sin(op(*([a * b + 0.5, b, a][:n]))) for a, b in zip(x, w, strict=True)]
    if n > 1:
        outs += [op(2.0, *x[: n - 1]), op(*x[: n - 1], 3.0), op(w[0], *x[: n - 1])]
    agrees(
        ([sum(outs)], x, w),
        np.random.default_rng(1).normal(size=(5, 2)),
        np.random.default_rng(2),
    )


EXTREMES = (0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -2.0)
CONSTANTS = (0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 3.0, math.inf)


def bits(numbers: Array) -> Array:
    """Numbers and the signs of zeros, as they can be compared; any nan is any other."""
    return np.where(numbers == 0, np.copysign(5e-324, numbers), numbers)


def same_at_extremes(y: Value, xs: list[Value]) -> None:
    """Whether values and gradients are the engine's, to the sign of a zero, for few rows or many."""
    program, points = compile(y, xs), np.array([*product(EXTREMES, repeat=len(xs))])
    values, _, slopes = eager(([y], xs, []), points, np.ones((len(points), 1)))
    for rows in (1, 5, 8, 20):
        for start in range(0, len(points), rows):
            at = np.arange(start, start + rows) % len(points)
            found = program(points[at])[:, None], program.vjp(points[at])[1]
            for ours, wanted in zip(found, (values[at], slopes[at]), strict=True):
                np.testing.assert_allclose(
                    bits(ours),
                    bits(wanted),
                    rtol=1e-14,
                    atol=0,
                    err_msg=f"{points[at]}",
                )


@pytest.mark.parametrize("name", list(OPS))
def test_every_op_at_zeros_infinities_and_nan(name: str, back_end: str) -> None:
    xs = [Value(1.0, x) for x in OPS[name].operands]
    same_at_extremes(OPS[name](*xs), xs)


@pytest.mark.parametrize(
    "name", [name for name, op in OPS.items() if len(op.operands) == 2]
)
def test_every_op_with_a_constant_at_zeros_infinities_and_nan(
    name: str, by_numpy: None
) -> None:
    x = Value(1.0, "x")
    for constant in CONSTANTS:
        same_at_extremes(OPS[name](x, constant), [x])
        same_at_extremes(OPS[name](constant, x), [x])


@pytest.mark.parametrize(
    "x",
    [-1e4, -800.0, -745.0, -300.0, -30.0, 0.0, 30.0, 800.0, math.inf, -math.inf],
)
def test_the_sigmoid_of_four_primitives_saturates(x: float, back_end: str) -> None:
    v, w = Value(0.1, "x"), Value(1.0, "w")
    y = reciprocal(1 + exp(-(w * v)))
    agrees(([y], [v], [w]), np.array([[0.5], [x], [1.0]]), np.random.default_rng(0))


def test_an_op_registered_at_run_time() -> None:
    atan = Op("atan_here", "atan", "atan(x)", (lambda z, x: reciprocal(1 + x * x),))
    erf = Op(
        "erf_here",
        "erf",
        "erf(x)",
        (lambda z, x: 2 / math.sqrt(math.pi) * exp(-x * x),),
    )
    try:
        x, w = [Value(0.3), Value(0.4)], Value(2.0)
        graph = [atan(w * x[0]) + erf(x[1]) * erf(w)], x, [w]
        for rows in (1, 9, 300):
            agrees(
                graph,
                np.random.default_rng(0).normal(size=(rows, 2)),
                np.random.default_rng(1),
            )
    finally:
        del OPS["atan_here"], OPS["erf_here"]


def test_a_word_that_numpy_does_not_know(by_numpy: None) -> None:
    erf = Op(
        "erf_too",
        "erf",
        "erf(x)",
        (lambda z, x: 2 / math.sqrt(math.pi) * exp(-x * x),),
    )
    try:
        x = Value(0.3)
        agrees(
            ([erf(x) * 2], [x], []),
            np.array([[0.1], [0.7]]),
            np.random.default_rng(1),
        )
    finally:
        del OPS["erf_too"]


def test_a_formula_that_looks_like_a_sigmoids(by_numpy: None) -> None:
    text = "exp(minimum(x, 0.0)) / (1 + exp(-fabs(y)))"
    like = Op(
        "like_it", "like it", text, (lambda z, x, y: 0.0, lambda z, x, y: 0.0)
    )
    try:
        x, w = [Value(0.3), Value(-0.4)], Value(-2.0)
        graph = [like(x[0], x[1]) + sin(like(x[1], w))], x, [w]
        agrees(
            graph,
            np.random.default_rng(0).normal(size=(30, 2)),
            np.random.default_rng(1),
        )
    finally:
        del OPS["like_it"]


def test_a_formula_that_decides_runs_row_by_row() -> None:
    leaky = Op(
        "leaky",
        "leaky",
        "x if x > 0 else 0.1 * x",
        (lambda z, x: where(step(x), 1.0, 0.1),),
    )
    try:
        x, w = [Value(0.3), Value(-0.4)], [Value(2.0), Value(1.0)]
        graph = [sum(leaky(a * b) for a, b in zip(x, w, strict=True))], x, w
        agrees(
            graph,
            np.random.default_rng(0).normal(size=(300, 2)),
            np.random.default_rng(1),
        )
    finally:
        del OPS["leaky"]


def test_a_long_chain_is_left_to_the_engine() -> None:
    x = y = Value(0.5)
    for _ in range(30_000):
        y = sin(y) + 0.1
    program = compile(y, [x])
    assert program([[0.5]]).tolist() == [y.data]
    assert program.vjp([[0.5]])[1][0, 0] == grad(y, x).data
    assert not program.codes


# Tables and blocks
@pytest.mark.parametrize("rows", SIZES)
def test_batch_sizes(rows: int, back_end: str) -> None:
    rng = np.random.default_rng(rows)
    agrees(perceptron(0), rng.normal(size=(rows, 3)), rng)


def test_no_rows(back_end: str) -> None:
    (y,), x, ws = perceptron(0)
    for program in (compile(y, x, ws), compile([y], x, ws)):
        X = np.zeros((0, 3))
        assert program(X).shape == ((0, 1) if program.many else (0,))
        value, gradient = program.value_and_grad(X)
        assert math.isnan(value)
        assert not gradient.any()
        gradient, by_inputs = program.vjp(X)
        assert (gradient.shape, by_inputs.shape) == ((len(ws),), (0, 3))


def test_blocks_add_up(by_numpy: None) -> None:
    graph, rng = perceptron(1), np.random.default_rng(0)
    (y,), x, ws = graph
    program, X = compile(y, x, ws), rng.normal(size=(1025, 3))
    whole = program.value_and_grad(X)[1], *program.vjp(X), program(X)
    program.block = 128
    for a, b in zip(
        whole,
        (program.value_and_grad(X)[1], *program.vjp(X), program(X)),
        strict=True,
    ):
        assert close(a, b, 1e-13)


def test_blocks_that_are_not_finite_add_up_too(by_numpy: None) -> None:
    x, w = Value(1.0), Value(2.0)
    program = compile(w * x, [x], [w])
    program.block = 128
    X = np.ones((300, 1))
    X[0], X[200] = math.inf, -math.inf
    value, gradient = program.value_and_grad(X)
    assert math.isnan(value)
    assert np.isnan(gradient).all()


def test_memory_stays_bounded() -> None:
    (y,), x, ws = perceptron(1)
    program, sizes = compile(y, x, ws), list[int]()
    program.bounds = Pool(
        lambda n, back: (sizes.append(n), program.bind(n, back))[1]
    )
    program(np.zeros((100_000, 3)))
    assert max(sizes) <= program.block
    assert len(sizes) == 2  # whole blocks, and the rest
    program = compile(y, x, ws)
    for n in range(200, 230):
        program(np.zeros((n, 3)))
    assert [kind[0] for kind in program.bounds.free] == [*range(222, 230)]


@pytest.mark.parametrize("rows", [3, 300])
def test_any_layout_and_never_written_to(rows: int, by_numpy: None) -> None:
    (y,), x, ws = perceptron(2)
    program, X = compile(y, x, ws), np.random.default_rng(0).normal(size=(rows, 3))
    wanted = program(X), *program.vjp(X)
    X.flags.writeable = False
    other = [
        np.asfortranarray(X),
        np.repeat(X, 2, axis=0)[::2],
        X[::-1][::-1],
        X.tolist(),
        np.c_[X, X][:, :3],
    ]
    theta = program.theta
    theta.flags.writeable = False
    for table in (X, *other):
        for a, b in zip(
            wanted,
            (program(table, theta), *program.vjp(table, 1.0, theta)),
            strict=True,
        ):
            assert np.array_equal(a, b)
    assert np.array_equal(
        program(X.astype(np.float32)), program(X.astype(np.float32).astype(float))
    )
    assert np.array_equal(
        program(np.ones((2, 3), dtype=np.int8)), program(np.ones((2, 3)))
    )


def test_results_are_the_callers_own(back_end: str) -> None:
    (y,), x, ws = perceptron(2)
    program, X = compile(y, x, ws), np.random.default_rng(0).normal(size=(4, 3))
    out, (value, gradient) = program(X), program.value_and_grad(X)
    before = out.copy(), gradient.copy()
    out *= 0
    gradient *= 0
    assert np.array_equal(program(X), before[0])
    assert program.value_and_grad(X)[0] == value
    assert np.array_equal(program.value_and_grad(X)[1], before[1])


def test_rows_that_are_not_finite_are_computed_with_care(by_numpy: None) -> None:
    (y,), x, ws = perceptron(0, "sigmoid")
    graph = [log(y) + sqrt(x[0]) / x[1]], x, ws
    X = np.random.default_rng(0).normal(size=(40, 3))
    X[::2] = np.abs(X[::2])
    X[3], X[5, 1], X[7] = math.nan, 0.0, [math.inf, 1.0, 2.0]
    agrees(graph, X, np.random.default_rng(1))
    program, counts = compile(*graph), list[int]()
    careful = program.rowwise.careful
    program.rowwise.careful = lambda at, *rest: (
        counts.append(len(at)),
        careful(at, *rest),
    )[1]
    program.vjp(X)
    assert counts == [
        int((~np.isfinite(eager(graph, X, np.ones((40, 1)))[0])).sum())
    ]


# What it takes
def test_theta_in_and_out() -> None:
    x, w, b = Value(1.0, "x"), Value(2.0, "w"), Value(0.5, "b")
    program = compile(w * x + b, [x], [b, w])
    assert program.theta.tolist() == [0.5, 2.0]
    program.theta = [1.0, 3.0]
    assert (b.data, w.data) == (1.0, 3.0)
    assert program([[2.0]]).tolist() == [7.0]
    assert program([[2.0]], [0.0, 1.0]).tolist() == [2.0]
    assert program.value_and_grad([[2.0], [4.0]], [0.0, 1.0])[0] == 3.0
    assert (b.data, w.data) == (1.0, 3.0)


def test_leaves_in_neither_list_are_constants() -> None:
    x, w, c = Value(1.0), Value(2.0), Value(3.0)
    program = compile(w * x + c, [x], [w])
    c.data = 100.0
    assert program([[1.0]]).tolist() == [5.0]
    assert program([[math.inf]]).tolist() == [math.inf]
    assert program.value_and_grad([[1.0]])[1].tolist() == [1.0]
    assert compile(w * x + c, [x]).parameters == [w, c]


def test_a_leaf_that_is_not_reached_has_gradient_0(back_end: str) -> None:
    x, w, unused = Value(1.0), Value(2.0), Value(3.0)
    gradient, by_inputs = compile(w * w, [x, unused], [w]).vjp(
        [[1.0, 2.0], [3.0, 4.0]]
    )
    assert (gradient.tolist(), by_inputs.tolist()) == (
        [8.0],
        [[0.0, 0.0], [0.0, 0.0]],
    )
    assert compile(x * 1.0, [x], [unused, w]).value_and_grad([[4.0]])[
        1
    ].tolist() == [0.0, 0.0]


def test_outputs_that_are_leaves_or_constants(back_end: str) -> None:
    x, w = Value(1.0), Value(2.0)
    program = compile([x, w, Value(5.0), w, x * 0 + 3], [x], [w])
    assert program([[7.0], [8.0]]).tolist() == [[7, 2, 5, 2, 3], [8, 2, 5, 2, 3]]
    gradient, by_inputs = program.vjp(
        [[7.0], [8.0]], [[1, 10, 100, 1000, 1], [2, 20, 200, 2000, 2]]
    )
    assert (gradient.tolist(), by_inputs.tolist()) == ([3030.0], [[1.0], [2.0]])
    assert compile(Value(5.0), [], []).value_and_grad()[0] == 5.0
    assert compile(w).value_and_grad()[1].tolist() == [1.0]


def test_weights_and_seeds() -> None:
    x, w = Value(1.0), Value(2.0)
    program = compile(w * x, [x], [w])
    X = [[1.0], [2.0], [4.0]]
    assert program.value_and_grad(X, weights=[1.0, 0.0, 0.5])[0] == 6.0
    assert program.value_and_grad(X, weights=[1.0, 0.0, 0.5])[1].tolist() == [3.0]
    assert program.vjp(X, 2.0)[0].tolist() == [14.0]
    assert program.vjp(X, [1, 0, 1])[1].tolist() == [[2.0], [0.0], [2.0]]
    assert program([1.0, 2.0]).tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    "X",
    [None, [[]], [[1.0]], [1.0, 2.0], [[1.0, 2.0], [3.0]], [[[1.0, 2.0]]], [["1", "2"]], [[1j, 2.0]],
     [[None, 1.0]], np.zeros((2, 3)), np.zeros((0, 3)), 5.0],
)  # fmt: skip
def test_tables_that_do_not_fit(X: Any) -> None:
    a, b = Value(1.0), Value(2.0)
    program = compile(a * b, [a, b])
    for method in (program, program.value_and_grad, program.vjp):
        with pytest.raises(ValueError, match="X"):
            method(X)


def test_theta_weights_and_seeds_that_do_not_fit() -> None:
    x, w = Value(1.0), Value(2.0)
    program, X = compile(x * w, [x], [w]), [[1.0], [2.0]]
    for call in (
        lambda: program(X, [1.0, 2.0]), lambda: program(X, 1.0), lambda: program.vjp(X, [1.0]),
        lambda: program.value_and_grad(X, weights=[1.0, 2.0, 3.0]), lambda: program.vjp(X, "1"),
        lambda: setattr(program, "theta", [[1.0]]), lambda: compile([x, w], [x]).value_and_grad(X),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"theta|seed|outputs"):
            call()
    assert w.data == 2.0


@pytest.mark.parametrize(
    ("inputs", "parameters"),
    [([0, 0], []), ([0], [0]), ([], [1, 1]), ([2], []), ([], [2])],
)
def test_a_leaf_has_one_part(
    inputs: Sequence[int], parameters: Sequence[int]
) -> None:
    values = [Value(1.0), Value(2.0)]
    values.append(values[0] * values[1])
    with pytest.raises(ValueError, match=r"named twice|is computed by"):
        compile(
            values[2], [values[i] for i in inputs], [values[i] for i in parameters]
        )


def test_what_is_no_value() -> None:
    x: Any = Value(1.0)
    for wrong in (
        lambda: compile(3.0),
        lambda: compile([x, 3.0]),
        lambda: compile(x, [1.0]),
    ):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(ValueError, match="an output"):
        compile([])


# Pickles, threads, source
@pytest.mark.parametrize(
    "make",
    [lambda: irregular(40, 1), lambda: perceptron(0), lambda: two_outputs(0)],
)
def test_a_program_pickles(make: Callable[[], Graph]) -> None:
    outputs, inputs, parameters = make()
    program, X = (
        compile(outputs, inputs, parameters),
        np.random.default_rng(0).normal(size=(3, len(inputs))),
    )
    wanted = program(X), *program.vjp(X)
    program.theta = program.theta + 0.0  # the graph is stale now
    again: Program = pickle.loads(pickle.dumps(program))
    for a, b in zip(wanted, (again(X), *again.vjp(X)), strict=True):
        assert close(a, b)
    assert np.array_equal(again.theta, program.theta)


def test_a_pickle_has_the_theta_of_its_time() -> None:
    x, w = Value(1.0), Value(2.0)
    program = compile(w * x, [x], [w])
    program([[math.inf]])
    program.theta = [5.0]
    assert pickle.loads(pickle.dumps(program))([[2.0]]).tolist() == [10.0]


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_partitions_of_a_table_under_dask(scheduler: str) -> None:
    """The parts of a table larger than one block: their gradients add up to the whole's."""
    dask: Any = pytest.importorskip("dask")
    (y,), x, ws = perceptron(1)
    program, X = (
        compile(y, x, ws),
        np.random.default_rng(0).normal(size=(20_000, 3)),
    )
    assert len(X) > program.block
    wanted, by_inputs = program.vjp(X)
    parts = [dask.delayed(program.vjp)(part) for part in np.array_split(X, 5)]
    found = dask.compute(*parts, scheduler=scheduler, num_workers=2)
    assert close(np.sum([gradient for gradient, _ in found], axis=0), wanted)
    assert close(np.concatenate([back for _, back in found]), by_inputs)


def test_threads_share_a_program(by_numpy: None) -> None:
    (y,), x, ws = perceptron(2)
    program, X = compile(y, x, ws), np.random.default_rng(0).normal(size=(200, 3))
    wanted, found = program(X), list[Array]()
    threads = [
        threading.Thread(target=lambda: found.append(program(X))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(np.array_equal(wanted, out) for out in found)


def test_a_perceptron_reads_as_matrix_products() -> None:
    random.seed(0)
    model, x = (
        MLP(2, [64, 32, 16, 1], activation="sigmoid", output="sigmoid"),
        [Value(0.1, "x1"), Value(0.2, "x2")],
    )
    code = compile((model(x) - 1) ** 2, x, model.parameters()).code()
    assert code
    source = "\n".join(code.source())
    for i in range(1, 5):
        assert source.count(f"dot(W{i}, ") == 1
        assert source.count(f"out=dW{i})") == 1
    assert "# W2 = theta[192:2272].reshape(32, 65)" in source
    assert source.count("dot(") == 11


def test_outputs_that_are_constants_have_no_line(by_numpy: None) -> None:
    x, w = Value(1.0, "x"), Value(2.0, "w")
    code = compile([Value(5.0), w * x], [x], [w]).code()
    assert code
    lines = [*code.source()]
    assert lines[:2] == ["# x1 = X[:, [0]].T", "# W1 = theta[0]"]
    assert lines[-1].endswith("out=dW1)")
    assert sum("=" in line and "#" not in line for line in lines) == 3


def test_a_small_graph_reads_as_a_line_a_node() -> None:
    x, w = Value(1.0, "x"), Value(2.0, "w")
    assert "v2 = w * x" in compile(exp(w * x), [x], [w]).rowwise.source


@pytest.mark.parametrize(
    "name",
    [
        "exp",
        "dot",
        "lambda",
        "d_x",
        "dx",
        "forward",
        "backward",
        "values",
        "t1",
        "θ",
        "x 1",
        "seeds",
        "one",
        "W1",
        "log2",
    ],
)
def test_any_name_will_do(name: str, back_end: str) -> None:
    x, w, other = (
        [Value(0.1 * i, name) for i in range(4)],
        [Value(0.2 * i + 0.1, name) for i in range(4)],
        Value(0.7, "x"),
    )
    y = exp(dot(x, w) * other) + log(1 + exp(x[0]))
    y.name = name
    agrees(
        ([y, log(y + 2.0)], [*x, other], w),
        np.random.default_rng(0).normal(size=(3, 5)),
        np.random.default_rng(1),
    )


def test_an_unrolled_loop_is_a_few_calls() -> None:
    outputs, inputs, parameters = unrolled(0)
    lines = compile(outputs, inputs, parameters).code().lines
    assert len(lines) <= 40
    assert not any("take" in line or "einsum" in line for line in lines)


def test_the_graph_stays_as_it_was() -> None:
    (y,), x, ws = perceptron(0)
    y.backward()
    before = y.data, [w.grad for w in ws]
    program = compile(y, x, ws)
    program.vjp(np.full((3, 3), math.nan))
    assert (y.data, [w.grad for w in ws]) == before
    y.backward()


# ----------------------------------------------------------------------------------------- what broke it once
def test_a_block_that_goes_wholly_to_the_engine_is_one_of_several() -> None:
    x, w = Value(0.3), Value(0.5)
    program = compile(tanh(w * x), [x], [w])
    table = np.ones((2 * program.block + 1, 1))
    table[: program.block] = np.nan
    assert np.isnan(program(table)).sum() == program.block
    value, gradient = program.value_and_grad(table)
    assert np.isnan(value) and np.isnan(gradient).all()


def test_a_long_sum_behind_one_product() -> None:
    x, ws = Value(1.0), [Value(-1.0) for _ in range(600)]
    y = ws[0] * x
    for w in ws:
        y = y + abs(w)
    value, gradient = compile(y, [x], ws).value_and_grad([[1.0], [3.0]])
    assert (value, gradient[0], gradient[1]) == (598.0, 1.0, -1.0)


def test_names_that_are_anothers_adjoint() -> None:
    a, b, c, u = Value(1.0, "d"), Value(2.0, "d"), Value(3.0, "d"), Value(4.0, "_")
    by_row = compile(a * b * c * u, [a, b, c, u]).vjp([[1.0, 2.0, 3.0, 4.0]])[1]
    assert by_row.tolist() == [[24.0, 12.0, 8.0, 6.0]]


@pytest.mark.parametrize(
    "formula",
    [
        "remainder(x, 3.0)",
        "log(x, 2.0)",
        "x if x > 6 else -x",
        "+x // 2",
        "x % 3",
        "comb(5, 2) * x",
        "gcd(8, 6) * x",
    ],
)
def test_formulas_mean_what_they_mean_in_python(formula: str) -> None:
    made = Op("made", "made", formula, (lambda z, x: 1.0,))
    try:
        x = Value(5.0)
        for n in (1, 5, 500):
            assert (
                compile(made(x), [x])([[5.0]] * n).tolist()
                == [made.evaluate(5.0)] * n
            )
    finally:
        del OPS["made"]


def test_a_partial_that_asks_for_data_is_refused() -> None:
    made = Op("made", "made", "fabs(x)", (lambda z, x: 1.0 if x > 0 else -1.0,))
    try:
        with pytest.raises(TypeError, match="asks for data"):
            compile(made(x := Value(5.0)), [x]).vjp([[-5.0]] * 300)
    finally:
        del OPS["made"]


def test_zeros_of_both_signs_are_two_constants() -> None:
    made = Op("made", "made", "copysign(1.0, x)", (lambda z, x: 0.0,))
    try:
        x = Value(1.0)
        for n in (1, 1000):
            assert compile([made(x * 0.0), made(x * -0.0)], [x])([[1.0]] * n)[
                0
            ].tolist() == [1.0, -1.0]
    finally:
        del OPS["made"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda x, w: compile(x * w, x),
            r"inputs is a list.*, not Value; write \[x\]",
        ),
        (
            lambda x, w: compile(x * w, [x], w),
            r"parameters is a list.*, not Value; write \[x\]",
        ),
        (
            lambda x, w: compile(x * w, [[1.0]]),
            r"inputs is a list.*this one has a list; write .*\[x, y\]",
        ),
        (
            lambda x, w: compile(x * w, "x"),
            "inputs is a list.*this one has a str; write",
        ),
        (
            lambda x, w: compile(x * w, [1.0]),
            r"this one has a float; make a leaf .* with Value\(...\)",
        ),
        (
            lambda x, w: compile(lambda v: v * w, [x]),
            "outputs is .*, not function; record a graph first: call",
        ),
        (
            lambda x, w: compile(x * w, [x], MLP(1, [1])),
            r"parameters .*, not MLP; .*write model.parameters\(\)",
        ),
        (
            lambda x, w: compile(x * w, [x], [MLP(1, [1])]),
            r"one has a MLP; .*write model.parameters\(\)",
        ),
        (
            lambda x, w: compile(MLP(1, [1]), [x]),
            r"outputs .*, not MLP; .* model\(\[x\]\)",
        ),
        (
            lambda x, w: compile(None),
            r"outputs is a list.*, not NoneType; write .*\[x, y\]",
        ),
    ],
)
def test_what_is_no_list_of_values(
    call: Callable[[Value, Value], object], words: str
) -> None:
    with pytest.raises(TypeError, match=words):
        call(Value(1.0), Value(2.0))


def test_a_penalty_of_many_weights_compiles_in_linear_time() -> None:
    x, ws = Value(1.0), [Value(0.1) for _ in range(20_000)]
    y = ws[0] * x
    for w in ws:
        y = y + w * w
    assert compile(y, [x], ws).value_and_grad([[1.0]])[0] == pytest.approx(200.1)


def test_a_read_only_table_row_by_row(back_end: str) -> None:
    x, w = Value(1.0), Value(2.0)
    program, X = compile(w * x, [x], [w]), np.array([[1.0], [np.inf]])
    X.flags.writeable = False
    assert program(X).tolist() == [2.0, np.inf]
    assert program.value_and_grad(X)[1].tolist() == [np.inf]


@pytest.mark.parametrize("rate", [-1000.0, 1000.0])
def test_what_saturates_for_all_rows_beside_a_row_that_is_not_finite(
    rate: float, by_numpy: None
) -> None:
    x, w = Value(1.0), [Value(1.0), Value(1.0)]
    y = reciprocal(1 + exp(rate * w[0])) * x + log(x) * w[1]
    agrees(
        ([y], [x], w), np.array([[-1.0], [1.0], [2.0]]), np.random.default_rng(0)
    )


@pytest.mark.parametrize("outside", [exp, tanh, lambda v: exp(-v)])
def test_a_power_of_minus_a_half_at_minus_zero(
    outside: Callable[[Value], Value], by_numpy: None
) -> None:
    x = Value(1.0)
    y = outside(0.5 * x**-0.5)
    agrees(
        ([y], [x], []), np.array([[-0.0], [0.0], [4.0]]), np.random.default_rng(0)
    )


@pytest.mark.parametrize(
    "terms",
    [
        lambda x, w: [w[0] * x[0], Value(1.0), Value(2.0), Value(3.0), Value(4.0)],
        lambda x, w: [x[0], x[1], *[Value(5.0)] * 2, x[1]],
        lambda x, w: [w[0], x[0], w[0] * w[1], *[Value(7.0)] * 5, x[0] * x[1]],
        lambda x, w: [w[0], w[1], w[0] * w[1], *[Value(7.0)] * 5, sin(w[0]), w[1]],
    ],
)
def test_constants_among_the_terms_of_a_sum(
    terms: Callable[..., list[Any]], by_numpy: None
) -> None:
    rng = random.Random(0)
    x, w = leaves("x", 2, rng), leaves("w", 2, rng)
    agrees(
        ([sum(terms(x, w))], x, w),
        np.array([[1.0, -2.0], [3.0, 0.5]]),
        np.random.default_rng(0),
    )


def test_names_for_many_temporaries_are_found_in_linear_time() -> None:
    emitter, shape = compile(Value(1.0) + 1).code(), (1,)
    assert emitter is not None
    names = [emitter.temporary(shape, True).buffer for _ in range(30_000)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("make", GRAPHS)
def test_the_source_says_where_the_weights_are(
    make: Callable[[int], Graph],
) -> None:
    emitter = compile(*make(0)).code()
    assert emitter is not None
    slots = np.arange(len(emitter.layout.theta.slots))
    for ref, name in emitter.names.items():
        places = [key for key, (stem, _) in emitter.weights.items() if stem == name]
        for base, size in places:
            assert np.array_equal(slots[base : base + size], ref.slots.ravel())


@pytest.mark.parametrize(
    "interrupted",
    ["Layout.place", "Layout.readable", "Emitter.call", "Emitter.backward"],
)
def test_a_call_that_was_interrupted_leaves_nothing_behind(
    interrupted: str, by_numpy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    graph, X = attention(0), np.ones((3, 12))
    program, fresh = compile(*graph), compile(*graph)
    owner, name = interrupted.split(".")
    made = {"Layout": Layout, "Emitter": Emitter}[owner]
    original, calls = getattr(made, name), list[int]()
    with monkeypatch.context() as patch:
        patch.setattr(
            made,
            name,
            lambda *a: (
                calls.append(1),
                (interrupt if len(calls) == 3 else original)(*a),
            )[1],
        )
        with pytest.raises(KeyboardInterrupt):
            program.code()
    assert program.code() is not None
    assert program.source == fresh.source
    assert np.array_equal(program(X), fresh(X))


def many_inputs() -> Program:
    xs = [Value(1.0, f"x{i}") for i in range(1500)]
    return compile(dot(xs, xs), xs, [])


def unreadable() -> Program:
    x = Value(1.0, "x")
    made = Op(
        "made",
        "made",
        "x if x > 0 else 0.1 * x",
        (lambda z, x: where(step(x), 1.0, 0.1),),
    )
    del OPS["made"]
    program = compile([made(x), x], [x])
    program([[1.0]] * 1000)
    return program


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: compile(*perceptron(0)),
            "1 output of 3 inputs (x0, x1, x2) and 54 parameters; 156 nodes, by NumPy in 9 groups",
        ),
        (
            lambda: compile(Value(2.0) * 3),
            "1 output of no inputs and 1 parameter; 2 nodes, by NumPy in 1 group",
        ),
        (
            lambda: compile(Value(2.0), [Value(1.0), Value(1.0, "K")], []),
            "1 output of 2 inputs (K) and no parameters; 1 node, by NumPy in no groups",
        ),
        (
            many_inputs,
            "1 output of 1,500 inputs (x0, x1, x2, x3, …) and no parameters; "
            "4,501 nodes, by NumPy in 1 group",
        ),
        (
            unreadable,
            "2 outputs of 1 input (x) and no parameters; 2 nodes, row by row",
        ),
        (
            lambda: compile([x := Value(1.0, "a\x00\nb")], [x]),
            r"1 output of 1 input ('a\x00\nb') and no parameters; 1 node, by NumPy in no groups",
        ),
    ],
)
def test_a_program_says_what_it_is(make: Callable[[], Program], text: str) -> None:
    program = make()
    before = dict(program.codes)
    assert repr(program) == f"<Program: {text}>"
    assert program.codes == before  # nothing is compiled for it
    repr(program).encode()


def test_a_program_of_too_many_groups_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(program_module, "MOST", 7)
    assert repr(compile(*perceptron(0))).endswith("156 nodes, row by row>")


def test_nothing_is_collected_while_compiling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = list[bool]()

    def spied(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **options: (
            seen.append(gc.isenabled()) or function(*args, **options)
        )

    monkeypatch.setattr(program_module, "flatten", spied(program_module.flatten))
    monkeypatch.setattr(Emitter, "__init__", spied(Emitter.__init__))
    x = Value(2.0, "x")
    assert gc.isenabled()
    compile(x * x, [x]).code()
    assert seen == [False, False]
    assert gc.isenabled()


def test_the_collector_is_left_as_it_was() -> None:
    gc.disable()
    try:
        with program_module.no_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
    with pytest.raises(KeyError), program_module.no_collecting():
        raise KeyError
    assert gc.isenabled()


def test_an_interrupt_before_any_line_leaves_the_collector_as_it_was() -> None:
    def work() -> None:
        with program_module.no_collecting():
            pass

    for n in interrupted_everywhere(work):
        assert gc.isenabled(), n
    assert n > 8


FEW, LIMIT = 20, 20_000
WAYS = [  # nodes, groups, lines of NumPy (None: NumPy has not all words; "": nobody asks), rows; by row?
    (27, 2, "", 1, True),
    (28, 2, FEW, 1, True),
    (28, 2, 4, 1, False),
    (28, 2, 5, 1, True),
    (14, 2, 4, 2, False),
    (13, 2, "", 2, True),
    (28, 2, None, 1, True),
    (LIMIT, 1, LIMIT, 1, True),
    (LIMIT + 1, 1, LIMIT, 1, False),
    (LIMIT + 1, LIMIT + 1, "", 10**6, True),
    (LIMIT, LIMIT, FEW, 10**6, False),
]


@pytest.mark.parametrize(("nodes", "groups", "lines", "rows", "wanted"), WAYS)
def test_which_rows_are_computed_one_by_one(
    nodes: int, groups: int, lines: Any, rows: int, wanted: bool
) -> None:
    """A call of NumPy takes as long as seven nodes of straight-line Python; a group is two calls at least."""

    def code(by_inputs: bool) -> Any:
        assert lines != ""
        assert by_inputs is False
        return lines and SimpleNamespace(lines=range(lines))

    order = SimpleNamespace(order=range(nodes))
    program: Any = SimpleNamespace(rowwise=order, groups=range(groups), code=code)
    assert Program.by_row(program, rows) is wanted


@pytest.mark.parametrize(
    ("varying", "rows"),
    [
        (0, 16384),
        (7, 16384),
        (63, 4096),
        (44, 8192),
        (45, 4096),
        (2047, 128),
        (2**18, 128),
        (10**6, 128),
    ],
)
def test_a_block_of_rows_fits_into_the_cache(varying: int, rows: int) -> None:
    """Two megabytes of varying numbers, in a power of two of rows; uniform numbers do not count."""
    program: Any = SimpleNamespace(
        groups=[[Node(VARYING)] * varying, [Node(UNIFORM)] * 1000][varying == 0 :]
    )
    assert Program.block.func(program) == rows  # type: ignore[attr-defined]


def test_a_program_is_emitted_once() -> None:
    x = Value(2.0, "x")
    program = compile(x * x, [x])
    assert program.code() is program.code()
    assert program.code(True) is not program.code()


def test_a_block_of_rows_is_bound_to_the_lines_that_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, asked = Value(2.0, "x"), list[tuple[int, bool]]()
    program = compile(x * x, [x])
    monkeypatch.setattr(program_module, "Bound", lambda code, n: (code, n))
    for by_row in (False, True):
        monkeypatch.setattr(
            Program,
            "by_row",
            lambda _, n, by_inputs, by_row=by_row: (
                asked.append((n, by_inputs)) or by_row
            ),
        )
        wanted = (
            [None, None]
            if by_row
            else [(program.code(False), 3), (program.code(True), 4)]
        )
        assert [program.bind(3, 0), program.bind(4, 1)] == wanted
    assert asked == [(3, False), (4, True)] * 2


def test_finite_rows_are_swept_once_and_by_numpy_alone(
    by_numpy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps = list[int]()
    run = program_module.Bound.run
    monkeypatch.setattr(Rowwise, "run", None)
    monkeypatch.setattr(
        program_module.Bound,
        "run",
        lambda bound, *args: sweeps.append(len(args[1])) or run(bound, *args),
    )
    (y,), x, ws = perceptron(0)
    program, X = compile(y, x, ws), np.ones((300, 3))
    program.block = 128
    program.value_and_grad(X)
    assert list(program.codes) == [
        False
    ]  # nothing by the inputs, for which nobody has asked
    program.vjp(X)
    assert sweeps == [128, 128, 44] * 2


def test_floats_are_not_copied() -> None:
    table, whole = np.ones((2, 3)), np.ones((2, 3), dtype=np.int32)
    assert program_module.floats(table, "X") is table
    assert program_module.floats(whole, "X").dtype == np.float64


@np.errstate(all="ignore")  # as a Program runs it
def test_what_is_finite() -> None:
    huge, none = np.array([1e200, -1e300]), np.zeros((0, 2))
    assert program_module.finite(huge, np.ones((2, 2)))
    assert program_module.finite(none)
    for bad in (np.inf, -np.inf, np.nan):
        assert not program_module.finite(np.array([bad]), huge)
        assert not program_module.finite(np.ones(2), np.array([[1.0, bad]]))


def test_seeds_that_were_half_written_are_written_again(by_numpy: None) -> None:
    (y,), x, ws = perceptron(0)
    program, X = compile(y, x, ws), np.ones((4, 3))
    wanted = program.value_and_grad(X)[1]
    bound = program.bounds.take(4, 0)
    assert bound
    program.bounds.give(bound, 4, 0)
    seeds = bound.arrays["seeds"]

    class Interrupted:
        def __setitem__(self, at: Any, new: Array) -> None:
            seeds[at] = new
            raise KeyboardInterrupt

    bound.arrays["seeds"] = Interrupted()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        program.value_and_grad(X, weights=[5.0] * 4)
    assert np.array_equal(program.value_and_grad(X)[1], wanted)


def test_threads_that_share_a_program_do_not_wait(by_numpy: None) -> None:
    """Each of two calls is in its lines while the other one is."""
    (y,), x, ws = perceptron(0)
    program, X = compile(y, x, ws), np.ones((4, 3))
    wanted, together = program.value_and_grad(X), threading.Barrier(2, timeout=20)

    def bind(n: int, back: int) -> Any:
        bound = program.bind(n, back)
        assert bound
        forward = bound.forward
        bound.forward = lambda: (together.wait(), forward())[1]
        bound.numpy = threading.RLock()
        return bound

    program.bounds, found = Pool(bind), list[Any]()
    threads = [
        threading.Thread(target=lambda: found.append(program.value_and_grad(X)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    for value, gradient in found:
        assert value == wanted[0]
        assert np.array_equal(gradient, wanted[1])


def test_theta_is_read_when_a_leaf_was_assigned() -> None:
    x, w = Value(1.0, "x"), Value(2.0, "w")
    program, reads = compile(w * x, [x], [w]), list[int]()

    class Spy(list[Value]):
        def __iter__(self) -> Any:
            reads.append(1)
            return super().__iter__()

    program.parameters = Spy(program.parameters)
    assert [program([[3.0]])[0] for _ in range(3)] == [6.0] * 3
    assert len(reads) == 1
    w.data = 5.0
    assert program([[3.0]])[0] == 15.0
    assert len(reads) == 2
    theta = program.theta
    theta[0] = 7.0  # a copy
    assert program([[3.0]])[0] == 15.0


def test_lines_are_emitted_under_the_lock() -> None:
    x, held = Value(2.0, "x"), list[str]()
    program = compile(x * x, [x])

    class Lock:
        def __enter__(self) -> None:
            held.append(f"in {len(program.codes)}")

        def __exit__(self, *_: object) -> None:
            held.append(f"out {len(program.codes)}")

    program.lock = Lock()  # type: ignore[assignment]
    program.code()
    assert held == ["in 0", "out 1"]


def test_a_finite_row_is_left_to_the_straight_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Rowwise, "by_engine", None)
    x = Value(2.0, "x")
    assert compile(x * x, [x])([[3.0]]).tolist() == [9.0]


@pytest.mark.parametrize("nodes", [3, 4])
def test_a_long_line_is_not_written(
    nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograd.compiler.rowwise.MOST", 3)
    x = Value(2.0, "x")
    rowwise = Rowwise([x * x + 1.0 if nodes == 3 else x * x * x + 1.0], [x], [])
    assert len(rowwise.order) == nodes
    found = [10.0, 6.0] if nodes == 3 else [28.0, 27.0]
    assert [*chain(*rowwise.gradient([3.0], [], [1.0]))] == found
    assert ("sweep" in vars(rowwise), "twin" in vars(rowwise)) == (
        nodes == 3,
        nodes == 4,
    )


def cost(graph: Graph) -> tuple[int, ...]:
    """Uniform and varying numbers, lines forward and back, matrix products, einsums, copies of numbers."""
    outputs, inputs, parameters = graph
    code = compile(outputs, inputs, parameters).code(True)
    assert code
    words = [re.split(r"[(\[]", line)[0] for line in code.lines]
    slots = code.layout.free["values"], code.layout.free["rows"]
    products = (
        sum(word in ("dot", "matmul") for word in words),
        words.count("einsum"),
    )
    moved = sum(
        "take(" in line or "] = " in line or "] += " in line for line in code.lines
    )
    return *slots, code.turn, len(code.lines) - code.turn, *products, moved


# fmt: off
COSTS = [  # as GRAPHS
    (55, 48, 9, 26, 9, 0, 0), (55, 48, 9, 14, 9, 0, 0), (28, 22, 6, 16, 7, 0, 0),
    (49, 98, 5, 18, 3, 3, 7), (21, 112, 5, 19, 3, 3, 5), (4, 83, 6, 11, 3, 3, 6),
    (61, 64, 10, 42, 9, 3, 0), (97, 95, 21, 64, 17, 0, 20), (55, 433, 51, 148, 10, 8, 14),
    (286, 51, 14, 38, 16, 0, 5), (322, 1, 13, 21, 14, 0, 0), (59, 195, 80, 121, 23, 4, 7),
    (87, 54, 17, 35, 19, 3, 6), (52, 57, 16, 27, 16, 1, 6), (83, 1, 4, 17, 10, 0, 0),
    (113, 55, 6, 18, 6, 3, 5),
]
# fmt: on


@pytest.mark.parametrize(("make", "wanted"), [*zip(GRAPHS, COSTS, strict=True)])
def test_what_a_graph_costs(
    make: Callable[[int], Graph], wanted: tuple[int, ...]
) -> None:
    """What makes one dearer is to be seen; what makes it cheaper may write its numbers here."""
    assert cost(make(0)) == wanted


def test_names_of_constants_and_words_that_no_array_may_have(
    by_numpy: None,
) -> None:
    x = Value(2.0, "x")
    code = compile(x * x, [x]).code()
    assert code
    names = [code.name(number) for number in (0.0, 1.0, 2.0, -1.0, 0.5, 3.5)]
    assert names == ["zero", "one", "two", "minus_one", "half", "c3_5"]
    words = [
        "forward",
        "backward",
        "build",
        "dot",
        "matmul",
        "einsum",
        "exp",
        "multiply",
        "values",
        "d_rows",
    ]
    assert all(code.counts[word] == 1 for word in words)
    assert code.counts["another"] == 0


def test_an_empty_product_is_1() -> None:
    assert Monomial() == (1.0, (), ())


def test_no_rows_with_weights_sum_to_0(back_end: str) -> None:
    (y,), x, ws = perceptron(0)
    value, gradient = compile(y, x, ws).value_and_grad(np.zeros((0, 3)), weights=[])
    assert (value, gradient.any()) == (0.0, False)


FOLDS: list[tuple[list[int], tuple[int, ...]]] = [
    ([7], (1,)),
    ([0, 1, 2, 3], (4,)),
    ([9, 6, 3], (3,)),
    ([0, 0, 0], (3,)),
    ([0, 1, 2, 5, 6, 7], (2, 3)),
    ([0, 1, 4, 5, 16, 17, 20, 21], (2, 2, 2)),
    (
        [x + y for y in (0, 64) for x in (0, 1, 4, 5, 16, 17, 20, 21)],
        (16,),
    ),  # of four axes there is no view
    ([0, 1, 3], (3,)),
    ([0, 1, 5, 6, 7], (5,)),
    ([0, 1, 3, 4, 5, 6], (6,)),
    ([0, 1, 4, 6], (4,)),
]


@pytest.mark.parametrize(("slots", "shape"), FOLDS)
def test_slots_fold_into_a_view(slots: list[int], shape: tuple[int, ...]) -> None:
    assert layout.fold(np.array(slots)) == shape
    affine = layout.strides(np.array(slots).reshape(shape)) is not None
    assert (
        layout.is_view(np.array(slots))
        == affine
        == (len(shape) > 1 or slots in (s for s, _ in FOLDS[:4]))
    )


@pytest.mark.parametrize(
    ("slots", "steps"),
    [
        ([[0, 1], [2, 3]], (2, 1)),
        ([[5]], (0, 0)),
        ([3, 3, 3], (0,)),
        ([[1, 4, 7], [0, 3, 6]], (-1, 3)),
        ([[0, 1], [2, 4]], None),
        ([0, 2, 3], None),
        ([[[0, 2], [10, 12]], [[5, 7], [15, 17]]], (5, 10, 2)),
    ],
)
def test_steps_of_affine_slots(slots: Any, steps: tuple[int, ...] | None) -> None:
    assert layout.strides(np.array(slots)) == steps


def test_families_of_rows() -> None:
    """Rights that meet the same lefts stand together; all pairs of a family are there."""
    a, b, x, y, z = ((Node(VARYING, name),) for name in "abxyz")
    pairs = [(a, x), (b, x), (a, y), (b, y), (a, z)]
    assert layout.families(pairs) == [([a, b], [x, y]), ([a], [z])]


def test_a_program_without_inputs_has_one_row(back_end: str) -> None:
    w = Value(3.0, "w")
    program = compile(w * w)
    assert (program().tolist(), program.value_and_grad()) == (
        [9.0],
        (9.0, np.array([6.0])),
    )


def test_an_input_that_is_an_output_and_nothing_else(by_numpy: None) -> None:
    x, z, w = Value(1.0, "x"), Value(1.0, "z"), Value(3.0, "w")
    program = compile([w * x, z], [x, z], [w])
    assert program([[2.0, 5.0]]).tolist() == [[6.0, 5.0]]
    gradient, by_inputs = program.vjp([[2.0, 5.0]], [[1.0, 10.0]])
    assert (gradient.tolist(), by_inputs.tolist()) == ([2.0], [[3.0, 10.0]])


def test_an_adjoint_that_is_lost_in_one_input_alone(by_numpy: None) -> None:
    x = Value(0.0, "x")
    gradient, by_inputs = compile(1 / (1 + exp(-x)), [x]).vjp([[-800.0], [0.0]])
    assert (gradient.size, by_inputs.tolist()) == (0, [[0.0], [0.25]])


def test_tables_of_no_columns_and_of_no_rows() -> None:
    w, x = Value(3.0, "w"), Value(2.0, "x")
    assert compile(w * w)(np.zeros((3, 0))).tolist() == [9.0] * 3
    program = compile(w * x, [x])
    with pytest.raises(ValueError, match="real numbers, not object"):
        program()


@pytest.mark.parametrize("width", [0, 1, 2, 5])
@pytest.mark.parametrize("none", [[], (), np.zeros(0), None])
def test_no_rows_of_any_width(width: int, none: Any, back_end: str) -> None:
    """An empty list says nothing of columns, and is as good as np.zeros((0, 2))."""
    x, w = [Value(1.0) for _ in range(width)], Value(3.0)
    X = np.zeros((0, width)) if none is None else none
    for many in (True, False):
        y = sum(x, start=w * w)
        program = compile([y, w] if many else y, x, [w])
        assert program(X).shape == ((0, 2) if many else (0,))
        gradient, by_inputs = program.vjp(X)
        assert (gradient.tolist(), by_inputs.shape) == ([0.0], (0, width))
    value, gradient = compile(w * w, x, [w]).value_and_grad(X)
    assert (math.isnan(value), gradient.tolist()) == (True, [0.0])


def test_a_seed_for_every_row_is_for_one_output() -> None:
    x = Value(2.0, "x")
    with pytest.raises(ValueError, match=r"the seed has the shape \(3,\), not"):
        compile([x * x, x + 1], [x]).vjp([[1.0]] * 3, [1.0] * 3)


X1, Y1 = (Ref("rows", i, (1,), (0,), True) for i in (3, 5))


def sigmoid_of(x: Any) -> Call:
    return Call(
        "reciprocal", (Call("add", (1.0, Call("exp", (Call("negative", (x,)),)))),)
    )


EXPRESSIONS: dict[str, Any] = {
    "where(1.0, x, y)": X1,
    "where(0.0, x, y)": Y1,
    "where(x, 1.0, y)": Call("where", (X1, 1.0, Y1)),
    "1.0 if x else y": Call("where", (X1, 1.0, Y1)),
    "y if x == x else 1.0": Call("where", (Call("equal", (X1, X1)), Y1, 1.0)),
    "y if x else y": Y1,
    "sigmoid(-x)": Call(
        "multiply", (Call("exp", (Call("negative", (X1,)),)), sigmoid_of(X1))
    ),
    "bell(x)": Call(
        "multiply", (sigmoid_of(X1), expression(parse("sigmoid(-x)"), {"x": X1}))
    ),
    "1.0 * x": X1,
    "x * 1.0": X1,
    "x / 1.0": X1,
    "pow(x, 1.0)": X1,
    "0.0 * x": Call("multiply", (0.0, X1)),
    "2.0 / x": Call("divide", (2.0, X1)),
    "1.0 / x": Call("reciprocal", (X1,)),
    "0.0 / x": Call("divide", (0.0, X1)),
    "x ** 2.0": Call("multiply", (X1, X1)),
    "x ** 3.0": Call("power", (X1, 3.0)),
    "x ** 0.5": Call("power", (X1, 0.5)),
    "x ** -0.5": Call("reciprocal", (Call("sqrt", (Call("add", (X1, 0.0)),)),)),
    "fabs(-x)": Call("absolute", (X1,)),
    "fabs(x)": Call("absolute", (X1,)),
    "x - y": Call("subtract", (X1, Y1)),
    "2.0 * 3.0 + 1.0": 7.0,
    "4.0 ** -0.5": 0.5,
    "1.0 / 4.0": 0.25,
    "1.0 / 0.0": math.inf,
    "exp(1000.0)": math.inf,
    "lgamma(3.0)": math.lgamma(3.0),
    "pi": math.pi,
}


@pytest.mark.parametrize("formula", EXPRESSIONS)
def test_a_formula_as_calls_of_numpy(formula: str) -> None:
    assert expression(parse(formula), {"x": X1, "y": Y1}) == EXPRESSIONS[formula]


UNREAD = [
    "remainder(x, y)",
    "ldexp(x, y)",
    "comb(x, y)",
    "gcd(x, y)",
    "isqrt(x)",
    "lcm(x, y)",
    "perm(x, y)",
]


@pytest.mark.parametrize(
    "formula", [*UNREAD, "log(x, 2.0)", "x if x < y else 1.0", "x % y", "x < y"]
)
def test_a_formula_that_numpy_reads_otherwise(formula: str) -> None:
    with pytest.raises(NotImplementedError):
        expression(parse(formula), {"x": X1, "y": Y1})


ROOT = Call("sqrt", (X1,))
PRODUCTS: dict[str, tuple[float, tuple[Any, ...], tuple[Any, ...]]] = {
    "x * y": (1.0, (X1, Y1), ()),
    "-x": (-1.0, (X1,), ()),
    "3.0 * x / y": (3.0, (X1,), (Y1,)),
    "x / (2.0 * y)": (0.5, (X1,), (Y1,)),
    "1.0 / x": (1.0, (), (X1,)),
    "x / (y / x)": (1.0, (X1, X1), (Y1,)),
    "x / 0.0": (1.0, (Call("divide", (X1, 0.0)),), ()),
    "x ** -0.5": (1.0, (), (ROOT,)),
    "x + y": (1.0, (Call("add", (X1, Y1)),), ()),
    "2.5": (2.5, (), ()),
}


@pytest.mark.parametrize("formula", PRODUCTS)
def test_a_formula_as_a_product(formula: str) -> None:
    assert (
        factors(expression(parse(formula), {"x": X1, "y": Y1}), {})
        == PRODUCTS[formula]
    )


def test_a_factor_that_is_known() -> None:
    whole = expression(parse("(x + y) * x"), {"x": X1, "y": Y1})
    assert factors(whole, {expression(parse("x + y"), {"x": X1, "y": Y1}): Y1}) == (
        1.0,
        (Y1, X1),
        (),
    )


SOURCES = Path(__file__).with_name(
    "sources.txt"
)  # made anew by python -m tests.test_program


def sources() -> str:
    """What graphs become: lines of NumPy, the sizes of arrays; straight-line Python of the shortest."""
    parts = list[str]()
    for make in GRAPHS:
        outputs, inputs, parameters = make(0)
        program = compile(outputs, inputs, parameters)
        code = program.code(True)
        assert code
        parts += [
            f"---- {getattr(make, '__name__', '')}",
            *code.source(),
            repr(code.sizes),
        ]
        parts += [program.rowwise.source] * (len(program.rowwise.order) < 80)
    return "\n".join(parts) + "\n"


def test_the_code_of_every_graph_is_as_it_was() -> None:
    """The file is there to be looked at when it changes: is the new code as good, and as easy to read?"""
    assert sources() == SOURCES.read_text(encoding="utf-8")


if __name__ == "__main__":
    SOURCES.write_text(sources(), encoding="utf-8")
