"""Programs written for micrograd give the same numbers here; two that go wrong there do not go wrong here."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pytest

from autograd import StaleGraphError, Value

micrograd = pytest.importorskip("micrograd.engine").Value

Outcome: TypeAlias = tuple[list[Any], list[Any]]  # leaves, results
Program: TypeAlias = Callable[[Any], Outcome]
PROGRAMS: list[Program] = []


def program(function: Program) -> Program:
    """A program takes the class and gives its leaves and its results; the last result is the root."""
    PROGRAMS.append(function)
    return function


@program
def readme(make: Any) -> Outcome:
    a = make(-4.0)
    b = make(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    return [a, b], [c, d, e, f, g]


@program
def sanity_check(make: Any) -> Outcome:
    x = make(-4.0)
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    return [x], [z, q, h, y]


@program
def one_operator_each(make: Any) -> Outcome:
    a, b = make(3.0), make(-2.0)
    results = [a + b, a - b, a * b, a / b, a**2, -a, a.relu(), b.relu()]
    return [a, b], [*results, sum(results)]


@program
def reflected_operators(make: Any) -> Outcome:
    a = make(0.75)
    results = [2 + a, 2 - a, 2 * a, 2 / a, a + 2, a - 2, a * 2, a / 2, 1 / a]
    return [a], [*results, sum(results)]


@program
def powers(make: Any) -> Outcome:
    a = make(1.7)
    results = [a**0, a**1, a**2, a**3, a**-1, a**-2, a**0.5, a**2.5, a**-0.3]
    return [a], [*results, sum(results)]


@program
def powers_of_a_negative_number(make: Any) -> Outcome:
    a = make(-1.7)
    results = [a**2, a**3, a**-1, a**-2, a**2.0]
    return [a], [*results, sum(results)]


@program
def shared_nodes(make: Any) -> Outcome:
    a = make(1.0)
    b = a + a
    c = b + b
    d = c * c + b * a
    return [a], [b, c, d]


@program
def the_same_operand_twice(make: Any) -> Outcome:
    x = make(3.0)
    results = [x * x, x - x, x / x, x + x]
    return [x], [*results, sum(results)]


@program
def the_relu_at_its_kink(make: Any) -> Outcome:
    a, b, zero = make(1.0), make(-1.0), make(0.0)
    return [a, b, zero], [
        a.relu(),
        b.relu(),
        zero.relu(),
        (a + b).relu() + zero.relu() + b.relu() + a,
    ]


@program
def in_place_operators(make: Any) -> Outcome:
    a, b = make(1.5), make(-0.5)
    t = a
    t += b
    t *= a
    t -= 3
    t /= b
    t **= 2
    return [a, b], [t]


@program
def a_polynomial_fit(make: Any) -> Outcome:
    weights = [make(0.1 * i) for i in range(4)]
    loss = 0
    for x in (-1.0, -0.5, 0.0, 0.5, 1.0):
        prediction = sum(w * x**i for i, w in enumerate(weights))
        loss = loss + (prediction - math.sin(x)) ** 2
    return weights, [loss]


@program
def a_square_root_by_newton(make: Any) -> Outcome:
    a = make(2.0)
    root = make(1.0)
    start = root
    for _ in range(6):
        root = (root + a / root) * 0.5
    return [a, start], [root]


@program
def a_weighted_mean(make: Any) -> Outcome:
    weights = [make(w) for w in (1.0, 2.0, 3.0)]
    values = [make(v) for v in (0.5, -1.5, 2.5)]
    total = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
    return [*weights, *values], [total]


@program
def numpy_scalars(make: Any) -> Outcome:
    targets = np.array([0.5, -1.0, 2.0])
    w, b = make(np.float64(0.3)), make(0.1)
    losses = [
        (w * np.float64(i) + b - target) ** 2 for i, target in enumerate(targets)
    ]
    return [w, b], [*losses, sum(losses) / np.float64(3)]


@program
def a_hinge_loss(make: Any) -> Outcome:
    w = [make(0.5), make(-0.25), make(0.1)]
    data = [((1.0, 2.0), 1), ((-1.0, 0.5), -1), ((0.3, -0.7), -1), ((2.0, 1.0), 1)]
    scores = [w[0] * x + w[1] * y + w[2] for (x, y), _ in data]
    losses = [
        (1 + -label * score).relu()
        for (_, label), score in zip(data, scores, strict=True)
    ]
    penalty = 1e-4 * sum(p * p for p in w)
    return w, [*scores, sum(losses) * (1.0 / len(losses)) + penalty]


@program
def a_long_chain(make: Any) -> Outcome:
    x = make(0.5)
    y = x
    for i in range(100):
        y = y * 0.9 + x / (i + 1)
    return [x], [y]


class Neuron:
    """Weights, a bias, and perhaps a relu, as in micrograd's nn."""

    def __init__(
        self, make: Any, rng: random.Random, size: int, bent: bool
    ) -> None:
        self.w, self.b, self.bent = (
            [make(rng.uniform(-1, 1)) for _ in range(size)],
            make(0),
            bent,
        )

    def __call__(self, x: list[Any]) -> Any:
        act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return act.relu() if self.bent else act


class Net:
    """A small multilayer perceptron."""

    def __init__(self, make: Any, sizes: list[int], seed: int) -> None:
        rng, pairs = random.Random(seed), list(pairwise(sizes))
        self.layers = [
            [Neuron(make, rng, n, bent=i < len(pairs) - 1) for _ in range(m)]
            for i, (n, m) in enumerate(pairs)
        ]

    def __call__(self, x: list[Any]) -> Any:
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        return x[0]

    def parameters(self) -> list[Any]:
        return [
            p
            for layer in self.layers
            for neuron in layer
            for p in [*neuron.w, neuron.b]
        ]


XOR = [([0.0, 0.0], -1.0), ([0.0, 1.0], 1.0), ([1.0, 0.0], 1.0), ([1.0, 1.0], -1.0)]


@program
def a_multilayer_perceptron(make: Any) -> Outcome:
    net = Net(make, [2, 4, 4, 1], seed=1)
    outputs = [net([make(x) for x in xs]) for xs, _ in XOR]
    losses = [
        (out - target) ** 2 for out, (_, target) in zip(outputs, XOR, strict=True)
    ]
    return net.parameters(), [*outputs, sum(losses)]


@program
def a_few_steps_of_training(make: Any) -> Outcome:
    net, history = Net(make, [2, 5, 1], seed=2), []
    for step in range(8):
        losses = [(net(xs) - np.float64(target)) ** 2 for xs, target in XOR]
        loss = sum(losses) / len(losses)
        for p in net.parameters():
            p.grad = 0
        loss.backward()
        history.append(make(loss.data))
        for p in net.parameters():
            p.data -= (0.1 - 0.01 * step) * p.grad
    losses = [(net(xs) - target) ** 2 for xs, target in XOR]
    for p in net.parameters():
        p.grad = 0.0
    return net.parameters(), [*history, sum(losses)]


def test_there_are_programs() -> None:
    assert len(PROGRAMS) >= 18


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_same_program_gives_the_same_numbers(program: Program) -> None:
    leaves, results = program(Value)
    peer_leaves, peer_results = program(micrograd)
    results[-1].backward()
    peer_results[-1].backward()
    assert [v.data for v in results] == pytest.approx(
        [v.data for v in peer_results], rel=1e-12, abs=1e-12
    )
    assert [v.data for v in leaves] == pytest.approx(
        [v.data for v in peer_leaves], rel=1e-12, abs=1e-12
    )
    assert [v.grad for v in leaves] == pytest.approx(
        [v.grad for v in peer_leaves], rel=1e-12, abs=1e-12
    )
    assert len(leaves) == len(peer_leaves) > 0
    assert all(type(v.data) is float and type(v.grad) is float for v in leaves)


def test_the_numbers_of_the_readme() -> None:
    (a, b), (*_, g) = readme(Value)
    g.backward()
    assert f"{g.data:.4f} {a.grad:.4f} {b.grad:.4f}" == "24.7041 138.8338 645.5773"


def walk(make: Any) -> tuple[int, list[str]]:
    """Nodes and edges as micrograd's drawing collects them."""
    _, (*_, root) = sanity_check(make)
    nodes, edges = set(), set()

    def build(v: Any) -> None:
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return len([v for v in nodes if v._op]), sorted({v._op for v in nodes})


def test_a_graph_can_be_walked_as_notebooks_do() -> None:
    count, symbols = walk(Value)
    assert count == walk(micrograd)[0]
    assert symbols == ["", "+", "relu", "×"]


def test_a_printed_value_looks_the_same() -> None:
    for make in (Value, micrograd):
        assert repr(make(2.5)).startswith("Value(data=2.5, grad=0")


@pytest.mark.parametrize(
    ("make", "second"),
    [(Value, 27.0), (micrograd, 45.0)],
    ids=["ours", "micrograd"],
)
def test_the_second_backward(make: Any, second: float) -> None:
    """The derivative of x³ at 3 is 27, however often it is asked for."""
    x = make(3.0)
    y = x * x * x
    y.backward()
    assert x.grad == 27.0
    x.grad = 0
    y.backward()
    assert x.grad == second


@pytest.mark.parametrize("stale", [True, False], ids=["stale", "forward"])
def test_data_assigned_between_forward_and_backward(stale: bool) -> None:
    """After the assignment the recorded 9.0 and the derivative 10.0 belong to two different points."""
    x, peer = Value(3.0, "x"), micrograd(3.0)
    y, peer_y = x * x, peer * peer
    x.data = peer.data = 5.0
    peer_y.backward()
    assert (peer_y.data, peer.grad) == (9.0, 10.0)
    if stale:
        with pytest.raises(StaleGraphError, match="'x'"):
            y.backward()
        assert x.grad == 0.0
    else:
        y.forward().backward()
        assert (y.data, x.grad) == (25.0, 10.0)


def test_order_of_gradients_is_reproducible() -> None:
    patterns = set()
    for _ in range(50):
        leaves, results = a_multilayer_perceptron(Value)
        results[-1].backward()
        patterns.add(tuple(v.grad.hex() for v in leaves))
    assert len(patterns) == 1
