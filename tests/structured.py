"""Random graphs with structure: layers of every kind over a few positions of a few features, in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from random import Random
from typing import Any

from autograd import Value, exp, log, maximum, minimum, relu, sigmoid, sin, tanh
from nn import softmax

Rows = list[list[Any]]  # positions × features
Graph = tuple[list[Value], list[Value], list[Value]]  # outputs, inputs, parameters


def dot(x: Sequence[Any], y: Sequence[Any]) -> Any:
    return sum(a * b for a, b in zip(x, y, strict=True))


class Net:
    """The leaves of a graph, and layers that add to them."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.inputs: list[Value] = []
        self.parameters: list[Value] = []
        self.matrices: list[Rows] = []

    def weight(self) -> Value:
        self.parameters.append(Value(self.rng.gauss(0, 0.5), "w"))
        return self.parameters[-1]

    def vector(self, n: int) -> list[Any]:
        return [self.weight() for _ in range(n)]

    def matrix(self, n: int, m: int) -> Rows:
        """New weights, or old ones once more; now and then with numbers among them, or turned."""
        fitting = [
            weights
            for weights in self.matrices
            if len(weights) == n and len(weights[0]) == m
        ]
        turned = [
            weights
            for weights in self.matrices
            if len(weights) == m and len(weights[0]) == n
        ]
        if fitting and self.rng.random() < 0.4:
            return self.rng.choice(fitting)
        if turned and self.rng.random() < 0.4:
            return [
                list(column)
                for column in zip(*self.rng.choice(turned), strict=True)
            ]
        weights = [self.vector(m) for _ in range(n)]
        if self.rng.random() < 0.15:
            weights[self.rng.randrange(n)][self.rng.randrange(m)] = self.rng.choice(
                [0.0, 1.0, -0.5]
            )
        self.matrices.append(weights)
        return weights

    def begin(self) -> Rows:
        """Inputs, weights by their place in a table, or recorded numbers."""
        n, m = self.rng.randint(1, 5), self.rng.randint(1, 4)
        kind = self.rng.choice(["inputs", "inputs", "numbers", "embedding"])
        if kind == "embedding":
            table = self.matrix(self.rng.randint(2, 5), m)
            return [self.rng.choice(table) for _ in range(n)]
        rows = [
            [Value(self.rng.gauss(0, 1), "x") for _ in range(m)] for _ in range(n)
        ]
        if kind == "numbers":
            return [
                [v.data if self.rng.random() < 0.5 else v for v in row]
                for row in rows
            ]
        self.inputs += [v for row in rows for v in row]
        return rows

    # ------------------------------------------------------------------------------------------------- layers
    def linear(self, x: Rows) -> Rows:
        weights = self.matrix(self.rng.randint(1, 4), len(x[0]))
        if self.rng.random() < 0.5:
            return [[dot(w, row) for w in weights] for row in x]
        b = self.vector(len(weights))
        first = self.rng.random() < 0.5
        return [
            [sum((a * v for a, v in zip(w, row, strict=True)), c) if first else dot(w, row) + c
             for w, c in zip(weights, b, strict=True)]
            for row in x
        ]  # fmt: skip

    def own_linear(self, x: Rows) -> Rows:
        """Other weights for each position."""
        return [[dot(w, row) for w in self.matrix(3, len(row))] for row in x]

    def convolution(self, x: Rows) -> Rows:
        width = self.rng.randint(1, min(3, len(x)))
        stride = self.rng.randint(1, 2)
        weights = self.matrix(self.rng.randint(1, 3), width * len(x[0]))
        at = range(0, len(x) - width + 1, stride)
        windows = [[v for row in x[i : i + width] for v in row] for i in at]
        return [[dot(w, window) for w in weights] for window in windows]

    def activation(self, x: Rows) -> Rows:
        f = self.rng.choice(
            [
                tanh,
                relu,
                sigmoid,
                sin,
                lambda v: 1 / (1 + exp(-v)),
                lambda v: v * v * 0.5,
            ]
        )
        return [[f(v) if isinstance(v, Value) else v for v in row] for row in x]

    def recurrent(self, x: Rows) -> Rows:
        n = self.rng.randint(1, 3)
        weights, loop, b = (
            self.matrix(n, len(x[0])),
            self.matrix(n, n),
            self.vector(n),
        )
        h: list[Any] = [0.0] * n
        states: Rows = []
        for row in x:
            h = [
                tanh(dot(w, row) + dot(u, h) + c)
                for w, u, c in zip(weights, loop, b, strict=True)
            ]
            states.append(h)
        return states if self.rng.random() < 0.5 else [h]

    def attention(self, x: Rows) -> Rows:
        n, heads = len(x), self.rng.choice([1, 1, 2])
        maps = [self.matrix(2 * heads, len(x[0])) for _ in range(3)]
        q, k, v = ([[dot(w, row) for w in m] for row in x] for m in maps)
        seen = self.mask(n)
        shares = self.rng.choice([softmax, plain_softmax, unnormalised])
        out: Rows = []
        for i in range(n):
            row: list[Any] = []
            for at in range(0, 2 * heads, 2):
                head = slice(at, at + 2)
                p = shares([dot(q[i][head], k[j][head]) / 2**0.5 for j in seen[i]])
                row += [dot(p, [v[j][d] for j in seen[i]]) for d in (at, at + 1)]
            out.append(row)
        return out

    def mask(self, n: int) -> list[list[int]]:
        """Which positions each position sees: all, those before it, neighbours, or any."""
        kind = self.rng.choice(
            ["all", "causal", "causal", "near", "random", "later"]
        )
        if kind == "all":
            return [list(range(n))] * n
        if kind == "causal":
            return [list(range(i + 1)) for i in range(n)]
        if kind == "later":
            return [list(range(i, n)) for i in range(n)]
        if kind == "near":
            return [[j for j in range(n) if abs(i - j) < 2] for i in range(n)]
        return [
            [j for j in range(n) if j == i or self.rng.random() < 0.5]
            for i in range(n)
        ]

    def over_features(self, x: Rows) -> Rows:
        return [normed(row) for row in x]

    def over_samples(self, x: Rows) -> Rows:
        columns = [centred([row[i] for row in x]) for i in range(len(x[0]))]
        return [list(row) for row in zip(*columns, strict=True)]

    def gate(self, x: Rows) -> Rows:
        weights = self.matrix(len(x[0]), len(x[0]))
        return [
            [v * sigmoid(dot(w, row)) for v, w in zip(row, weights, strict=True)]
            for row in x
        ]

    def places(self, x: Rows) -> Rows:
        return [
            [v + p for v, p in zip(row, self.vector(len(row)), strict=True)]
            for row in x
        ]

    def twice(self, x: Rows) -> Rows:
        """A weight twice in one product, and a sum of products of a row with itself."""
        w = self.vector(len(x[0]))
        return [
            [a * a * v + dot(row, row[::-1]) for a, v in zip(w, row, strict=True)]
            for row in x
        ]

    def largest(self, x: Rows) -> Rows:
        """The largest of each row, with ties: relu and numbers give equal ones."""
        f = self.rng.choice([maximum, minimum])
        return [
            [
                reduce(
                    f, [relu(v) if isinstance(v, Value) else v for v in row] + [0.5]
                ),
                *row,
            ]
            for row in x
        ]

    def ragged(self, x: Rows) -> Rows:
        """Sums of different lengths, also over what no other sum reads."""
        f = self.rng.choice([exp, tanh, lambda v: v, lambda v: log(v * v + 1.5)])
        w = self.vector(len(x))
        flat = [v if isinstance(v, Value) else Value(v) for row in x for v in row]
        lengths = [
            self.rng.randint(1, len(flat)) for _ in range(self.rng.randint(1, 4))
        ]
        return [
            [sum(f(v * a * 0.3) for v in flat[:n]) * 0.5 for a in w]
            for n in lengths
        ]

    def moved(self, x: Rows) -> Rows:
        """Turned, reversed, repeated, or in any order."""
        kind = self.rng.choice(
            ["turned", "reversed", "repeated", "shuffled", "flat", "part"]
        )
        rows = {
            "turned": lambda: [list(column) for column in zip(*x, strict=True)],
            "reversed": lambda: [row[::-1] for row in x[::-1]],
            "repeated": lambda: [*x, *x[:2]],
            "shuffled": lambda: self.rng.sample(x, len(x)),
            "flat": lambda: [[v for row in x for v in row][:12]],
            "part": lambda: [row[: max(1, len(row) - 1)] for row in x[1:] or x],
        }
        return rows[kind]()

    def beside(self, x: Rows) -> Rows:
        """With numbers or weights in each row."""
        more: list[Any] = [1.0, 0.0] if self.rng.random() < 0.5 else self.vector(2)
        return [
            [*row, *more] if self.rng.random() < 0.9 else [*more, *row] for row in x
        ]

    def residual(self, x: Rows) -> Rows:
        layer = self.rng.choice([self.activation, self.gate, self.over_features])
        return [
            [a + b for a, b in zip(row, new, strict=True)]
            for row, new in zip(x, layer(x), strict=True)
        ]

    def siamese(self, x: Rows) -> Rows:
        """Two arms with one set of weights, and how far apart they are."""
        weights = self.matrix(2, len(x[0]))
        arms = [
            [[tanh(dot(w, row)) for w in weights] for row in rows]
            for rows in (x, x[::-1])
        ]
        return [
            [(a - b) ** 2 for a, b in zip(r, s, strict=True)]
            for r, s in zip(*arms, strict=True)
        ]

    # -------------------------------------------------------------------------------------------------- losses
    def outputs(self, x: Rows) -> list[Any]:
        flat = [v for row in x for v in row]
        kind = self.rng.choice(
            ["squares", "cross-entropy", "all", "some", "mean", "penalty"]
        )
        if kind == "squares":
            return [sum((v - self.rng.choice([0.0, 1.0])) ** 2 for v in flat)]
        if kind == "cross-entropy":
            return [
                sum(
                    log(sum(exp(v * 1.0) for v in row)) - self.rng.choice(row)
                    for row in x
                )
                / len(x)
            ]
        if kind == "penalty" and self.parameters:
            return [dot(flat, flat) + 0.01 * sum(w * w for w in self.parameters)]
        if kind == "mean":
            return [sum(flat) / len(flat), reduce(maximum, flat)]
        return (
            flat[:6] if kind == "all" else [self.rng.choice(flat) for _ in range(3)]
        )


def plain_softmax(row: list[Any]) -> list[Any]:
    shares = [exp(v) for v in row]
    total = sum(shares)
    return [share / total for share in shares]


def unnormalised(row: list[Any]) -> list[Any]:
    return [tanh(v) for v in row]


def normed(row: list[Any]) -> list[Any]:
    scale = (dot(row, row) / len(row) + 0.1) ** -0.5
    return [v * scale for v in row]


def centred(row: list[Any]) -> list[Any]:
    mean = sum(row) / len(row)
    spread = sum((v - mean) ** 2 for v in row) / len(row) + 0.1
    return [(v - mean) / spread**0.5 for v in row]


def tame(x: Rows) -> Rows:
    """Bounded, where numbers have grown."""
    sizes = [abs(v.data if isinstance(v, Value) else v) for row in x for v in row]
    if max(sizes) < 4:
        return x
    return [[tanh(v) if isinstance(v, Value) else v / 4 for v in row] for row in x]


LAYERS: list[Callable[[Net, Rows], Rows]] = [
    Net.linear, Net.linear, Net.activation, Net.activation, Net.convolution, Net.recurrent, Net.attention,
    Net.attention, Net.over_features, Net.over_samples, Net.gate, Net.places, Net.twice, Net.largest, Net.ragged,
    Net.moved, Net.moved, Net.beside, Net.residual, Net.siamese, Net.own_linear,
]  # fmt: skip


def structured(seed: int) -> Graph:
    """A graph of a few layers."""
    net = Net(seed)
    x = net.begin()
    for _ in range(net.rng.randint(1, 6)):
        x = tame(net.rng.choice(LAYERS)(net, x))
        x = [row[:8] for row in x[:8]]
    outputs = [v if isinstance(v, Value) else Value(v) for v in net.outputs(x)]
    if net.rng.random() < 0.2:
        net.inputs, net.parameters = net.inputs[1:], net.parameters[1:]
    return outputs, net.inputs, net.parameters
