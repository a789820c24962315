"""The graphs that the benchmark measures, scalar by scalar; and a node in microgpt's style."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

from autograd import Value, cos, exp, log, relu, sin, tanh


class LocalGradients:
    """A node in microgpt's style: operands and local derivatives as tuples, one loop for the chain rule."""

    __slots__ = ("children", "data", "grad", "local")

    def __init__(
        self,
        data: float,
        children: tuple[Any, ...] = (),
        local: tuple[float, ...] = (),
    ) -> None:
        self.data, self.grad, self.children, self.local = data, 0.0, children, local

    def __add__(self, y: Any) -> LocalGradients:
        y = y if isinstance(y, LocalGradients) else LocalGradients(y)
        return LocalGradients(self.data + y.data, (self, y), (1.0, 1.0))

    def __mul__(self, y: Any) -> LocalGradients:
        y = y if isinstance(y, LocalGradients) else LocalGradients(y)
        return LocalGradients(self.data * y.data, (self, y), (y.data, self.data))

    def relu(self) -> LocalGradients:
        """max(0, x)."""
        return LocalGradients(max(0.0, self.data), (self,), (float(self.data > 0),))

    def backward(self) -> None:
        """The chain rule, results before operands."""
        order: list[LocalGradients] = []
        seen: set[LocalGradients] = set()

        def visit(v: LocalGradients) -> None:
            if v not in seen:
                seen.add(v)
                for child in v.children:
                    visit(child)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            for child, local in zip(v.children, v.local, strict=False):
                child.grad += local * v.grad


def net(weights: list[Any], kind: type[Any], widths: tuple[int, ...]) -> Any:
    """The net's output at one point."""
    layer: list[Any] = [kind(0.3), kind(0.7)]
    rest = iter(weights)
    for width in widths[1:]:
        layer = [
            reduce(add, (next(rest) * x for x in layer), next(rest)).relu()
            for _ in range(width)
        ]
    return layer[0]


def sigmoid(x: Any) -> Any:
    """By four primitives, as the card has it."""
    return 1 / (1 + exp(-x))


def cross_entropy(y: Any, t: Any) -> Any:
    """Of a probability, as a book writes it."""
    return -(t * log(y) + (1 - t) * log(1 - y))


def moons_loss(model: Any, X: Any, t: Any, kind: type[Any]) -> Any:
    """The loss as micrograd's demo writes it: sample by sample, with a penalty on all weights."""
    scores = [model([kind(x) for x in row]) for row in X]
    losses = [
        (1 + -target * score).relu()
        for target, score in zip(t, scores, strict=True)
    ]
    squares = [p * p for p in model.parameters()]
    return sum(losses[1:], losses[0]) * (1.0 / len(losses)) + 1e-4 * sum(
        squares[1:], squares[0]
    )


def matrix(rows: int, columns: int) -> list[list[Value]]:
    """Weights of a transformer."""
    return [
        [Value(random.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)
    ]


def times(weights: list[list[Value]], x: list[Any]) -> list[Any]:
    """A matrix and a vector."""
    return [sum(w * v for w, v in zip(row, x, strict=True)) for row in weights]


def normed(x: list[Any]) -> list[Any]:
    """A vector over its root mean square."""
    scale = (sum(v * v for v in x) / len(x) + 1e-5) ** -0.5
    return [v * scale for v in x]


class Transformer:
    """One layer over characters: 4 heads of causal attention and a perceptron, both residual."""

    def __init__(self, width: int, positions: int) -> None:
        random.seed(42)
        self.letters, self.places = matrix(27, width), matrix(positions, width)
        self.q, self.k, self.v, self.o = (matrix(width, width) for _ in range(4))
        self.up, self.down, self.head = (
            matrix(4 * width, width),
            matrix(width, 4 * width),
            matrix(27, width),
        )
        self.parameters: list[Value] = [
            w for W in vars(self).values() for row in W for w in row
        ]

    def attention(
        self, q: list[Any], ks: list[list[Any]], vs: list[list[Any]]
    ) -> list[Any]:
        """What a position reads from those before it, head by head."""
        out, n = list[Any](), len(q) // 4
        for at in range(0, len(q), n):
            part = slice(at, at + n)
            scores = [
                sum(a * b for a, b in zip(q[part], k[part], strict=True)) * n**-0.5
                for k in ks
            ]
            shares = [exp(score) for score in scores]
            total = sum(shares)
            weights = [share / total for share in shares]
            out += [
                sum(w * v[i] for w, v in zip(weights, vs, strict=True))
                for i in range(at, at + n)
            ]
        return out

    def loss(self, name: str) -> Any:
        """How little a name is expected, letter by letter; 0 stands for its beginning and its end."""
        tokens = [0, *(ord(letter) - 96 for letter in name), 0]
        ks, vs, losses = list[list[Any]](), list[list[Any]](), list[Any]()
        for i, (token, following) in enumerate(pairwise(tokens)):
            x = normed(
                [
                    a + b
                    for a, b in zip(
                        self.letters[token], self.places[i], strict=True
                    )
                ]
            )
            h = normed(x)
            ks.append(times(self.k, h))
            vs.append(times(self.v, h))
            read = times(self.o, self.attention(times(self.q, h), ks, vs))
            x = [a + b for a, b in zip(x, read, strict=True)]
            h = [relu(v) for v in times(self.up, normed(x))]
            x = [a + b for a, b in zip(x, times(self.down, h), strict=True)]
            logits = times(self.head, x)
            losses.append(log(sum(exp(v) for v in logits)) - logits[following])
        return sum(losses[1:], losses[0]) / len(losses)


def one_sigmoid(m: Any, x: Any) -> Any:
    """4 operations of an input."""
    return 1 / (1 + m.exp(-x))


def long_formula(m: Any, x: Any, y: Any, z: Any) -> Any:
    """25 operations of three inputs."""
    s, r = 1 / (1 + m.exp(-x)), m.sqrt(x * x + y * y + 1)
    w = m.tanh(m.sin(x * y) + m.cos(z) - m.log(1 + z * z) * s)
    return w / r + m.exp(-(y * y)) * z


STEPS: list[Callable[[Any, Any], Any]] = [
    lambda a, b: (a + b) * 0.5, lambda a, b: a * b, lambda a, b: (a - b) * 0.5, lambda a, b: tanh(a),
    lambda a, b: sin(a), lambda a, b: relu(a), lambda a, b: -a, lambda a, b: 1 / (b * b + 2.0),
    lambda a, b: cos(b), lambda a, b: exp(a) * 0.3,
]  # fmt: skip


def irregular_loss(
    recipe: Sequence[tuple[int, int, int]], leaves: Sequence[Value]
) -> Value:
    """Whatever the recipe says, of values from anywhere before; the sum of what nothing else reads."""
    pool, read = list(leaves), {i for _, *pair in recipe for i in pair}
    for kind, i, j in recipe:
        pool.append(STEPS[kind](pool[i], pool[j]))
    unread = [v for i, v in enumerate(pool) if i not in read]
    return sum(unread[1:], unread[0])
