"""The text of a program: it runs as it stands, in every array library, and reads as a book has it."""

from __future__ import annotations

import importlib
import math
import random
import symtable
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import autograd
from autograd import OPS, Op, Value, exp, log, relu, tanh
from autograd.compiler.book import Book
from autograd.compiler.helpers import definition, free, needed
from autograd.compiler.naming import Names, stem
from autograd.compiler.phrases import axes_of
from autograd.compiler.tensors import Tensor, Tensors
from autograd.compiler.typesetting import WIDTH, wrapped
from autograd.compiler.unpacking import Theta, strides_of
from autograd.compiler.weaving import weave
from autograd.compiler.worklist import NotWovenError
from autograd.compiler.wording import Wording
from nn import MLP, Layer
from nn.losses import LOSSES
from tests.structured import structured
from tests.test_program import GRAPHS

Array = NDArray[np.float64]
Graph = tuple[list[Value], list[Value], list[Value]]


def values(name: str, n: int, seed: int = 0) -> list[Value]:
    rng = random.Random(f"{name}{seed}")
    return [Value(rng.gauss(0, 1), f"{name}{i + 1}") for i in range(n)]


# ------------------------------------------------------------------------------------------------------ graphs
def regression() -> Graph:
    """Squared error of a line, with a penalty on all parameters."""
    [a, b], [x, y] = (
        [Value(2.0, "a"), Value(0.5, "b")],
        [Value(1.0, "x"), Value(2.0, "y")],
    )
    return [(a * x + b - y) ** 2 + 0.01 * (a * a + b * b)], [x, y], [a, b]


def hinge_net() -> Graph:
    random.seed(1)
    net, row, target = MLP(2, [4, 1]), values("x", 2), Value(1.0, "t")
    return [relu(1 - target * net(row))], [*row, target], net.parameters()


def classifier() -> Graph:
    random.seed(2)
    net = MLP(3, [4, 3], "tanh", "linear", "pytorch")
    row, shares = values("x", 3), [Value(1 / 3, f"t{i}") for i in range(3)]
    loss = LOSSES["cross_entropy_with_logits"](net(row), shares)
    return [loss], [*row, *shares], net.parameters()


def composed() -> Graph:
    """Logistic regression by the formula of the sigmoid, of samples that are constants."""
    weights, bias, rng = values("w", 2), Value(0.1, "b"), random.Random(3)
    loss: Any = 0
    for i in range(6):
        x = [rng.gauss(0, 1), rng.gauss(0, 1)]
        p = 1 / (1 + exp(-(weights[0] * x[0] + weights[1] * x[1] + bias)))
        loss = loss - (log(p) if i % 2 else log(1 - p)) / 6
    return [loss], [], [*weights, bias]


def recurrent() -> Graph:
    random.seed(4)
    cell = Layer(2 + 3, 3, activation="tanh", init="pytorch", place="1_")
    head = Layer(3, 1, nonlin=False, init="pytorch", place="2_")
    xs, h = [values(f"x{s}_", 2) for s in range(3)], [Value(0.5)] * 3
    for x in xs:
        h = cell([*x, *h])
    inputs = [v for x in xs for v in x]
    return [head(h) ** 2], inputs, [*cell.parameters(), *head.parameters()]


def scattered() -> Graph:
    """Parameters in no order at all, some of them twice, others never."""
    w, x = values("w", 30), values("x", 2)
    order = random.Random(5).sample(range(30), 20)
    pairs = zip(order[:10], [*order[10:15], *order[:5]], strict=True)
    return [x[1] + x[0] * sum(w[i] * w[j] for i, j in pairs)], x, w


def several() -> Graph:
    w, x = values("w", 3), values("x", 2)
    return [w[0] * x[0], w[1] * w[2], x[1], w[0], Value(3.0) * 2], x, w


def vector() -> Graph:
    random.seed(6)
    net, x = MLP(3, [4, 3], "tanh", "linear"), values("x", 3)
    return net(x), x, net.parameters()


def without_inputs() -> Graph:
    w = values("w", 3)
    return [w[0] * w[1], exp(w[2]), w[2]], [], w


def without_parameters() -> Graph:
    x = values("x", 2)
    return [tanh(x[0]) * x[1]], x, []


def unreached() -> Graph:
    w, x = values("w", 2), values("x", 2)
    return [w[0] * w[1]], x, w


def misnamed() -> Graph:
    """Names that Python, the text or a library has already, and one that is too long."""
    names = ["sum", "lambda", "X", "theta", "가중치", "a b", "dtheta", "n" * 300]
    w = [Value(0.1 * i, name) for i, name in enumerate(names)]
    x = [Value(1.0, "dy"), Value(2.0, "exp"), Value(3.0, "n"), Value(4.0, "forward")]
    terms = [a * b for a, b in zip(w, x * 2, strict=True)]
    return [exp(terms[0] + terms[1]) * terms[2] * tanh(terms[3]) + sum(terms)], x, w


def every_op() -> Graph:
    """Every op of the table, with its helpers."""
    x = [Value(0.3, "x"), Value(0.4, "y"), Value(0.6, "w")]
    ops = [op for op in OPS.values() if op.name in autograd.ops.TABLE]
    return [op(*x[: len(op.operands)]) for op in ops], x, []


NAMED = [
    regression, hinge_net, classifier, composed, recurrent, scattered, several, vector, without_inputs,
    without_parameters, unreached, misnamed, every_op,
]  # fmt: skip
each = pytest.mark.parametrize("make", NAMED, ids=lambda make: make.__name__)


# --------------------------------------------------------------------------------------------------- comparing
def book(graph: Graph) -> Book:
    woven = weave(*graph)
    return Book(
        woven.tensors, woven.outputs, woven.inputs, woven.parameters, woven.values
    )


def table(graph: Graph, rows: int = 3) -> Array:
    """Numbers for the inputs; one row of none where there are none."""
    size = (rows if graph[1] else 1, len(graph[1]))
    return np.random.default_rng(0).uniform(0.2, 0.8, size)


def eager(graph: Graph, X: Array, seeds: Array) -> tuple[Array, Array, Array]:
    """The outputs, and the gradients by parameters and by inputs, by the engine and row by row."""
    outputs, inputs, parameters = graph
    leaves, found, rows = [*parameters, *inputs], np.zeros(seeds.shape), list[Array]()
    for i, row in enumerate(X.tolist()):
        for v, x in zip(inputs, row, strict=True):
            v.data = x
        rows.append(np.zeros(len(leaves)))
        for j, y in enumerate(outputs):
            found[i, j] = y.forward().data
            autograd.zero_grad(*leaves)
            y.backward()
            rows[-1] += seeds[i, j] * np.array([v.grad for v in leaves])
    gradients, k = np.array(rows), len(parameters)
    return found, gradients[:, :k].sum(0), gradients[:, k:]


def close(found: Any, wanted: Array) -> None:
    """Equal to 1e-12 of the largest; what cancels is compared with 1."""
    scale = max(float(np.abs(wanted).max(initial=0.0)), 0.1)
    np.testing.assert_allclose(np.asarray(found), wanted, 1e-11, 1e-12 * scale)
    assert np.asarray(found).shape == wanted.shape


def run(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(text, space)
    return space


def agrees(graph: Graph) -> str:
    """Runs the text as it stands, and compares its functions with the engine."""
    text = book(graph).source
    assert max(map(len, text.split("\n"))) <= WIDTH
    functions, X, many = run(text), table(graph), len(graph[0]) > 1
    theta = np.array([p.data for p in graph[2]])
    seeds = np.random.default_rng(1).normal(size=(len(X), len(graph[0])))
    wanted, by_theta, by_inputs = eager(graph, X, seeds)
    rows, pick = slice(None) if graph[1] else 0, slice(None) if many else 0
    given = [X] if graph[1] else []
    with np.errstate(all="ignore"):
        close(functions["forward"](theta, *given), wanted[rows, pick])
        found = functions["vjp"](theta, *(given or [None]), seeds[rows, pick])
        close(found[0], by_theta)
        if graph[1]:
            close(found[1], by_inputs)
        if not many:
            mean, gradient = functions["value_and_grad"](theta, *given)
            close(mean, wanted.mean())
            close(gradient, eager(graph, X, np.full(seeds.shape, 1 / len(X)))[1])
    assert many == ("value_and_grad" not in functions)
    return text


# ------------------------------------------------------------------------------------------------------- tests
@each
def test_the_text_runs_as_it_stands(make: Callable[[], Graph]) -> None:
    agrees(make())


@pytest.mark.parametrize("make", GRAPHS, ids=lambda make: make.__name__)
def test_graphs_of_programs(make: Callable[[int], Graph]) -> None:
    agrees(make(0))


@pytest.mark.parametrize("block", range(4))
def test_random_graphs(block: int) -> None:
    woven = 0
    for seed in range(20 * block, 20 * block + 20):
        try:
            agrees(structured(seed))
            woven += 1
        except NotWovenError:
            pass
    assert woven >= 19


def scopes(top: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield top
    for inner in top.get_children():
        yield from scopes(inner)


@each
def test_nothing_is_undeclared_and_nothing_imported_in_vain(
    make: Callable[[], Graph],
) -> None:
    """Every name is the module's own: not even one of Python's is read."""
    text = book(make()).source
    top = symtable.symtable(text, "book", "exec")
    own = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    own |= {s.get_name() for s in top.get_symbols() if s.is_namespace()}
    read = {
        s.get_name()
        for scope in scopes(top)
        for s in scope.get_symbols()
        if s.is_referenced() and (s.is_global() or scope is top)
    }
    public = {"forward", "value_and_grad", "vjp"}
    assert read - own <= {"float", "int", "bool"} and own <= read | public


GOLDEN = {
    regression: """
        from numpy import concat, mean, reshape, sum


        def forward(theta, X):
            a, b, x, y = theta[0], theta[1], X[:, 0], X[:, 1]
    """,
}


# ---------------------------------------------------------------------------------------------------- libraries
def library(name: str) -> Any:
    """A library with float64."""
    module = pytest.importorskip(name)
    if name == "jax.numpy":
        importlib.import_module("jax").config.update("jax_enable_x64", True)
    return module


@pytest.mark.parametrize("name", ["array_api_strict", "jax.numpy", "torch"])
@each
def test_array_libraries(make: Callable[[], Graph], name: str) -> None:
    if make is every_op and name != "torch":
        pytest.skip("erf is no word of the array API")
    graph, xp = make(), library(name)
    text, X = book(graph), table(graph)
    theta = np.array([p.data for p in graph[2]])
    seeds = np.random.default_rng(1).normal(size=(len(X), len(graph[0])))
    pick = (slice(None) if graph[1] else 0, slice(None) if len(graph[0]) > 1 else 0)
    arrays = [theta, X, seeds[pick]]
    wanted, found = text.functions(np), text.functions(xp)
    ours = [xp.asarray(x) for x in arrays]
    close(found.forward(*ours[:2]), np.asarray(wanted.forward(*arrays[:2])))
    for mine, theirs in zip(found.vjp(*ours), wanted.vjp(*arrays), strict=True):
        if theirs is not None:
            close(mine, theirs)
    if found.value_and_grad and wanted.value_and_grad:
        mine = found.value_and_grad(*ours[:2])[1]
        close(mine, wanted.value_and_grad(*arrays[:2])[1])
