"""Weaving: a graph's arrays compute what the engine computes; how many they are; and what is refused."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from autograd import Value, exp, hessian, maximum, relu, stop_gradient, tanh
from autograd.compiler.numbering import Columns, number_graph
from autograd.compiler.patterns import classify
from autograd.compiler.tensors import NotWovenError, Tensor
from autograd.compiler.weaving import Woven, weave
from demos.graphs import Transformer, cross_entropy, moons_loss, sigmoid as composed
from demos.newton import derivatives, goldstein_price
from nn import MLP, Layer, bce, softmax
from nn.losses import LOSSES
from tests.programs import random_case
from tests.structured import structured
from tests.tensors_by_numpy import evaluated
from tests.test_program import GRAPHS, irregular

Array = NDArray[np.float64]
Graph = tuple[list[Value], list[Value], list[Value]]


def leaves(name: str, n: int) -> list[Value]:
    return [Value(random.gauss(0, 1), f"{name}{i + 1}") for i in range(n)]


# ---------------------------------------------------------------------------------------------------- graphs
def xor() -> Graph:
    random.seed(7)
    net, row, target = (
        MLP(2, [64, 32, 16, 1], "sigmoid", "sigmoid", "pytorch"),
        leaves("x", 2),
        Value(1.0, "t"),
    )
    return [bce(net(row), target)], [*row, target], net.parameters()


def xor_composed() -> Graph:
    random.seed(7)
    net, row, target = (
        MLP(2, [64, 32, 16, 1], composed, composed, "pytorch"),
        leaves("x", 2),
        Value(1.0, "t"),
    )
    return [cross_entropy(net(row), target)], [*row, target], net.parameters()


def moons() -> Graph:
    random.seed(1337)
    net = MLP(2, [16, 16, 1])
    X = [[random.gauss(0, 1), random.gauss(0, 1)] for _ in range(100)]
    return [moons_loss(net, X, [1.0, -1.0] * 50, Value)], [], net.parameters()


def digits(
    output: str = "linear", loss: str = "cross_entropy_with_logits"
) -> Graph:
    random.seed(5)
    net, row = MLP(64, [16, 10], "relu", output, "pytorch"), leaves("x", 64)
    target = [Value(float(i == 3), f"t{i}") for i in range(10)]
    return [LOSSES[loss](net(row), target)], [*row, *target], net.parameters()


def digits_probabilities() -> Graph:
    return digits("softmax", "cross_entropy")


def recurrent(steps: int = 5, hidden: int = 8) -> Graph:
    random.seed(4)
    cell, head = (
        Layer(3 + hidden, hidden, activation="tanh", init="pytorch"),
        Layer(hidden, 1, nonlin=False),
    )
    xs, target = [leaves(f"x{step}_", 3) for step in range(steps)], Value(0.5, "t")
    h: Any = [0.0] * hidden
    for x in xs:
        h = cell([*x, *h])
    return (
        [(head(h) - target) ** 2],
        [*chain.from_iterable(xs), target],
        [*cell.parameters(), *head.parameters()],
    )


def lstm() -> Graph:
    random.seed(4)
    gates = [
        Layer(7, 4, activation=f, init="pytorch")
        for f in ("sigmoid", "sigmoid", "sigmoid", "tanh")
    ]
    head = Layer(4, 1, nonlin=False)
    xs, target = [leaves(f"x{step}_", 3) for step in range(5)], Value(0.5, "t")
    h: Any = [0.0] * 4
    c: Any = [0.0] * 4
    for x in xs:
        f, i, o, g = (gate([*x, *h]) for gate in gates)
        c = [p * q + r * s for p, q, r, s in zip(f, c, i, g, strict=True)]
        h = [p * tanh(q) for p, q in zip(o, c, strict=True)]
    parameters = [p for layer in (*gates, head) for p in layer.parameters()]
    return [(head(h) - target) ** 2], [*chain.from_iterable(xs), target], parameters


def windows() -> Graph:
    random.seed(2)
    kernels, bias, xs = (
        [leaves(f"k{i}_", 3) for i in range(4)],
        leaves("c", 4),
        leaves("x", 12),
    )
    head, target = Layer(40, 1, nonlin=False), Value(0.5, "t")
    maps = [
        relu(sum((w * x for w, x in zip(kernel, xs[at : at + 3], strict=True)), c))
        for kernel, c in zip(kernels, bias, strict=True)
        for at in range(10)
    ]
    return (
        [(head(maps) - target) ** 2],
        [*xs, target],
        [*chain.from_iterable(kernels), *bias, *head.parameters()],
    )


def transformer() -> Graph:
    model = Transformer(16, 7)
    return [model.loss("amelia")], [], model.parameters


def hessian_of_net() -> Graph:
    random.seed(3)
    net, xs = MLP(3, [5, 4, 1], "tanh"), leaves("x", 3)
    y = net(xs)
    assert isinstance(y, Value)
    return [v for row in hessian(y, xs) for v in row], xs, net.parameters()


def hills() -> Graph:
    xs, outputs = derivatives(goldstein_price, 0.3, 0.7)
    return outputs, xs, []


# How many Tensors each graph has, all words counted.
CASES: dict[Callable[[], Graph], int] = {
    xor: 45,
    xor_composed: 55,
    moons: 43,
    digits: 29,
    digits_probabilities: 34,
    recurrent: 64,
    lstm: 204,
    windows: 22,
    transformer: 107,
    hessian_of_net: 68,
    hills: 303,
}
COUNTS = [
    31,
    31,
    26,
    16,
    18,
    32,
    32,
    54,
    78,
    38,
    43,
    76,
    37,
    39,
    19,
    27,
]  # of GRAPHS


# ------------------------------------------------------------------------------------------------- comparing
def numbers(woven: Woven, X: Array) -> dict[Tensor, Array]:
    theta = np.array([p.data for p in woven.parameters])
    return evaluated(woven.tensors.order, theta, X)


def outputs_of(woven: Woven, X: Array) -> Array:
    found = numbers(woven, X)
    rows = [np.broadcast_to(found[y], (len(X),)) for y in woven.outputs]
    return np.stack(rows, axis=1)


def eager(graph: Graph, X: Array) -> Array:
    """The outputs by the engine, row by row."""
    outputs, inputs, _ = graph
    before = [v.data for v in inputs]
    found = np.zeros((len(X), len(outputs)))
    for i, row in enumerate([*X.tolist(), before]):
        for v, x in zip(inputs, row, strict=True):
            v.data = x
        for j, y in enumerate(outputs):
            found[i % len(X), j] = y.forward().data if i < len(X) else found[0, j]
    for y in outputs:
        y.forward()
    return found


def agrees(graph: Graph, X: Array) -> Woven:
    """Weaves, and compares to 1e-12 of the largest; what cancels is compared with 1."""
    woven, wanted = weave(*graph), eager(graph, X)
    found = outputs_of(woven, X)
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = max(float(finite.max()) if finite.size else 0.0, 0.1)
    np.testing.assert_allclose(found, wanted, 1e-12, 1e-12 * scale, equal_nan=True)
    return woven


def table(graph: Graph, seed: int, rows: int = 5) -> Array:
    return np.random.default_rng(seed).normal(size=(rows, len(graph[1])))


def each_tensor_agrees(woven: Woven) -> int:
    """Compares every Tensor with the Values that it stands for; how many numbers that are."""
    X = np.array([[v.data for v in woven.inputs]])
    found, compared = numbers(woven, X), 0
    for x, values in woven.values.items():
        known = np.not_equal(values, None)
        wanted = np.array([v.data for v in values[known]], float)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(
                found[x][0][known], wanted, 1e-9, 1e-12, err_msg=repr(x)
            )
        compared += len(wanted)
    return compared


# ----------------------------------------------------------------------------------------------------- tests
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_known_graphs(make: Callable[[], Graph]) -> None:
    graph = make()
    woven = agrees(graph, table(graph, 0))
    assert len(woven.tensors.order) == CASES[make]
    assert each_tensor_agrees(woven) > 0


@pytest.mark.parametrize(("make", "count"), [*zip(GRAPHS, COUNTS, strict=True)])
def test_graphs_of_programs(make: Callable[[int], Graph], count: int) -> None:
    for seed in range(3):
        graph = make(seed)
        woven = agrees(graph, table(graph, seed))
        each_tensor_agrees(woven)
        assert seed or len(woven.tensors.order) == count


def reasons(graphs: Sequence[Graph]) -> Counter[str]:
    """How many graphs are woven, and why the others are not."""
    found = Counter[str]()
    for seed, graph in enumerate(graphs):
        try:
            each_tensor_agrees(agrees(graph, table(graph, seed, 3)))
            found["woven"] += 1
        except NotWovenError as error:
            found[str(error).rpartition(": ")[2]] += 1
    return found


@pytest.mark.parametrize("block", range(4))
def test_random_graphs_with_structure(block: int) -> None:
    found = reasons(
        [structured(seed) for seed in range(100 * block, 100 * block + 100)]
    )
    assert found["woven"] >= 97, found


@pytest.mark.parametrize("block", range(2))
def test_random_graphs_without_structure(block: int) -> None:
    graphs = list[Graph]()
    for seed in range(40 * block, 40 * block + 40):
        rng = random.Random(seed)
        case, inputs = random_case(rng, 40), rng.randrange(3)
        xs = [Value(x) for x in case.leaves]
        nodes = case.build(leaves=xs)
        graphs.append(([nodes[i] for i in case.outputs], xs[:inputs], xs[inputs:]))
        graphs.append(irregular(rng.randrange(80), seed))
    assert reasons(graphs) == {"woven": len(graphs)}


def ancestors(columns: Columns, v: int) -> set[int]:
    found, stack = set[int](), [v]
    while stack:
        new = [
            x
            for x in columns.args[stack.pop()].tolist()
            if x >= 0 and x not in found
        ]
        found.update(new)
        stack += new
    return found


@pytest.mark.parametrize("seed", range(40))
def test_members_of_a_class_never_depend_on_each_other(seed: int) -> None:
    """Of a term never; of a formula only a sum on its own addend."""
    columns = number_graph(*(structured(seed) if seed % 2 else irregular(80, seed)))
    classes = classify(columns)
    for v in range(len(columns.ops)):
        below = [x for x in ancestors(columns, v) if classes.terms[x] >= 0]
        assert classes.terms[v] < 0 or classes.terms[v] not in classes.terms[below]
        start = classes.starts[v]
        count = sum(many for _, _, many in classes.kinds[classes.profiles[v]])
        own = {*classes.addends[start : start + count].tolist()}
        same = {x for x in below if classes.formulas[x] == classes.formulas[v]}
        assert classes.formulas[v] < 0 or same <= own


# ----------------------------------------------------------------------------------------------------- holes
def causal(
    scores: list[list[Any]], shares: Callable[[list[Any]], list[Any]]
) -> list[Any]:
    return [p for row in scores for p in shares(row)]


@pytest.mark.parametrize("kind", ["plain", "softmax", "log", "reciprocal"])
def test_a_hole_never_evaluates_what_the_graph_does_not_have(kind: str) -> None:
    """Where the mask is stand scores of which exp overflows, or of which log and 1/x have a pole."""
    numbers_of = {"plain": ([-40, 1], [1, 40]), "softmax": ([40, 1], [1, 40])}
    first, second = numbers_of.get(kind, ([2.5, 1], [1, -0.2]))
    q, k = [Value(x, "q") for x in first], [Value(x, "k") for x in second]
    shares: dict[str, Callable[[list[Any]], list[Any]]] = {
        "plain": lambda row: [exp(-s) / sum(exp(-s) for s in row) for s in row],
        "softmax": softmax,
        "log": lambda row: [sum((s + 0.5).log() for s in row)],
        "reciprocal": lambda row: [sum(1 / (s + 0.5) for s in row)],
    }
    scores = [[q[i] * k[j] for j in range(i + 1)] for i in range(2)]
    graph = [sum(p * p for p in causal(scores, shares[kind]))], [], [*q, *k]
    found = numbers(agrees(graph, np.zeros((1, 0))), np.zeros((1, 0)))
    assert all(np.isfinite(z).all() for z in found.values())


def words(
    *outputs: Value, inputs: Sequence[Value] = (), parameters: Sequence[Value] = ()
) -> Counter[str]:
    return Counter(x.word for x in weave(outputs, inputs, parameters).tensors.order)


def test_a_maximum_is_one_word_only_where_nothing_flows_through_it() -> None:
    xs = leaves("x", 4)
    top = maximum(maximum(xs[0], xs[1]), maximum(xs[2], xs[3]))
    assert words(top, parameters=xs)["maximum"] == 3
    assert words(top, stop_gradient(top), parameters=xs)["maximum"] == 3
    assert words(stop_gradient(top), parameters=xs)["maximum"] == 0
    row = softmax(xs)
    counts = words(*row, parameters=xs)
    assert (counts["max"], counts["maximum"]) == (1, 0)


def test_no_product_with_zero_is_left_out() -> None:
    w, x = Value(math.inf, "w"), Value(1.0, "x")
    found = outputs_of(weave([w * 0.0 + x], [x], [w]), np.array([[1.0]]))
    assert math.isnan(found[0, 0])


def test_a_chain_of_ops_is_refused() -> None:
    x = y = Value(0.5, "x")
    for _ in range(2000):
        y = tanh(y)
    with pytest.raises(
        NotWovenError, match="2,001 numbers would be more than 667 arrays"
    ):
        weave([y], [x], [])


DEEP = """
import sys
from autograd import Value, tanh
from autograd.compiler.weaving import weave
from autograd.compiler.tensors import NotWovenError
from tests.test_weaving import recurrent
chain, tower = [Value(0.5)], [Value(0.5)]
x, w = chain[0], Value(0.1)
y = z = x
for _ in range(100_000):
    y, z = y + w * x, tanh(z)
graph = recurrent(1000, 3)
sys.setrecursionlimit(200)
print(len(weave([y], [x], [w]).tensors.order))
try:
    weave([z], [x], [])
except NotWovenError as error:
    print(error)
print(len(weave(*graph).tensors.order))
"""


def test_depth_is_no_limit() -> None:
    run = subprocess.run(
        [sys.executable, "-c", DEEP], capture_output=True, text=True, check=True
    )
    chain, refusal, steps = run.stdout.splitlines()
    assert int(chain) < 20
    assert "few formulas in common" in refusal
    assert 4000 < int(steps) < 12000


def test_a_leaf_beside_a_sum_of_leaves_is_a_sum_of_one() -> None:
    w = leaves("w", 6)
    lengths = [w[:1], w[1:3], w[3:]]
    total = sum(tanh(sum(row[1:], row[0])) for row in lengths)
    assert isinstance(total, Value)
    agrees(([total], [], w), np.zeros((1, 0)))


def test_outputs_of_every_kind() -> None:
    x, w = Value(2.0, "x"), Value(3.0, "w")
    outputs = [x, w, Value(4.0), x * w, w, x * w + x]
    agrees((outputs, [x], [w]), np.array([[0.5], [-1.0]]))
