"""The text of a program: it runs as it stands, in every array library, and reads as a book has it."""

from __future__ import annotations

import ast
import importlib
import math
import random
import symtable
from collections.abc import Callable, Iterator
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
from autograd.compiler.tensors import NotWovenError, Tensors
from autograd.compiler.typesetting import WIDTH, wrapped
from autograd.compiler.unpacking import Theta, strides_of
from autograd.compiler.weaving import weave
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
    x = [
        Value(1.0, "dy"),
        Value(2.0, "exp"),
        Value(3.0, "n"),
        Value(4.0, "forward"),
    ]
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
    leaves, found, rows = (
        [*parameters, *inputs],
        np.zeros(seeds.shape),
        list[Array](),
    )
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
    exec(text, space)  # noqa: S102  the text of a program of ours
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
    own = {
        s.get_name()
        for s in top.get_symbols()
        if s.is_assigned() or s.is_imported()
    }
    own |= {s.get_name() for s in top.get_symbols() if s.is_namespace()}
    read = {
        s.get_name()
        for scope in scopes(top)
        for s in scope.get_symbols()
        if s.is_referenced() and (s.is_global() or scope is top)
    }
    public = {"forward", "value_and_grad", "vjp"}
    assert read - own <= {"float", "int", "bool"} and own <= read | public


REGRESSION = """
from numpy import mean, stack, sum


def forward(theta, X):
    a, b = theta[0], theta[1]
    x, y = X[:, 0], X[:, 1]
    y2 = (b + a * x - y)**2 + 0.01 * sum(theta**2)  # n
    return y2


def value_and_grad(theta, X):
    n = X.shape[0]
    a, b = theta[0], theta[1]
    x, y = X[:, 0], X[:, 1]

    # forward
    u = b + a * x - y  # n
    y2 = u**2 + 0.01 * sum(theta**2)  # n

    # backward
    dtheta = 0.02 * theta  # 2
    du = 2 * u  # n
    db = mean(du)
    da = du @ x / n
    dtheta = stack([da, db]) + dtheta
    return mean(y2), dtheta
"""
HINGE_NET = """
from numpy import concat, mean, ones_like, reshape, sum, where, zeros_like


def beside(*columns):
    return reshape(concat(columns, axis=1), (-1,))


def relu(z):
    return where(z <= 0, zeros_like(z), z)


def step(z):
    return where(z > 0, ones_like(z), where(z <= 0, zeros_like(z), z))


def forward(theta, X):
    L1 = reshape(theta[:12], (4, 3))
    W1, b1, w2, b2 = L1[:, :2], L1[:, 2], theta[12:16], theta[16]
    x, t = X[:, :2], X[:, 2]
    h1 = relu(x @ W1.T + b1)  # n × 4
    y = relu(1 - (h1 @ w2 + b2) * t)  # n
    return y


def value_and_grad(theta, X):
    n = X.shape[0]
    L1 = reshape(theta[:12], (4, 3))
    W1, b1, w2, b2 = L1[:, :2], L1[:, 2], theta[12:16], theta[16]
    x, t = X[:, :2], X[:, 2]

    # forward
    h1 = relu(x @ W1.T + b1)  # n × 4
    y = relu(1 - (h1 @ w2 + b2) * t)  # n

    # backward
    dz2 = -step(y) * t  # n
    db2 = mean(dz2)
    dw2 = h1.T @ dz2 / n  # 4
    dz1 = dz2[:, None] * w2 * step(h1)  # n × 4
    db1 = mean(dz1, axis=0)  # 4
    dW1 = dz1.T @ x / n  # 4 × 2
    dtheta = concat([beside(dW1, db1[:, None]), dw2, reshape(db2, (1,))])
    return mean(y), dtheta
"""
CLASSIFIER = """
from numpy import concat, exp, log, max, mean, reshape, sum, tanh


def beside(*columns):
    return reshape(concat(columns, axis=1), (-1,))


def unpack(theta):
    L1 = reshape(theta[:16], (4, 4))
    W1, b1 = L1[:, :3], L1[:, 3]
    L2 = reshape(theta[16:31], (3, 5))
    W2, b2 = L2[:, :4], L2[:, 4]
    return W1, b1, W2, b2


def forward(theta, X):
    W1, b1, W2, b2 = unpack(theta)
    x, t = X[:, :3], X[:, 3:6]
    h1 = tanh(x @ W1.T + b1)  # n × 4
    z2 = h1 @ W2.T + b2  # n × 3
    m = max(z2, axis=1)  # n
    a = log(sum(exp(z2 - m[:, None]), axis=1))[:, None] + m[:, None] - z2  # n × 3
    loss = sum(a * t, axis=1)  # n
    return loss


def value_and_grad(theta, X):
    n = X.shape[0]
    W1, b1, W2, b2 = unpack(theta)
    x, t = X[:, :3], X[:, 3:6]

    # forward
    h1 = tanh(x @ W1.T + b1)  # n × 4
    z2 = h1 @ W2.T + b2  # n × 3
    m = max(z2, axis=1)  # n
    e = exp(z2 - m[:, None])  # n × 3
    s = sum(e, axis=1)  # n
    loss = sum((log(s)[:, None] + m[:, None] - z2) * t, axis=1)  # n

    # backward
    dz2 = (sum(t, axis=1) / s)[:, None] * e - t  # n × 3
    db2 = mean(dz2, axis=0)  # 3
    dW2 = dz2.T @ h1 / n  # 3 × 4
    dz1 = dz2 @ W2 * (1 - h1**2)  # n × 4
    db1 = mean(dz1, axis=0)  # 4
    dW1 = dz1.T @ x / n  # 4 × 3
    dtheta = concat([beside(dW1, db1[:, None]), beside(dW2, db2[:, None])])
    return mean(loss), dtheta
"""


@pytest.mark.parametrize(
    ("make", "text"),
    [(regression, REGRESSION), (hinge_net, HINGE_NET), (classifier, CLASSIFIER)],
)
def test_as_a_book_prints_it(make: Callable[[], Graph], text: str) -> None:
    """All but vjp, whose lines are those of value_and_grad with dy."""
    source = book(make()).source
    assert source.split("def vjp")[0].strip() == text.strip()


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
    if make is every_op and name == "array_api_strict":
        pytest.skip("erf is no word of the array API: see below")
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


@pytest.mark.parametrize("make", [hinge_net, classifier, recurrent, vector])
def test_the_gradient_is_that_of_jax(make: Callable[[], Graph]) -> None:
    """JAX differentiates the forward text itself."""
    xp, jax, graph = library("jax.numpy"), pytest.importorskip("jax"), make()
    functions, X = book(graph).functions(xp), table(graph)
    theta = np.array([p.data for p in graph[2]])
    shape = (len(X), len(graph[0])) if len(graph[0]) > 1 else (len(X),)
    seeds = np.random.default_rng(1).normal(size=shape)

    def total(theta: Any, X: Any) -> Any:
        return (functions.forward(theta, X) * seeds).sum()

    theirs = jax.jit(jax.grad(total, argnums=(0, 1)))(theta, X)
    for mine, other in zip(
        jax.jit(functions.vjp)(theta, X, seeds), theirs, strict=True
    ):
        close(mine, np.asarray(other))


@pytest.mark.parametrize("make", [hinge_net, classifier, recurrent, vector])
def test_the_gradient_is_that_of_pytorch(make: Callable[[], Graph]) -> None:
    """PyTorch differentiates the forward text itself."""
    torch, graph = library("torch"), make()
    functions, X = book(graph).functions(torch), table(graph)
    theta = torch.tensor([p.data for p in graph[2]], dtype=torch.float64)
    rows = torch.asarray(X)
    outputs = functions.forward(theta.requires_grad_(), rows.requires_grad_())
    seeds = torch.ones_like(outputs)
    outputs.backward(seeds)
    found = functions.vjp(theta.detach(), rows.detach(), seeds)
    for mine, leaf in zip(found, [theta, rows], strict=True):
        close(mine, leaf.grad.numpy())


def test_a_word_that_a_library_does_not_have() -> None:
    xp, x = library("array_api_strict"), Value(0.5, "x")
    functions = book(([autograd.erf(x)], [x], [])).functions(xp)
    with pytest.raises(NotImplementedError, match="has no erf"):
        functions.forward(xp.zeros(0), xp.ones((2, 1)))


# --------------------------------------------------------------------------------------------------- saturation
FORMULAS: list[Callable[[Value], Any]] = [
    lambda z: 1 / (1 + exp(-z)),
    lambda z: 1 / (exp(-z) + 1),
    lambda z: exp(z) / (1 + exp(z)),
    autograd.sigmoid,
    autograd.softplus,
    autograd.logsigmoid,
    autograd.gelu,
    autograd.elu,
    tanh,
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_values_and_slopes_are_right_on_the_whole_line(
    formula: Callable[[Value], Any],
) -> None:
    z = Value(0.5, "z")
    graph: Graph = ([formula(z)], [z], [])
    functions = run(book(graph).source)
    X = np.array(
        [[-1e4], [-800.0], [-40.0], [-1.0], [0.0], [1.0], [40.0], [800.0], [1e4]]
    )
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = functions["forward"](np.zeros(0), X)
        slopes = functions["vjp"](np.zeros(0), X, np.ones(len(X)))[1]
    for i, x in enumerate(X[:, 0].tolist()):
        z.data = x
        wanted = autograd.sigmoid(z) if formula in FORMULAS[:3] else formula(z)
        autograd.zero_grad(z)
        wanted.backward()
        assert y[i] == pytest.approx(wanted.data, rel=1e-14)
        assert slopes[i, 0] == pytest.approx(z.grad, rel=1e-12, abs=1e-15)


# ------------------------------------------------------------------------------------------------------- pieces
def test_words_of_two_matrices() -> None:
    """The same product, over other axes and in another order, as a book would write it."""
    b = Tensors()
    x = b.expand(b.leaf("X", np.arange(3)), (1, 3))
    w = b.leaf("theta", np.arange(12).reshape(4, 3))
    v = b.expand(b.leaf("theta", np.arange(4)), (4, 1))
    stack = b.leaf("X", np.arange(12).reshape(4, 3))
    texts = {
        b.dot(w, x, (1,)): "x @ w.T",
        b.dot(w, v, (0,)): "w.T @ v",
        b.dot(v, w): "v[:, None] * w",
        b.dot(w, stack, (1,)): "sum(w * s, axis=2)",
        b.dot(w, stack, (0, 1)): "sum(w * s, axis=(1, 2))",
        b.dot(w, w, (0, 1)): "sum(w**2)",
        b.over_rows(b.dot(stack, stack, (1,))): "sum(s**2, axis=(0, 2))",
    }
    wording = Wording(str, mean=False)
    wording.names = {x.args[0]: "x", w: "w", v.args[0]: "v", stack: "s"}
    for y in b.order:
        if y.word not in ("theta", "X", "expand", "const"):
            wording.write(y)
    assert {y: wording.text(y) for y in texts} == texts


def test_the_letters_of_einsum() -> None:
    b = Tensors()
    q = b.leaf("theta", np.arange(24).reshape(2, 3, 1, 4))
    k = b.leaf("theta", np.arange(24, 64).reshape(1, 2, 5, 4)[:, :1].repeat(3, 1))
    product = b.dot(q, k, (3,))
    wording = Wording(str, mean=False)
    wording.names = {q: "q", k: "k"}
    wording.write(product)
    assert wording.text(product) == "einsum('ijl,jkl->ijk', q, k)"
    assert axes_of(product) == [0, 1, 2]


def evaluated(text: str) -> float:
    return run(f"x, y = 0.7, -1.3\nz = {text}")["z"]


def test_numbers_bind_as_they_must() -> None:
    """Texts of nested expressions are evaluated by Python as the Tensors say."""
    b = Tensors()
    x, y = (b.leaf("theta", np.array(i)) for i in (0, 1))
    wording = Wording(str, mean=False)
    wording.names = {x: "x", y: "y"}
    known = {x: 0.7, y: -1.3}
    rng = random.Random(0)
    for _ in range(300):
        name = rng.choice(
            ["add", "sub", "div", "mul", "neg", "reciprocal", "power"]
        )
        op = OPS[name]
        some = [*known, b.number(-2.0, x), b.number(3.0, x), b.number(1 / 7, x)]
        args = [rng.choice(some) for _ in op.operands]
        if name == "power":
            args[1] = b.number(rng.choice([2.0, 3.0, -1.0, -2.0]), x)
        z = b.op(name, *args)
        numbers = [known.get(a, a.number) for a in args]
        value = op.evaluate(*numbers)
        if not 1e-3 < abs(value) < 1e3 or z.number is not None:
            continue
        for tensor in b.order:
            if tensor not in known and tensor.word != "const":
                phrase, _ = wording.write(tensor)
                known[tensor] = evaluated(phrase)
        assert evaluated(wording.text(z)) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "dtheta = concat(["
        + ", ".join(f"beside(dW{i}, db{i}[:, None])" for i in range(30))
        + "])",
        "y = " + " + ".join(f"w{i} * x{i}" for i in range(60)),
        ", ".join(f"W{i}" for i in range(60))
        + " = "
        + ", ".join(f"L{i}[:, 3]" for i in range(60)),
        "return " + " + ".join(f"x[{i}, :]" for i in range(60)),
        f"c = array({np.linspace(0, 1, 60).reshape(3, 4, 5).tolist()})",
        "y = f(" + "g(" * 20 + "x + " * 30 + "1" + ")" * 21,
    ],
)
def test_a_wrapped_line_is_the_same_line(text: str) -> None:
    def parsed(body: str) -> str:
        return ast.dump(ast.parse(f"def f():\n{body}"))

    lines = wrapped(f"    {text}")
    assert max(map(len, lines.split("\n"))) <= WIDTH < len(text)
    assert parsed(lines) == parsed(f"    {text}")
    assert " None" in lines if "None" in text else True
    assert ":,\n" not in lines


def test_blocks_of_theta() -> None:
    """[W|b] is a block; what does not fit stands alone."""
    b = Tensors()
    w = b.leaf("theta", np.arange(12).reshape(4, 3)[:, :2].copy())
    bias = b.leaf("theta", np.arange(12).reshape(4, 3)[:, 2].copy())
    last = b.leaf("theta", np.arange(12, 15))
    theta = Theta([last, bias, w], 15)
    [(block, parts)] = theta.blocks.items()
    assert block.text == "reshape(theta[:12], (4, 3))"
    assert [(p.leaf, p.text) for p in parts] == [(w, "[:, :2]"), (bias, "[:, 2]")]
    assert theta.alone == [last] and theta.biases() == {bias}


def test_strides() -> None:
    assert strides_of(np.arange(12).reshape(3, 4)) == (4, 1)
    assert strides_of(np.arange(12).reshape(3, 4).T.copy()) == (1, 4)
    assert strides_of(np.array([0, 2, 5])) is None


def test_names_are_given_once() -> None:
    names = Names(["h1"], {"mask"})
    assert [names.fresh("h1") for _ in range(3)] == ["h1_2", "h1_3", "h1_4"]
    assert [names.fresh(x) for x in ("mask", "e", "sum", "exp", "e")] == [
        "mask2", "e", "sum2", "exp3", "e2",
    ]  # fmt: skip
    assert stem(["w1_2_3", "w1_1_1"]) == "w1" and stem(["a1", "b1"]) == ""
    assert stem(["", "x1"]) == stem([]) == ""


def test_an_op_of_ones_own_is_a_function_of_the_text() -> None:
    op = Op("half_wave", "hw", "maximum(sin(x), 0.0) * y", (
        lambda z, x, y: autograd.where(autograd.step(z), autograd.cos(x) * y, 0.0),
        lambda z, x, y: relu(autograd.sin(x)),
    ))  # fmt: skip
    try:
        assert "def half_wave(x, y):" in definition("half_wave")
        x, y = Value(0.4, "x"), Value(2.0, "y")
        assert "half_wave(" in agrees(([op(x, y) * 3], [x, y], []))
    finally:
        del OPS["half_wave"]


def test_helpers_stand_before_those_that_use_them() -> None:
    words, functions, others = needed("y = gelu(tanh_slope(x)) + x")
    names = [text.split("(")[0].split()[-1] for text in functions]
    assert names.index("bell") < names.index("tanh_slope")
    assert names.index("sigmoid") < names.index("bell")
    assert others == ["erfc", "x"] and {"exp", "where"} <= {*words}
    assert free("def f(a): return a + b") == {"b"}


def test_a_number_stays_in_the_adjoint_that_it_belongs_to() -> None:
    """0.01 of a mean is in one line of the backward pass, not in each."""
    random.seed(8)
    net, loss = MLP(2, [3, 1]), Value(0.0)
    for i in range(100):
        loss = loss + relu(1 - net([math.sin(i), math.cos(i)]))
    text = book(([loss * 0.01], [], net.parameters())).source
    backward = text.split("# backward")[1].split("return")[0]
    assert backward.count("0.01") == 1


# ------------------------------------------------------------------------------------------------------- names
@pytest.mark.parametrize(
    "pair",
    ["µμ", "ϕφ", "ϵε", "ſs", "ªa", ("ﬁt", "fit"), ("x₁", "x1"), ("ｅｘｐ", "exp")],
)
def test_names_that_python_reads_as_one_are_two(pair: str) -> None:
    """As parameters, inputs, intermediates and constants."""
    a, b = Value(0.5, pair[0]), Value(0.25, pair[1])
    p, q = Value(1.5, pair[0]), Value(-0.5, pair[1])
    agrees(([exp(a * p) - b * q], [a, b], [p, q]))
    agrees(([exp(a * p) - b * q], [a, p], [b, q]))
    agrees(([exp(a) * 3 - tanh(b) * p + q], [], [a, b]))
    y, z = exp(a), tanh(b)
    y.name, z.name = pair[0], pair[1]
    agrees(([y * z + y, z * z + y], [a, b], []))
    names = Names()
    assert len({*map(names.fresh, pair)}) == 2


WORDS_OF_OTHERS = [
    "gamma",
    "mean",
    "floor",
    "sum",
    "theta",
    "forward",
    "n",
    "take",
    "beside",
    "bell",
    "dot",
    "max",
    "rows",
    "part",
    "join",
    "seed",
    "const",
    "pick",
    "spread",
    "X",
    "dy",
    "unpack",
    "reshape",
    "concat",
    "print",
    "float",
    "eye",
    "is_larger",
    "math",
    "y",
    "x",
    "abs",
    "sigmoid_slope",
    "erf_",
    "µ",
    "comb",
    "e",
    "vjp",
    "where_op",
]


@pytest.mark.parametrize("name", WORDS_OF_OTHERS)
def test_an_op_with_the_name_of_a_word_is_the_op(name: str) -> None:
    """Its own formula is called, beside the word."""
    op = Op(name, name, "3 * x * x + x", (lambda z, x: 6 * x + 1,))
    try:
        w, x = values("w", 4), values("x", 3)
        hidden = [
            op(sum(a * b for a, b in zip(w, x, strict=False)) + i) for i in (1, 2)
        ]
        agrees(([hidden[0] * op(w[3]) + tanh(hidden[1])], x, w))
        agrees(([hidden[0], op(x[0]), w[0]], x, w))
        text = agrees(([op(x[0]) + relu(w[0]) + op(x[1])], x, w))
        assert "3 * x * x + x" in text
    finally:
        del OPS[name]


def test_ops_of_one_reading_are_two_ops() -> None:
    """And an op that comes later changes no name."""
    lines = {"mean": "x + 1", "mean_op": "x * 2", "µ": "x * 3", "μ": "x * 5"}
    try:
        ops = [
            Op(name, name, line, (lambda z, x: 1.0,))
            for name, line in lines.items()
        ]
        x = Value(0.5, "x")
        ops = [op(x) for op in ops]
        f = run(book((ops, [x], [])).source)["forward"]
        assert f(np.zeros(0), np.ones((1, 1))).tolist() == [[2, 2, 3, 5]]
    finally:
        for name in lines:
            OPS.pop(name, None)


def test_a_formula_calls_the_word_of_the_same_name() -> None:
    """The op gamma is 2·gamma(x), with Python's gamma."""
    op = Op("gamma", "Γ", "2 * gamma(x)", (lambda z, x: z,))
    try:
        x = Value(3.0, "x")
        f = run(book(([op(x)], [x], [])).source)["forward"]
        assert f(np.zeros(0), np.array([[4.0]])).tolist() == [12.0]
    finally:
        del OPS["gamma"]


def test_an_op_defined_after_a_text_is_reserved_too() -> None:
    x, w = Value(0.5, "h_late"), Value(0.25, "w")
    before = book(([tanh(x) * w], [x], [w]))
    op = Op("h_late", "h", "x * x", (lambda z, x: 2 * x,))
    try:
        assert not Names().free("h_late")
        agrees(([op(x) * w + x], [x], [w]))
        assert "def h_late" not in before.source
        run(before.source)["forward"](np.ones(1), np.ones((2, 1)))
    finally:
        del OPS["h_late"]


def test_a_name_is_free_where_it_is_read() -> None:
    assert free("def f(a): return a + b\ndef g(b): return a(b)") == {"a", "b"}
    assert free("c = d\ndef f(): return c + f") == {"d"}


# ------------------------------------------------------------------------- what others' autograd makes of helpers
SMOOTH = ["sigmoid", "softplus", "logsigmoid", "gauss", "tanh", "gelu"]
KINKED = ["relu", "leaky_relu", "elu"]
POINTS = [-800.0, -40.0, -1.0, -0.0, 0.0, 1e-300, 1.0, 40.0, 800.0]


def orders(name: str, x: float) -> list[float]:
    """The value, the slope and the slope's slope, by the engine."""
    v = Value(x, "x")
    y = OPS[name](v)
    slope = autograd.grad(y, v)
    return [y.data, slope.data, autograd.grad(slope, v).data]


@pytest.mark.parametrize("name", [*SMOOTH, *KINKED])
def test_jax_differentiates_the_helpers_twice(name: str) -> None:
    """At 0 and where exp overflows."""
    xp, jax = library("jax.numpy"), pytest.importorskip("jax")
    x = Value(0.5, "x")
    f = book(([OPS[name](x)], [x], [])).functions(xp).forward

    def at(z: Any) -> Any:
        return f(xp.zeros(0), xp.reshape(z, (1, 1)))[0]

    for z in POINTS:
        found = [float(g(z)) for g in (at, jax.grad(at), jax.grad(jax.grad(at)))]
        assert found == pytest.approx(orders(name, z), rel=1e-12, abs=1e-15), z
    assert math.isnan(float(at(math.nan)))


@pytest.mark.parametrize("name", [*SMOOTH, *KINKED])
def test_pytorch_differentiates_the_helpers_twice(name: str) -> None:
    torch, x = library("torch"), Value(0.5, "x")
    f = book(([OPS[name](x)], [x], [])).functions(torch).forward
    for z in POINTS:
        leaf = torch.tensor([[z]], dtype=torch.float64, requires_grad=True)
        y = f(torch.zeros(0), leaf)[0]
        [slope] = torch.autograd.grad(y, leaf, create_graph=True)
        twice = None
        if slope.requires_grad:
            [twice] = torch.autograd.grad(slope, leaf, allow_unused=True)
        found = [y.item(), slope.item(), 0.0 if twice is None else twice.item()]
        assert found == pytest.approx(orders(name, z), rel=1e-12, abs=1e-15), z


CHOOSING = [
    "atan_1", "atan_2", "gauss_1", "gauss_2", "tanh_3", "sigmoid_3", "gelu_1", "gelu_2",
]  # fmt: skip


@pytest.mark.parametrize("name", CHOOSING)
def test_a_branch_that_is_not_taken_does_no_harm(name: str) -> None:
    """No warning in NumPy, no nan in JAX."""
    xp, jax, x = library("jax.numpy"), pytest.importorskip("jax"), Value(0.5, "x")
    text = book(([OPS[name](x)], [x], []))
    X = np.array([[-3.0], [-0.0], [0.0], [0.3], [30.0]])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = text.functions(np).forward(np.zeros(0), X)
    f = text.functions(xp).forward
    slopes = jax.grad(lambda z: f(xp.zeros(0), z).sum())(xp.asarray(X))[:, 0]
    wanted = [orders(name, z)[:2] for z in X[:, 0].tolist()]
    close(y, np.array([a for a, _ in wanted]))
    close(slopes, np.array([b for _, b in wanted]))


# ---------------------------------------------------------------------------------------------------- the edges
def hypotenuse(x: Value) -> Value:
    return autograd.hypot(x, 0 * x)


EDGES: list[tuple[Callable[[Value], Any], float]] = [
    (lambda x: x ** Value(2.0, "w"), 0.0),
    (lambda x: x ** Value(1.0, "w"), 0.0),
    (lambda x: x**0, 0.0),
    (lambda x: x**1, 0.0),
    (lambda x: x**2, 0.0),
    (lambda x: x**0.5, 0.0),
    (autograd.sqrt, -0.0),
    (autograd.sqrt, 0.0),
    (hypotenuse, 0.0),
    (lambda x: autograd.hypot(x, 3.0), math.inf),
    (lambda x: Value(0.0, "b") ** x, 2.0),
]


@pytest.mark.parametrize(("formula", "at"), EDGES)
def test_slopes_at_edges_are_the_engines(
    formula: Callable[[Value], Any], at: float
) -> None:
    x = Value(at, "x")
    y = formula(x)
    program = autograd.compile(y, [x])
    graph: Graph = ([y], [x], program.parameters)
    functions = run(book(graph).source)
    with np.errstate(all="ignore"):
        found = functions["vjp"](program.theta, np.array([[at]]), np.ones(1))
    y.backward()
    assert found[1].tolist() == [[x.grad]]
    assert found[0].tolist() == [p.grad for p in program.parameters]


ZEROS: list[Callable[[Value], Any]] = [
    lambda x: x + 0.0,
    lambda x: 0.0 + x,
    lambda x: x + -0.0,
    lambda x: x - 0.0,
    lambda x: x - -0.0,
    lambda x: 0.0 - x,
    lambda x: -0.0 - x,
    lambda x: x + 0 * Value(1.0),
]


@pytest.mark.parametrize("formula", ZEROS)
def test_the_sign_of_zero_is_kept(formula: Callable[[Value], Any]) -> None:
    x = Value(0.0, "x")
    forward = run(book(([formula(x)], [x], [])).source)["forward"]
    for zero in (0.0, -0.0, 1.0):
        x.data = zero
        wanted = float(formula(x).data)
        [found] = forward(np.zeros(0), np.array([[zero]])).tolist()
        assert (found, math.copysign(1, found)) == (
            wanted,
            math.copysign(1, wanted),
        )


GATED: list[Callable[[Value, Value], Any]] = [
    lambda z, u: 1 / (1 + exp(-z)) * u,
    lambda z, u: u * (1 / (1 + exp(-z))),
    lambda z, u: u / (1 + exp(-z)),
    lambda z, u: u / (exp(-z) + 1),
    lambda z, u: 3 * u / (1 + exp(-z)),
    lambda z, u: -u / (1 + exp(-z)),
    lambda z, u: 2 * (1 / (1 + exp(-z))) * u,
    lambda z, u: 2 / (1 + exp(-z)) - u,
    lambda z, u: z / (1 + exp(-z)) + u,
    lambda z, u: 0.5 * exp(z) / (1 + exp(z)) * u,
    lambda z, u: (
        u * exp(z) / (1 + exp(z)) if False else u * (exp(z) / (1 + exp(z)))
    ),
]


@pytest.mark.parametrize("formula", GATED)
def test_a_composed_sigmoid_in_a_product(
    formula: Callable[[Value, Value], Any],
) -> None:
    """Its slope is right where exp overflows, whatever it is multiplied by."""
    z, u = Value(0.5, "z"), Value(2.0, "u")
    functions = run(book(([formula(z, u)], [z, u], [])).source)
    X = np.array([[s, 2.0] for s in (-8000.0, -800.0, -1.0, 0.0, 1.0, 800.0)])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = functions["forward"](np.zeros(0), X)
        found = functions["vjp"](np.zeros(0), X, np.ones(len(X)))[1]
    h = np.exp(np.minimum(X[:, 0], 0)) / (1 + np.exp(-np.abs(X[:, 0])))
    for i in range(1, 5):  # where the formula as it was written can be evaluated
        z.data = max(X[i, 0], -700.0)
        if z.data == X[i, 0]:
            wanted = formula(z, u)
            autograd.zero_grad(z, u)
            wanted.backward()
            assert y[i] == pytest.approx(wanted.data, rel=1e-12)
            assert found[i].tolist() == pytest.approx([z.grad, u.grad], rel=1e-12)
    assert np.isfinite(found).all() and np.isfinite(y).all() and h[0] == 0
    assert found[0, 0] == 0
