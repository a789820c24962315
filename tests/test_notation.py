"""Notation: the book's labels, a table written by hand, and every printed text read back and evaluated.

The reader below knows no more than school algebra and the names of the functions.  It evaluates what stands
on an edge and compares it with what the engine computed: a node's data, or the ledger's contribution.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import random
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import mpmath
import pytest
from hypothesis import Phase, given, settings, strategies as st

from autograd import (
    Op,
    Value,
    absolute,
    composite,
    cos,
    exp,
    expm1,
    formula,
    grad,
    labels,
    latex,
    ledger,
    log,
    log1p,
    mathml,
    maximum,
    minimum,
    relu,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    tanh,
    toposort,
    where,
)
from tests.scripts import GRAPH, at_most, run

random_graphs = settings(
    max_examples=300, deadline=None, derandomize=True, phases=[Phase.generate]
)


# ------------------------------------------------------------------------------------ graphs and their labels
def leaves(names: str) -> list[Value]:
    """A Value for every name: 0.3, 0.7, 1.1, ..."""
    return [Value(0.3 + 0.4 * i, name=name) for i, name in enumerate(names.split())]


def built(function: Callable[..., Value]) -> Value:
    """The function's value at leaves named as its parameters."""
    return function(*leaves(" ".join(inspect.signature(function).parameters)))


def named(name: str, v: Value) -> Value:
    v.name = name
    return v


def written(*roots: Value, **options: Any) -> list[str]:
    """All labels but constants', "ahead | back": the roots first, then every op's operands; then the sums."""
    found = labels(*roots, **options)
    boxes = {box: None for box, _ in found.edges}
    edges = [
        (box, i)
        for box in reversed(boxes)
        for i, x in enumerate(box.args)
        if isinstance(x, Value)
    ]
    pairs = [*found.roots.values(), *(found.edges[edge] for edge in edges)]
    return [f"{ahead} | {back}" for ahead, back in pairs] + list(
        found.sums.values()
    )


def all_texts(*roots: Value, **options: Any) -> list[str]:
    """Every text that labels() gives, constants too."""
    found = labels(*roots, **options)
    pairs = [*found.roots.values(), *found.edges.values()]
    return [text for pair in pairs for text in pair if text] + list(
        found.sums.values()
    )


def definitions(y: Value, **options: Any) -> str:
    """formula(y) in one line."""
    return formula(y, **options).replace("\n", "; ")


# --------------------------------------------------------------------------------------------------- the book
FIGURE_5_20 = [
    "y | ∂L/∂y",
    "1 + exp(-x) | -∂L/∂y·y²",
    "exp(-x) | -∂L/∂y·y²",
    "-x | -∂L/∂y·y²·exp(-x)",
    "x | ∂L/∂y·y²·exp(-x)",
]


@composite(name="sigmoid")
def composed(x: Value) -> Value:
    return 1 / (1 + exp(-x))


@pytest.mark.parametrize(
    "negated", [lambda x: x * -1, lambda x: -1 * x, lambda x: -x]
)
def test_the_ten_labels_of_figure_5_20(negated: Callable[[Value], Value]) -> None:
    x = Value(0.5, name="x")
    assert written(1 / (1 + exp(negated(x)))) == FIGURE_5_20


def test_names_x_and_y_are_there_without_asking() -> None:
    assert written(1 / (1 + exp(-Value(0.5)))) == FIGURE_5_20


def test_constants_are_written_as_numbers() -> None:
    found = labels(1 / (1 + exp(Value(0.5) * -1)))
    constants = [
        pair
        for (box, i), pair in found.edges.items()
        if not isinstance(box.args[i], Value)
    ]
    assert sorted(constants) == [("-1", ""), ("1", "")]


def test_figure_5_22_the_collapsed_sigmoid() -> None:
    y = composed(Value(0.5, name="x"))
    assert written(y, collapse="sigmoid") == ["y | ∂L/∂y", "x | ∂L/∂y·y(1-y)"]
    assert formula(y, collapse="sigmoid") == "y = sigmoid(x)"


# -------------------------------------------------------------------------------------------- a table by hand
def exp_shared(x: Value) -> Value:
    u, v = exp(x), exp(-x)
    return (u - v) / (u + v)


def softmax(z1: Value, z2: Value, z3: Value) -> Value:
    powers = [exp(z) for z in (z1, z2, z3)]
    return named("L", -log(powers[1] / sum(powers)))


def sum_of_ten() -> Value:
    first, *others = leaves("x1 x2 x3 x4 x5 x6 x7 x8 x9 x10")
    return sum(others, start=first)


TABLE: dict[str, tuple[Callable[..., Value], str, str]] = {
    "two apples and the tax": (
        lambda price, count, tax: price * count * tax,
        "y = price·count·tax",
        """y | ∂L/∂y
        price·count | ∂L/∂y·tax
        tax | ∂L/∂y·price·count
        price | ∂L/∂y·tax·count
        count | ∂L/∂y·tax·price""",
    ),
    "apples and oranges": (
        lambda apple, n, orange, m, tax: named(
            "total", (apple * n + orange * m) * tax
        ),
        "total = (apple·n+orange·m)·tax",
        """total | ∂L/∂total
        u = apple·n + orange·m | ∂L/∂u = ∂L/∂total·tax
        tax | ∂L/∂total·u
        apple·n | ∂L/∂u
        orange·m | ∂L/∂u
        orange | ∂L/∂u·m
        m | ∂L/∂u·orange
        apple | ∂L/∂u·n
        n | ∂L/∂u·apple""",
    ),
    "a neuron": (
        lambda w1, x1, w2, x2, b: relu(w1 * x1 + w2 * x2 + b),
        "y = relu(w₁·x₁+w₂·x₂+b)",
        """y | ∂L/∂y
        u = w₁·x₁ + w₂·x₂ + b | ∂L/∂u = ∂L/∂y·step(u)
        w₁·x₁ + w₂·x₂ | ∂L/∂u
        b | ∂L/∂u
        w₁·x₁ | ∂L/∂u
        w₂·x₂ | ∂L/∂u
        w₂ | ∂L/∂u·x₂
        x₂ | ∂L/∂u·w₂
        w₁ | ∂L/∂u·x₁
        x₁ | ∂L/∂u·w₁""",
    ),
    "a neuron with its sum named": (
        lambda w, x, b: tanh(named("h", w * x + b)),
        "y = tanh(h); h = w·x + b",
        """y | ∂L/∂y
        h = w·x + b | ∂L/∂h = ∂L/∂y·(1-y²)
        w·x | ∂L/∂h
        b | ∂L/∂h
        w | ∂L/∂h·x
        x | ∂L/∂h·w""",
    ),
    "tanh from two shared exp": (
        exp_shared,
        "y = (exp(x)-exp(-x))/(exp(x)+exp(-x))",
        """y | ∂L/∂y
        u - v | ∂L/∂y·1/(u+v)
        u + v | -∂L/∂y·y/(u+v)
        u | -∂L/∂y·y/(u+v)
        v | -∂L/∂y·y/(u+v)
        u = exp(x) | ∂L/∂y·1/(u+v)
        v = exp(-x) | -∂L/∂y·1/(u+v)
        -x | ∂L/∂v·v
        x | -∂L/∂v·v
        x | ∂L/∂u·u
        ∂L/∂v = -∂L/∂y·y/(u+v) - ∂L/∂y·1/(u+v)
        ∂L/∂u = ∂L/∂y·1/(u+v) - ∂L/∂y·y/(u+v)
        ∂L/∂x = ∂L/∂u·u - ∂L/∂v·v""",
    ),
    "tanh from four exp": (
        lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)),
        "y = (exp(x)-exp(-x))/(exp(x)+exp(-x))",
        """y | ∂L/∂y
        u = exp(x) - exp(-x) | ∂L/∂u = ∂L/∂y·1/v
        v = exp(x) + exp(-x) | ∂L/∂v = -∂L/∂y·y/v
        exp(x) | ∂L/∂v
        exp(-x) | ∂L/∂v
        -x | ∂L/∂v·exp(-x)
        x | -∂L/∂v·exp(-x)
        x | ∂L/∂v·exp(x)
        exp(x) | ∂L/∂u
        exp(-x) | -∂L/∂u
        -x | -∂L/∂u·exp(-x)
        x | ∂L/∂u·exp(-x)
        x | ∂L/∂u·exp(x)
        ∂L/∂x = ∂L/∂v·exp(x) + ∂L/∂u·exp(-x) + ∂L/∂u·exp(x) - ∂L/∂v·exp(-x)""",
    ),
    "softplus": (
        lambda x: log(1 + exp(x)),
        "y = log(1+exp(x))",
        """y | ∂L/∂y
        1 + exp(x) | ∂L/∂y·1/(1+exp(x))
        exp(x) | ∂L/∂y·1/(1+exp(x))
        x | ∂L/∂y·exp(x)/(1+exp(x))""",
    ),
    "softmax and cross-entropy": (
        softmax,
        "L = -log(u); u = exp(z₂)/(exp(z₁)+exp(z₂)+exp(z₃))",
        """L | 1
        log(u/v) | -1
        u/v | -v/u
        u | -1/u
        v = exp(z₁) + u + exp(z₃) | ∂L/∂v = 1/v
        exp(z₁) + u | ∂L/∂v
        exp(z₃) | ∂L/∂v
        z₃ | ∂L/∂v·exp(z₃)
        exp(z₁) | ∂L/∂v
        u = exp(z₂) | ∂L/∂v
        z₁ | ∂L/∂v·exp(z₁)
        z₂ | ∂L/∂u·u
        ∂L/∂u = ∂L/∂v - 1/u""",
    ),
    "binary cross-entropy": (
        lambda t, p: named("L", -t * log(p) - (1 - t) * log(1 - p)),
        "L = -t·log(p) - (1-t)·log(1-p)",
        """L | 1
        -t·log(p) | 1
        (1-t)·log(1-p) | -1
        1 - t | -log(1-p)
        log(1-p) | -(1-t)
        1 - p | -(1-t)/(1-p)
        p | (1-t)/(1-p)
        t | log(1-p)
        -t | log(p)
        log(p) | -t
        p | -t/p
        t | -log(p)
        ∂L/∂p = (1-t)/(1-p) - t/p
        ∂L/∂t = log(1-p) - log(p)""",
    ),
    "squared error": (
        lambda y, t: named("L", (y - t) ** 2),
        "L = (y-t)²",
        """L | 1
        y - t | 2(y-t)
        y | 2(y-t)
        t | -2(y-t)""",
    ),
    "half the squared error": (
        lambda y, t: named("loss", 0.5 * (y - t) ** 2),
        "loss = 0.5(y-t)²",
        """loss | 1
        (y-t)² | 0.5
        y - t | y - t
        y | y - t
        t | -(y-t)""",
    ),
    "a quotient": (
        lambda a, b: a / b,
        "y = a/b",
        """y | ∂L/∂y
        a | ∂L/∂y·1/b
        b | -∂L/∂y·y/b""",
    ),
    "a quotient of a quotient": (
        lambda a, b, c: a / b / c,
        "y = a/(b·c)",
        """y | ∂L/∂y
        a/b | ∂L/∂y·1/c
        c | -∂L/∂y·y/c
        a | ∂L/∂y·1/(c·b)
        b | -∂L/∂y·a/(c·b²)""",
    ),
    "a double fraction": (
        lambda a, b, c, d: (a / b) / (c / d),
        "y = a·d/(b·c)",
        """y | ∂L/∂y
        a/b | ∂L/∂y·d/c
        c/d | -∂L/∂y·y·d/c
        c | -∂L/∂y·y/c
        d | ∂L/∂y·y/d
        a | ∂L/∂y·d/(c·b)
        b | -∂L/∂y·d·a/(c·b²)""",
    ),
    "a cube": (lambda x: x**3, "y = x³", "y | ∂L/∂y\nx | ∂L/∂y·3·x²"),
    "a reciprocal square": (
        lambda x: x**-2,
        "y = 1/x²",
        "y | ∂L/∂y\nx | -∂L/∂y·2/x³",
    ),
    "a power": (
        lambda x, n: x**n,
        "y = x^n",
        """y | ∂L/∂y
        x | ∂L/∂y·n·x^(n-1)
        n | ∂L/∂y·y·log(x)""",
    ),
    "a power of a product": (
        lambda a, b, n: (a * b) ** n,
        "y = (a·b)^n",
        """y | ∂L/∂y
        a·b | ∂L/∂y·n(a·b)^(n-1)
        n | ∂L/∂y·y·log(a·b)
        a | ∂L/∂y·n(a·b)^(n-1)·b
        b | ∂L/∂y·n(a·b)^(n-1)·a""",
    ),
    "a square root of a square": (
        lambda x: (x**2) ** 0.5,
        "y = (x²)^0.5",
        """y | ∂L/∂y
        x² | ∂L/∂y·1/(2(x²)^0.5)
        x | ∂L/∂y·x/(x²)^0.5""",
    ),
    "two to the x": (lambda x: 2**x, "y = 2^x", "y | ∂L/∂y\nx | ∂L/∂y·y·log(2)"),
    "a root": (lambda x: sqrt(x), "y = sqrt(x)", "y | ∂L/∂y\nx | ∂L/∂y·1/(2·y)"),
    "a root of a sum": (
        lambda x: sqrt(1 + x * x),
        "y = sqrt(1+x²)",
        """y | ∂L/∂y
        1 + x² | ∂L/∂y·1/(2·y)
        x² | ∂L/∂y·1/(2·y)
        x | ∂L/∂y·x/(2·y)
        x | ∂L/∂y·x/(2·y)
        ∂L/∂x = ∂L/∂y·x/y""",
    ),
    "x times x": (
        lambda x: x * x,
        "y = x²",
        """y | ∂L/∂y
        x | ∂L/∂y·x
        x | ∂L/∂y·x
        ∂L/∂x = ∂L/∂y·2·x""",
    ),
    "x plus x": (
        lambda x: x + x,
        "y = 2·x",
        """y | ∂L/∂y
        x | ∂L/∂y
        x | ∂L/∂y
        ∂L/∂x = ∂L/∂y·2""",
    ),
    "x minus x": (
        lambda x: x - x,
        "y = 0",
        """y | ∂L/∂y
        x | ∂L/∂y
        x | -∂L/∂y
        ∂L/∂x = 0""",
    ),
    "equal sums": (
        lambda a, b: (a + b) * (a + b),
        "y = (a+b)²",
        """y | ∂L/∂y
        a + b | ∂L/∂y·(a+b)
        a + b | ∂L/∂y·(a+b)
        a | ∂L/∂y·(a+b)
        b | ∂L/∂y·(a+b)
        a | ∂L/∂y·(a+b)
        b | ∂L/∂y·(a+b)
        ∂L/∂b = ∂L/∂y·2(a+b)
        ∂L/∂a = ∂L/∂y·2(a+b)""",
    ),
    "a shared sum": (
        lambda a, b: (s := a + b) * s,
        "y = (a+b)²",
        """y | ∂L/∂y
        u = a + b | ∂L/∂y·u
        u | ∂L/∂y·u
        a | ∂L/∂u
        b | ∂L/∂u
        ∂L/∂u = ∂L/∂y·2·u""",
    ),
    "a sum of ten, cut on its edges": (
        sum_of_ten,
        "y = x₁ + x₂ + x₃ + x₄ + x₅ + x₆ + x₇ + x₈ + x₉ + x₁₀",
        """y | ∂L/∂y
        x₁ + x₂ + … + x₉ | ∂L/∂y
        x₁₀ | ∂L/∂y
        x₁ + x₂ + … + x₈ | ∂L/∂y
        x₉ | ∂L/∂y
        x₁ + x₂ + … + x₇ | ∂L/∂y
        x₈ | ∂L/∂y
        x₁ + x₂ + … + x₆ | ∂L/∂y
        x₇ | ∂L/∂y
        x₁ + x₂ + … + x₅ | ∂L/∂y
        x₆ | ∂L/∂y
        x₁ + x₂ + x₃ + x₄ | ∂L/∂y
        x₅ | ∂L/∂y
        x₁ + x₂ + x₃ | ∂L/∂y
        x₄ | ∂L/∂y
        x₁ + x₂ | ∂L/∂y
        x₃ | ∂L/∂y
        x₁ | ∂L/∂y
        x₂ | ∂L/∂y""",
    ),
    "named inner nodes are full stops": (
        lambda a, b, c, f: named("L", named("d", named("e", a * b) + c) * f),
        "L = d·f; d = e + c; e = a·b",
        """L | 1
        d = e + c | ∂L/∂d = f
        f | d
        e = a·b | ∂L/∂e = ∂L/∂d
        c | ∂L/∂d
        a | ∂L/∂e·b
        b | ∂L/∂e·a""",
    ),
    "a named node that two read": (
        lambda a, b: (q := named("q", a * b)) * q + exp(q),
        "y = q² + exp(q); q = a·b",
        """y | ∂L/∂y
        q² | ∂L/∂y
        exp(q) | ∂L/∂y
        q | ∂L/∂y·exp(q)
        q = a·b | ∂L/∂y·q
        q | ∂L/∂y·q
        a | ∂L/∂q·b
        b | ∂L/∂q·a
        ∂L/∂q = ∂L/∂y·exp(q) + ∂L/∂y·2·q""",
    ),
    "a letter that is given late": (  # what arrives at -a cannot be one term
        lambda a: (s := -a) * s + s,
        "y = a² - a",
        """y | ∂L/∂y
        a² | ∂L/∂y
        u | ∂L/∂y
        u = -a | -∂L/∂y·a
        u | -∂L/∂y·a
        a | -∂L/∂u
        ∂L/∂u = ∂L/∂y - ∂L/∂y·2·a""",
    ),
    "a gradient is a graph": (
        lambda x: grad(1 / (1 + exp(-x)), x),
        "y = exp(-x)/(1+exp(-x))²",
        """y | ∂L/∂y
        -v²·u | -∂L/∂y
        -v² | -∂L/∂y·u
        u | ∂L/∂y·v²
        -v | -∂L/∂y·u·v
        v | ∂L/∂y·u·v
        v = 1/(1+u) | ∂L/∂y·u·v
        1 + u | -∂L/∂v·v²
        u = exp(-x) | -∂L/∂v·v²
        -x | ∂L/∂u·u
        x | -∂L/∂u·u
        ∂L/∂v = ∂L/∂y·2·u·v
        ∂L/∂u = ∂L/∂y·v² - ∂L/∂v·v²""",
    ),
    "the op sigmoid": (
        lambda x: sigmoid(x),
        "y = sigmoid(x)",
        "y | ∂L/∂y\nx | ∂L/∂y·y(1-y)",
    ),
    "the op tanh": (
        lambda x: tanh(x),
        "y = tanh(x)",
        "y | ∂L/∂y\nx | ∂L/∂y·(1-y²)",
    ),
    "the op softplus": (
        lambda x: softplus(x),
        "y = softplus(x)",
        "y | ∂L/∂y\nx | ∂L/∂y·sigmoid(x)",
    ),
    "the op log1p": (
        lambda x: log1p(x),
        "y = log1p(x)",
        "y | ∂L/∂y\nx | ∂L/∂y·1/(1+x)",
    ),
    "an absolute value": (
        lambda a, b: absolute(a - b),
        "y = abs(a-b)",
        """y | ∂L/∂y
        a - b | ∂L/∂y·sign(a-b)
        a | ∂L/∂y·sign(a-b)
        b | -∂L/∂y·sign(a-b)""",
    ),
    "a maximum": (
        lambda a, b: maximum(a, b),
        "y = max(a, b)",
        """y | ∂L/∂y
        a | ∂L/∂y·0.5(1+sign(a-b))
        b | ∂L/∂y·0.5(1-sign(a-b))""",
    ),
    "a choice": (
        lambda c, a, b: where(c, a, b),
        "y = where(c, a, b)",
        """y | ∂L/∂y
        c | 0
        a | ∂L/∂y·where(c, 1, 0)
        b | ∂L/∂y·where(c, 0, 1)""",
    ),
    "minus before brackets": (
        lambda a, b: 1 - (a - b),
        "y = 1 - (a-b)",
        """y | ∂L/∂y
        a - b | -∂L/∂y
        a | -∂L/∂y
        b | ∂L/∂y""",
    ),
    "minus times minus": (
        lambda a, b, c: -(a + b) * -c,
        "y = (a+b)·c",
        """y | ∂L/∂y
        -(a+b) | -∂L/∂y·c
        -c | -∂L/∂y·(a+b)
        c | ∂L/∂y·(a+b)
        a + b | ∂L/∂y·c
        a | ∂L/∂y·c
        b | ∂L/∂y·c""",
    ),
    "halves typed in two ways": (
        lambda x: x / 2 + 0.5 * x**2,
        "y = x/2 + 0.5·x²",
        """y | ∂L/∂y
        x/2 | ∂L/∂y
        0.5·x² | ∂L/∂y
        x² | ∂L/∂y·0.5
        x | ∂L/∂y·x
        x | ∂L/∂y·1/2
        ∂L/∂x = ∂L/∂y·x + ∂L/∂y·1/2""",
    ),
    "large and small numbers": (
        lambda a, b: 1e20 * a + 1e-8 * b + 2.5e-8,
        "y = 10²⁰·a + 10⁻⁸·b + 2.5·10⁻⁸",
        """y | ∂L/∂y
        10²⁰·a + 10⁻⁸·b | ∂L/∂y
        10²⁰·a | ∂L/∂y
        10⁻⁸·b | ∂L/∂y
        b | ∂L/∂y·10⁻⁸
        a | ∂L/∂y·10²⁰""",
    ),
    "calls in calls": (
        lambda x: sin(cos(x * x) / 3),
        "y = sin(cos(x²)/3)",
        """y | ∂L/∂y
        cos(x²)/3 | ∂L/∂y·cos(cos(x²)/3)
        cos(x²) | ∂L/∂y·cos(cos(x²)/3)/3
        x² | -∂L/∂y·cos(cos(x²)/3)·sin(x²)/3
        x | -∂L/∂y·cos(cos(x²)/3)·sin(x²)·x/3
        x | -∂L/∂y·cos(cos(x²)/3)·sin(x²)·x/3
        ∂L/∂x = -∂L/∂y·2·cos(cos(x²)/3)·sin(x²)·x/3""",
    ),
    "the bell curve": (
        lambda x, mu, sigma: exp(-((x - mu) ** 2) / (2 * sigma**2)) / (sigma * 2.5),
        "y = 0.4·exp(-(x-mu)²/(2·sigma²))/sigma",
        """y | ∂L/∂y
        exp(u) | ∂L/∂y·0.4/sigma
        2.5·sigma | -∂L/∂y·0.4·y/sigma
        sigma | -∂L/∂y·y/sigma
        u = -(x-mu)²/(2·sigma²) | ∂L/∂u = ∂L/∂y·0.4·exp(u)/sigma
        -(x-mu)² | ∂L/∂u·1/(2·sigma²)
        2·sigma² | -∂L/∂u·u/(2·sigma²)
        sigma² | -∂L/∂u·u/sigma²
        sigma | -∂L/∂u·2·u/sigma
        (x-mu)² | -∂L/∂u·1/(2·sigma²)
        x - mu | -∂L/∂u·(x-mu)/sigma²
        x | -∂L/∂u·(x-mu)/sigma²
        mu | ∂L/∂u·(x-mu)/sigma²
        ∂L/∂sigma = -∂L/∂y·y/sigma - ∂L/∂u·2·u/sigma""",
    ),
}


@pytest.mark.parametrize("function, lines, expected", TABLE.values(), ids=TABLE)
def test_labels_as_a_careful_author_writes_them(
    function: Callable[..., Value], lines: str, expected: str
) -> None:
    y = built(function)
    assert definitions(y) == lines
    assert (
        written(y)
        == textwrap.dedent(expected).replace("\n        ", "\n").splitlines()
    )


# ----------------------------------------------------------------------------------------- reading texts back
HIGH = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
DIGITS = str.maketrans(HIGH, "-0123456789")
NAME = r"[A-Za-zσ가-힣_][A-Za-z0-9가-힣_]*[₀-₉]*"
TOKEN = re.compile(rf"∂{NAME}/∂{NAME}|\d+(?:\.\d+)?|[{HIGH}]+|{NAME}|\S")
WORDS = ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "sign")
CALLS: dict[str, Callable[..., Any]] = {
    **{word: getattr(mpmath, word) for word in WORDS},
    "abs": abs,
    "max": max,
    "min": min,
    "step": lambda x: mpmath.mpf(x > 0),
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "where": lambda x, y, w: y if x else w,
}  # fmt: skip


class Reader:
    """The number that a text stands for, by school algebra; ``known`` has the names."""

    def __init__(self, text: str, known: dict[str, Any]) -> None:
        self.tokens, self.known = [*TOKEN.findall(text), ""], known

    def take(self, *wanted: str) -> str:
        return self.tokens.pop(0) if self.tokens[0] in wanted else ""

    def sum(self) -> Any:
        total = -self.product() if self.take("-") else self.product()
        while sign := self.take("+", "-"):
            total += self.product() if sign == "+" else -self.product()
        return total

    def product(self) -> Any:
        z = self.power()
        while True:
            if self.take("·") or self.tokens[0] == "(":  # 2·x, y(1-y)
                z *= self.power()
            elif self.take("/"):
                z /= self.power()
            else:
                return z

    def power(self) -> Any:
        base = self.atom()
        if self.take("^"):
            return base ** self.atom()
        return (
            base ** int(self.tokens.pop(0).translate(DIGITS))
            if self.tokens[0][:1] in [*HIGH]
            else base
        )

    def atom(self) -> Any:
        token = self.tokens.pop(0)
        if token == "(":
            return self.arguments()[0]
        if token[:1].isdecimal():
            return mpmath.mpf(token)
        if token in CALLS and self.take("("):
            return CALLS[token](*self.arguments())
        return self.known[token]

    def arguments(self) -> list[Any]:
        found = [self.sum()]
        while self.take(","):
            found.append(self.sum())
        assert self.take(")"), self.tokens
        return found


def value(text: str, known: dict[str, Any]) -> Any:
    reader = Reader(text, known)
    z = reader.sum()
    assert reader.tokens == [""], f"{text}: {reader.tokens} is left over"
    return z


def close(text: str, known: dict[str, Any], truth: float) -> bool:
    """Whether the text is true; less sharply where it shows numbers cut to 6 digits."""
    rounded = re.search(r"\d\.\d{5,}|\d{6,}|·10[⁻⁰-⁹]|10\^", text)
    return abs(value(text, known) - truth) <= (1e-4 if rounded else 1e-8) * (
        1 + abs(truth)
    )


# ----------------------------------------------------------------------------- LaTeX and MathML as plain text
LATEX = [  # innermost first, again and again until nothing changes
    (r"\\frac\{\\partial ([^{}]*)\}\{\\partial ([^{}]*)\}", r"∂\1/∂\2"),
    (r"\\(?:mathrm|operatorname)\{([^{}]*)\}", r"\1"),
    (r"_\{([^{}]*)\}", r"_\1"),
    (r"\^\{([^{}]*)\}", r"^(\1)"),
    (r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)"),
    (r"\\left\|([^|]*)\\right\|", r"abs(\1)"),
    (r"\\frac\{((?!\\partial)[^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))"),
]


def from_latex(text: str) -> str:
    text = text.replace(r"\,", "·").replace(r"\left(", "(").replace(r"\right)", ")")
    before = ""
    while before != text:
        before = text
        for pattern, plain in LATEX:
            text = re.sub(pattern, plain, text)
    assert not re.search(r"[\\{}&]", text), text
    return text


def from_mathml(markup: str) -> str:
    return plain(ElementTree.fromstring(f"<mrow>{markup}</mrow>"))


def plain(element: ElementTree.Element) -> str:
    parts = [plain(child) for child in element]
    match element.tag:
        case "mi" | "mn" | "mo":
            return (element.text or "").replace("−", "-")
        case "msub":
            return "{}_{}".format(*parts)
        case "msup":
            return "{}^({})".format(*parts)
        case "msqrt":
            return f"sqrt({''.join(parts)})"
        case "mfrac":
            whole_name = parts[0].startswith("∂") and "/" not in parts[0]
            return (
                "{}/{}".format(*parts)
                if whole_name
                else "(({})/({}))".format(*parts)
            )
        case _:
            whole = "".join(parts)
            return f"abs({whole[1:-1]})" if whole[:1] == "|" else whole


AS_TEXT: dict[str, Callable[[str], str]] = {
    "text": str,
    "latex": from_latex,
    "mathml": from_mathml,
}


# ---------------------------------------------------------------------------------------------- random graphs
UNARY: list[Callable[[Value], Value]] = [
    exp, expm1, log, log1p, sqrt, sin, cos, tanh, sigmoid, softplus, relu, absolute,
    lambda x: -x, lambda x: 1 / x, lambda x: x * x, lambda x: x + x,
]  # fmt: skip


def apart(op: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The op where its operands differ: at a tie, rounding decides."""
    return lambda x, y: (
        op(x, y) if abs(getattr(x - y, "data", x - y)) > 1e-6 else x * y
    )


BINARY: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / y, lambda x, y: x**y,
    lambda x, y: x + y, lambda x, y: x * y, apart(maximum), apart(minimum),
]  # fmt: skip
NUMBERS = [-2, -1, 0.5, 1, 1.5, 2, 3, 4, 10, 0.1, 2 / 3]
NAMES = [
    "a",
    "b",
    "w1",
    "w_in",
    "u",
    "v",
    "x",
    "x1",
    "y",
    "z",
    "f",
    "σ",
    "price",
    "가격",
    "h2",
    "exp",
]


def grown(rng: random.Random) -> Value:
    """A graph of up to a dozen ops with shared nodes, constants, names, and leaves without one."""
    names = itertools.chain(rng.sample(NAMES, len(NAMES)), itertools.repeat(""))
    numbers = [round(rng.uniform(0.3, 2.5), 3) for _ in range(3)]
    nodes = [Value(x, next(names) if rng.random() < 0.6 else "") for x in numbers]
    for _ in range(rng.randint(1, 12)):
        x, y = (
            rng.choice(nodes[-4:]),
            rng.choice([*nodes, *nodes, rng.choice(NUMBERS)]),
        )
        operands = rng.choice([(x, y), (y, x)])
        z = (
            rng.choice(BINARY)(*operands)
            if rng.random() < 0.6
            else rng.choice(UNARY)(x)
        )
        if 1e-3 < abs(z.data) < 1e3:
            nodes.append(named(next(names), z) if rng.random() < 0.1 else z)
    y = next((v for v in reversed(nodes) if v.op), None)
    return nodes[0] * 2 if y is None else named("L", y) if rng.random() < 0.2 else y


GRAPHS = st.integers(0, 2**32 - 1).map(lambda seed: grown(random.Random(seed)))


def adjoints(y: Value) -> tuple[dict[tuple[Value, int], float], dict[Value, float]]:
    """By the ledger: what flows along every edge, and what arrives at every node."""
    flow: dict[tuple[Value, int], float] = {}
    total = {y: 1.0}
    for node, operand, place, _, _, contribution in ledger(y):
        flow[node, place] = contribution
        total[operand] = total.get(operand, 0.0) + contribution
    return flow, total


def read_names(y: Value, notation: str) -> dict[str, Value]:
    """Every name on the drawing, and whose it is; no name may be two Values'."""
    found = labels(y, notation=notation)
    sent = [
        (x, ahead)
        for (box, i), (ahead, _) in found.edges.items()
        if isinstance(x := box.args[i], Value)
    ]
    owners: dict[str, Value] = {}
    for x, ahead in [*sent, (y, found.roots[y][0])]:
        name, is_definition, _ = AS_TEXT[notation](ahead).partition("=")
        if x.op is None or is_definition or x is y:
            assert owners.setdefault(name.strip(), x) is x, (
                f"{name} stands for two Values"
            )
    return owners


def known_numbers(y: Value, notation: str) -> dict[str, Any]:
    """The names as numbers: u and ∂L/∂u."""
    owners, (_, total) = read_names(y, notation), adjoints(y)
    loss = y.name if y.name in ("L", "loss") else "L"
    known = {name: mpmath.mpf(v.data) for name, v in owners.items()}
    return known | {
        f"∂{loss}/∂{name}": mpmath.mpf(total[v]) for name, v in owners.items()
    }


def statements(y: Value, notation: str) -> Iterator[tuple[str, float]]:
    """Every label, and the number that it should stand for."""
    found, known, (flow, total) = (
        labels(y, notation=notation),
        known_numbers(y, notation),
        adjoints(y),
    )
    yield found.roots[y][1], 1.0
    for (box, i), (ahead, back) in found.edges.items():
        x = box.args[i]
        yield ahead, x.data if isinstance(x, Value) else x
        if isinstance(x, Value):
            yield back, flow[box.values[0], i]
    for x, text in found.sums.items():
        name = AS_TEXT[notation](text).partition("=")[0].strip()
        assert known[name] == total[x] or total[x] != total[x]
        yield text, total[x]


def check_labels(y: Value, notation: str) -> None:
    known = known_numbers(y, notation)
    for text, truth in statements(y, notation):
        side = AS_TEXT[notation](text).rpartition("=")[2]
        assert "…" in side or truth != truth or close(side, known, truth), (
            text,
            truth,
            formula(y),
        )


@random_graphs
@given(GRAPHS)
def test_every_label_is_true(y: Value) -> None:
    check_labels(y, "text")


@pytest.mark.parametrize("notation", ["latex", "mathml"])
@settings(random_graphs, max_examples=60)
@given(y=GRAPHS)
def test_every_label_is_true_in_other_notations(notation: str, y: Value) -> None:
    check_labels(y, notation)


@pytest.mark.parametrize("function", [f for f, _, _ in TABLE.values()], ids=TABLE)
def test_the_table_is_true(function: Callable[..., Value]) -> None:
    check_labels(built(function), "text")


class Lines(dict[str, Any]):
    """The lines of a formula: a letter is evaluated by its own line when it is first read."""

    def __init__(self, y: Value, notation: str) -> None:
        is_leaf = {
            name: v for name, v in read_names(y, notation).items() if v.op is None
        }
        super().__init__({name: mpmath.mpf(v.data) for name, v in is_leaf.items()})
        self.texts = dict(line.split("=") for line in formula_lines(y, notation))

    def __missing__(self, name: str) -> Any:
        self[name] = value(self.texts[name], self)
        return self[name]


def formula_lines(y: Value, notation: str) -> list[str]:
    """formula(y) as plain text, line by line, without blanks around the equals sign."""
    text = formula(y, notation)
    if notation == "latex":
        rows = (
            text.removeprefix(r"\begin{aligned}")
            .removesuffix(r"\end{aligned}")
            .split(r" \\ ")
        )
        lines = [from_latex(row.replace("&=", "=")) for row in rows]
    elif notation == "mathml":
        lines = [plain(row) for row in ElementTree.fromstring(text).iter("mtr")]
    else:
        lines = text.splitlines()
    return [re.sub(r"\s*=\s*", "=", line) for line in lines]


@pytest.mark.parametrize("notation", ["text", "latex", "mathml"])
@settings(random_graphs, max_examples=100)
@given(y=GRAPHS)
def test_formula_evaluates_to_the_data(notation: str, y: Value) -> None:
    lines = Lines(y, notation)
    name = formula_lines(y, notation)[0].partition("=")[0]
    rounded = re.search(r"\d\.\d{5,}|\d{6,}|10[⁻⁰-⁹^]", formula(y))
    assert abs(lines[name] - y.data) <= (1e-3 if rounded else 1e-8) * (
        1 + abs(y.data)
    ), formula(y)


def test_latex_reads_the_same_to_sympy() -> None:
    pytest.importorskip("antlr4")
    from sympy.parsing.latex import parse_latex

    for function, _, _ in TABLE.values():
        y = built(function)
        lines = (
            formula(y, "latex").partition("&= ")[2].removesuffix(r"\end{aligned}")
        )
        known_words = re.sub(
            r"\\operatorname\{(exp|log|sin|cos|tanh)\}", r"\\\1", lines
        )
        if r"\\" in lines or re.search(r"mathrm|operatorname|left\|", known_words):
            continue  # several lines, or words that SymPy would read as products of letters
        read = parse_latex(known_words.replace(r"\,", r"\cdot "))
        leaves_by_name = {
            read_names_back(v.name): v.data for v in toposort(y) if v.op is None
        }
        numbers = {
            symbol: leaves_by_name[symbol.name] for symbol in read.free_symbols
        }
        assert float(read.evalf(subs=numbers)) == pytest.approx(y.data, rel=1e-9), (
            lines
        )


def read_names_back(name: str) -> str:
    """x1 as SymPy calls it."""
    return re.sub(r"(\d+)$", r"_{\1}", name)


# -------------------------------------------------------------------------------------------- careful writing
UGLY = {
    "two signs": r"--|\+ ?-|- ?\+|·-|/-",
    "a dot at a sign": r"-·|\+·|··",
    "a factor or divisor of one": r"(?<![\d.])1·|/1(?![\d.])",
    "a term of zero": r"(?<![\d.])0 [+-]|[+-] 0(?![\d.])",
    "empty brackets": r"\(\)",
}


def bracketed(text: str) -> set[tuple[int, int]]:
    """The places of every pair of brackets."""
    opened: list[int] = []
    pairs: set[tuple[int, int]] = set()
    for i, character in enumerate(text):
        if character == "(":
            opened.append(i)
        elif character == ")":
            pairs.add((opened.pop(), i))
    assert not opened, text
    return pairs


def faults(text: str) -> list[str]:
    pairs = bracketed(text)
    doubled = ["double brackets"] * any((i + 1, j - 1) in pairs for i, j in pairs)
    return [
        what for what, pattern in UGLY.items() if re.search(pattern, text)
    ] + doubled


@random_graphs
@given(GRAPHS)
def test_texts_are_clean_and_short(y: Value) -> None:
    for text in [*all_texts(y), *formula(y).splitlines()]:
        assert not faults(text), text
        assert len(text) < 250, text
    lengths = sorted(map(len, all_texts(y)))
    assert lengths[len(lengths) // 2] <= 40


def test_the_faults_are_found() -> None:
    ugly = [
        "a + -b",
        "2·-a",
        "1·a",
        "a/1",
        "exp()",
        "0 + a",
        "a - 0",
        "((a+b))·c",
        "a--b",
        "-·a",
    ]
    fine = [
        "-a",
        "11·a",
        "0.1·a",
        "10 + a",
        "a·(b-1)",
        "1/(2·a)",
        "a/10",
        "-(-∞)",
        "f((a+b)·c)",
        "a^(-n)",
    ]
    assert all(map(faults, ugly))
    assert not any(map(faults, fine))


NUMBERS_WRITTEN: list[tuple[Callable[[Value], Value], str]] = [
    (lambda x: x / 3, "x/3"),
    (lambda x: x * (1 / 3), "x/3"),
    (lambda x: x / (2 / 3), "x/(2/3)"),
    (lambda x: x * (2 / 3), "2·x/3"),
    (lambda x: x * (13 / 17), "13·x/17"),
    (lambda x: x / 97, "x/97"),
    (lambda x: x / 998, "x/998"),
    (lambda x: 0.1 * x * 3, "0.3·x"),
    (lambda x: x / 2 / 3, "x/6"),
    (lambda x: 3 / x, "3/x"),
    (lambda x: 1 / x / 3, "1/(3·x)"),
    (lambda x: 1 / (4 * x), "1/(4·x)"),
    (lambda x: 0.25 * x, "0.25·x"),
    (lambda x: x / 3.14159, "x/3.14159"),
    (lambda x: 3.14159265 * x, "3.14159·x"),
    (lambda x: 123456 * x, "123456·x"),
    (lambda x: x + 1e-7, "x + 10⁻⁷"),
    (lambda x: 2.5e9 * x, "2.5·10⁹·x"),
    (lambda x: x * 1e200 * 1e200, "∞·x"),
    (lambda x: x + float("inf"), "x + ∞"),
    (lambda x: x + float("nan"), "x + nan"),
    (lambda x: x**0, "1"),
    (lambda x: x**1, "x"),
    (lambda x: x**-1, "1/x"),
    (lambda x: x**0.5, "x^0.5"),
    (lambda x: x**-0.5, "1/x^0.5"),
    (lambda x: x ** (1 / 3), "x^(1/3)"),
    (lambda x: (3 * x) ** 2, "9·x²"),
    (lambda x: (3 * x) ** 400, "(3·x)⁴⁰⁰"),
    (lambda x: (-x) ** 3, "-x³"),
    (lambda x: (-x) ** 0.5, "(-x)^0.5"),
    (lambda x: x**12, "x¹²"),
    (lambda x: 2 ** (x + 1), "2^(x+1)"),
    (lambda x: 0 * x, "0"),
    (lambda x: 0 * x + 1, "1"),
    (lambda x: x / x, "1"),
    (lambda x: x + 1 - x, "1"),
    (lambda x: 3 * x - 2 * x, "x"),
    (lambda x: 0 - -x, "x"),
    (lambda x: -1 * -x, "x"),
    (lambda x: -2 * (x - 1), "-2(x-1)"),
    (lambda x: -x - 1, "-x - 1"),
    (lambda x: -x + 1, "1 - x"),
    (lambda x: (-x - 1) * 2, "-2(x+1)"),
]


@pytest.mark.parametrize(
    "function, expected", NUMBERS_WRITTEN, ids=[text for _, text in NUMBERS_WRITTEN]
)
def test_numbers_signs_and_powers(
    function: Callable[[Value], Value], expected: str
) -> None:
    assert formula(function(Value(2.0, name="x"))) == f"y = {expected}"


AMBIGUOUS = {
    "a square in a power": (lambda x, n: x ** (n * n), "x^(n²)"),
    "an index and a square in a power": (lambda x, n1: x ** (n1 * n1), "x^(n₁²)"),
    "a power of ten": (lambda x: 10000000**x, "(10⁷)^x"),
    "a power of a fraction": (lambda x: (2 / 3) ** x, "(2/3)^x"),
    "a power of a power of ten": (lambda x: x / 1e300 / 1e300, "x/(10³⁰⁰)²"),
}


@pytest.mark.parametrize("function, expected", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_powers_of_powers_are_bracketed(
    function: Callable[..., Value], expected: str
) -> None:
    assert formula(built(function)) == f"y = {expected}"


def test_a_power_of_zero_is_zero() -> None:
    x = Value(2.0, name="x")
    assert formula((x - x) ** 2) == "y = 0"
    assert "x | 0" in written(exp((0 * x) ** 3))


# ----------------------------------------------------------------------------------------------- large graphs
def squared_often(x: Value) -> Value:
    return functools.reduce(lambda z, _: z * z, range(200), x)


def nested(x: Value) -> Value:
    return functools.reduce(lambda z, _: (z + 1) ** 2, range(40), x)


def shared_often(x: Value) -> Value:
    return functools.reduce(lambda z, _: sin(z) + z, range(40), x)


def summed(x: Value) -> Value:
    return sum([Value(i / 10) for i in range(1000)], start=exp(Value(x.data)))


def read_often(w: Value) -> Value:
    return sum((sin(w * i) for i in range(1, 300)), start=w)


def deep(x: Value) -> Value:
    return functools.reduce(lambda z, _: sin(z), range(2000), x)


@pytest.mark.parametrize(
    "function, most",
    [
        (squared_often, 100),
        (nested, 500),
        (shared_often, 2000),
        (summed, 10_000),
        (read_often, 10_000),
        (deep, 20_000),
    ],
)
def test_large_graphs_stay_short_and_take_a_moment(
    function: Callable[..., Value], most: int
) -> None:
    y = built(function)
    with at_most(20):  # a quadratic walk would take minutes
        lines, texts = formula(y).splitlines(), all_texts(y)
    assert sum(map(len, lines)) < most
    assert max(map(len, lines)) < 400
    assert max(map(len, texts)) < 120


def test_a_gradient_that_would_grow_long_gets_a_name() -> None:
    a = Value(0.3, name="a")
    y = functools.reduce(lambda x, f: x * f(a), [cos, exp, log, sqrt, tanh], sin(a))
    assert (
        "u = tanh(a) | ∂L/∂u = ∂L/∂y·sin(a)·cos(a)·exp(a)·log(a)·sqrt(a)"
        in written(y)
    )
    assert "a | ∂L/∂u·(1-u²)" in written(y)
    assert (
        "v = sqrt(a) | ∂L/∂v = ∂L/∂y·tanh(a)·sin(a)·cos(a)·exp(a)·log(a)"
        in written(y)
    )


def test_only_edges_are_cut() -> None:
    xs = leaves("a b c d e g h")
    product = functools.reduce(lambda x, y: x * y, xs)
    assert formula(product) == "y = a·b·c·d·e·g·h"
    assert "a·b·…·h | ∂L/∂y" in written(product + 1)
    assert "u = a + b + … + h | ∂L/∂u = ∂L/∂y·y" in written(
        exp(sum(xs[1:], start=xs[0]))
    )


# ------------------------------------------------------------------------------------------------------ names
WRITTEN_NAMES = [
    ("x", "x", "x", "<mi>x</mi>"),
    ("x1", "x₁", "x_{1}", "<msub><mi>x</mi><mn>1</mn></msub>"),
    ("x_12", "x₁₂", "x_{12}", "<msub><mi>x</mi><mn>12</mn></msub>"),
    ("w_in", "w_in", r"w_{\mathrm{in}}", "<msub><mi>w</mi><mi>in</mi></msub>"),
    ("price", "price", r"\mathrm{price}", "<mi>price</mi>"),
    ("σ", "σ", "σ", "<mi>σ</mi>"),
    (
        "가격2",
        "가격₂",
        r"\mathrm{가격}_{2}",
        "<msub><mi>가격</mi><mn>2</mn></msub>",
    ),
    (
        "a b",
        "(a b)",
        r"(\mathrm{a b})",
        "<mrow><mo>(</mo><mrow><mi>a b</mi></mrow><mo>)</mo></mrow>",
    ),
    (
        "a-b",
        "(a-b)",
        r"(\mathrm{a-b})",
        "<mrow><mo>(</mo><mrow><mi>a-b</mi></mrow><mo>)</mo></mrow>",
    ),
    ("50%", "50%", r"\mathrm{50\%}", "<mi>50%</mi>"),
    ("a&b", "a&b", r"\mathrm{a\&b}", "<mi>a&amp;b</mi>"),
    ("<b>", "<b>", r"\mathrm{<b>}", "<mi>&lt;b&gt;</mi>"),
    (r"\alpha", r"\alpha", r"\mathrm{\backslash alpha}", r"<mi>\alpha</mi>"),
    ("{x}", "{x}", r"\mathrm{\{x\}}", "<mi>{x}</mi>"),
    ("a$#", "a$#", r"\mathrm{a\$\#}", "<mi>a$#</mi>"),
    ("%s", "%s", r"\mathrm{\%s}", "<mi>%s</mi>"),
]


@pytest.mark.parametrize(
    "name, text, tex, markup",
    WRITTEN_NAMES,
    ids=[name for name, *_ in WRITTEN_NAMES],
)
def test_names_in_every_notation(
    name: str, text: str, tex: str, markup: str
) -> None:
    y = Value(2.0, name=name) + 1
    assert formula(y) == f"y = {text} + 1"
    assert latex(y) == rf"\begin{{aligned}}y &= {tex}+1\end{{aligned}}"
    assert f"{markup}<mo>+</mo><mn>1</mn>" in mathml(y)
    assert written(y)[1] == f"{text} | ∂L/∂y"


@pytest.mark.parametrize("name", ["layer 1", "x-1", "x\n2"])
def test_a_bracketed_name_has_no_index(name: str) -> None:
    assert formula(Value(2.0, name=name) + 1) == f"y = ({name}) + 1"


def test_a_name_with_a_raised_digit_is_bracketed_in_a_power() -> None:
    assert formula(Value(2.0, name="σ²") ** 2) == "y = (σ²)²"


@pytest.mark.parametrize("name", ["w1_2", "h1_out"])
def test_latex_has_no_double_index(name: str) -> None:
    assert not re.search(r"_\{[^{}]*\}_", latex(Value(2.0, name=name) * 2))


@pytest.mark.parametrize("base", [2 / 3, 1e7, 2.5e-8])
def test_latex_has_no_double_power_and_no_bare_fraction_in_one(base: float) -> None:
    assert not re.search(r"\}\^", latex(base ** Value(2.0, name="x")))


@settings(random_graphs, max_examples=50)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1))
def test_any_name_is_safe_in_latex_and_mathml(name: str) -> None:
    y = Value(2.0, name=name) * exp(Value(3.0, name="b"))
    tex = re.sub(r"\\[#$%&_{}]", "", latex(y).removeprefix(r"\begin{aligned}y &="))
    assert not re.search(r"[#$%&~]|(?<!\\hat\{\})\^", tex.replace(r"\hat{}", "")), (
        tex
    )
    assert tex.count("{") == tex.count("}")
    words = [
        element.text for element in ElementTree.fromstring(mathml(y)).iter("mi")
    ]
    assert set("".join(filter(None, words))) - {*"yexpb"} <= {*name}


def test_a_control_character_in_a_name_leaves_mathml_well_formed() -> None:
    ElementTree.fromstring(mathml(Value(2.0, name="a\x1bb\x00") * 2))


@pytest.mark.parametrize("names", ["w w w_1", "w1 w_1"])
def test_names_that_look_alike_are_told_apart(names: str) -> None:
    first, *others = leaves(names)
    check_labels(functools.reduce(lambda x, y: x * y, others, first), "text")


def test_letters_keep_clear_of_names() -> None:
    u, v, s1, y = leaves("u v s1 y")
    root = sin(u + v + s1 + y + u * v) * cos(exp(u * v * s1) * (y + u * s1))
    assert definitions(root).startswith("z = ")
    letters = {
        text.partition(" = ")[0]
        for text in all_texts(root)
        if " = " in text and "∂" not in text
    }
    assert letters == {"p", "q"}
    check_labels(root, "text")


SCARCE: dict[str, Callable[[], list[Value]]] = {
    "x is taken, one leaf has no name": lambda: [Value(2.0, name="x") * Value(3.0)],
    "x1 is taken, two leaves have no name": lambda: [
        Value(2.0, name="x1") * Value(3.0) * Value(5.0)
    ],
    "x_2 is taken, two leaves have no name": lambda: [
        Value(2.0, name="x_2") * Value(3.0) * Value(5.0)
    ],
    "y, z and f are taken": lambda: [(lambda y, z, f: y * z * f)(*leaves("y z f"))],
    "four roots have no name": lambda: [x * 2 for x in leaves("a b c d")],
    "all letters are taken": lambda: [
        sin(sum(leaves("u v s p q r"), start=exp(Value(0.0, name="x"))))
    ],
    "u is taken, and many letters are needed": lambda: [
        shared_often(Value(0.5, name="u"))
    ],
}


@pytest.mark.parametrize("roots", SCARCE.values(), ids=SCARCE)
def test_names_never_run_out(roots: Callable[[], list[Value]]) -> None:
    with at_most(2):
        made = roots()
        names = [ahead for ahead, _ in labels(*made).roots.values()]
        assert len({*names}) == len(made)
        for y in made:
            check_labels(y, "text")
            formula(y)


# ----------------------------------------------------------------------------- roots, losses, composites, ops
def test_several_roots() -> None:
    a, b = leaves("a b")
    assert written(a * b, a + b) == [
        "y | ∂L/∂y",
        "z | ∂L/∂z",
        "a | ∂L/∂z",
        "b | ∂L/∂z",
        "a | ∂L/∂y·b",
        "b | ∂L/∂y·a",
        "∂L/∂b = ∂L/∂z + ∂L/∂y·a",
        "∂L/∂a = ∂L/∂z + ∂L/∂y·b",
    ]


def test_what_comes_from_outside_stands_at_the_root() -> None:
    a, b = leaves("a b")
    inner = named("q", a * b)
    assert labels(inner, inner * a).roots[inner] == ("q", "∂L/∂q")


@pytest.mark.parametrize("name, options, gradient", [
    ("L", {}, "1"),
    ("loss", {}, "1"),
    ("E", {}, "∂L/∂E"),
    ("E", {"loss": "E"}, "1"),
    ("", {"loss": "E"}, "∂E/∂y"),
    ("L", {"loss": "E"}, "∂E/∂L"),
])  # fmt: skip
def test_the_loss_is_its_own_gradients_one(
    name: str, options: dict[str, str], gradient: str
) -> None:
    y = named(name, Value(2.0, name="a") + 1)
    assert written(y, **options) == [
        f"{name or 'y'} | {gradient}",
        f"a | {gradient}",
    ]


def test_gradients_are_of_the_loss_by_its_name() -> None:
    a, b = leaves("a b")
    loss = named("loss", named("h", a * b) ** 2)
    assert "h = a·b | ∂loss/∂h = 2·h" in written(loss)


def test_a_single_leaf() -> None:
    x = Value(2.0, name="x")
    assert written(x) == ["x | ∂L/∂x"]
    assert formula(x) == "x = 2"
    assert formula(Value(2.5)) == "y = 2.5"


def test_a_formula_that_no_one_would_read_is_refused() -> None:
    with at_most(10), pytest.raises(ValueError, match="100,001 nodes"):
        formula(functools.reduce(lambda z, _: -z, range(100_000), Value(2.0)))


@composite
def layer(a: Value, b: Value) -> Value:
    return named("h1", a * b + exp(a))


@composite
def pair(a: Value) -> tuple[Value, Value]:
    return a * 2, a * a


@composite(name="sigmoid")
def not_sigmoid(x: Value) -> Value:
    return x * x


def test_a_composite_without_a_line_in_the_table_has_partials_by_name() -> None:
    a, b, c = leaves("a b c")
    y = layer(a, b) * c
    assert written(y, collapse="layer") == [
        "y | ∂L/∂y",
        "h₁ = layer(a, b) | ∂L/∂h₁ = ∂L/∂y·c",
        "c | ∂L/∂y·h₁",
        "a | ∂L/∂h₁·∂h₁/∂a",
        "b | ∂L/∂h₁·∂h₁/∂b",
    ]
    assert definitions(y, collapse="layer") == "y = h₁·c; h₁ = layer(a, b)"


def test_a_composite_of_two_outputs() -> None:
    double, square = pair(Value(2.0, name="a"))
    assert written(double * square, collapse="pair") == [
        "y | ∂L/∂y",
        "u = pair₁(a) | ∂L/∂u = ∂L/∂y·v",
        "v = pair₂(a) | ∂L/∂v = ∂L/∂y·u",
        "a | ∂L/∂u·∂u/∂a + ∂L/∂v·∂v/∂a",
    ]


def test_a_composite_that_only_has_an_ops_name_is_not_that_op() -> None:
    y = not_sigmoid(Value(2.0, name="x"))
    assert written(y, collapse="sigmoid") == ["y | ∂L/∂y", "x | ∂L/∂y·∂y/∂x"]


@pytest.fixture
def cube() -> Op:
    return Op("cube", "cube", "x * x * x", (lambda z, x: 3 * x**2,))


@pytest.fixture
def squared_sign() -> Op:
    return Op(
        "hypotenuse",
        "⊕",
        "sqrt(x * x + y * y)",
        (lambda z, x, y: x / z, lambda z, x, y: y / z),
    )


def test_an_op_of_ones_own_is_written_without_further_work(cube: Op) -> None:
    y = cube(Value(2.0, name="x"))
    assert formula(y) == "y = cube(x)"
    assert latex(y) == r"\begin{aligned}y &= \operatorname{cube}(x)\end{aligned}"
    assert written(y) == ["y | ∂L/∂y", "x | ∂L/∂y·3·x²"]


def test_an_op_with_a_sign_is_written_by_its_formula(squared_sign: Op) -> None:
    y = squared_sign(*leaves("a b"))
    assert formula(y) == "y = sqrt(a²+b²)"
    assert written(y) == ["y | ∂L/∂y", "a | ∂L/∂y·a/y", "b | ∂L/∂y·b/y"]


# -------------------------------------------------------------------------------------------------- notations
def test_latex_and_mathml_of_the_sigmoid() -> None:
    y = 1 / (1 + exp(-Value(0.5, name="x")))
    assert (
        latex(y)
        == r"\begin{aligned}y &= \frac{1}{1+\operatorname{exp}(-x)}\end{aligned}"
    )
    assert mathml(y) == (
        '<math display="block"><mtable displaystyle="true"><mtr><mtd><mi>y</mi><mo>=</mo><mrow><mfrac><mrow>'
        "<mn>1</mn></mrow><mrow><mn>1</mn><mo>+</mo><mi>exp</mi><mrow><mo>(</mo><mrow><mo>−</mo><mi>x</mi></mrow>"
        "<mo>)</mo></mrow></mrow></mfrac></mrow></mtd></mtr></mtable></math>"
    )


def test_latex_has_bars_roots_and_tall_brackets() -> None:
    a, b = leaves("a b")
    assert latex(sqrt(absolute(a - b))).removeprefix(r"\begin{aligned}y &= ") == (
        r"\sqrt{\left|a-b\right|}\end{aligned}"
    )
    assert r"\operatorname{log}\left(\frac{a}{b}\right)" in latex(log(a / b))
    assert r"\frac{a-b}{a+b}" in latex((a - b) / (a + b))


def bare_texts(y: Value) -> list[str]:
    """What stands in the MathML outside of its tokens, where browsers do not show it."""
    marked = [
        mathml(y),
        *(f"<math>{text}</math>" for text in all_texts(y, notation="mathml")),
    ]
    elements = [
        element
        for markup in marked
        for element in ElementTree.fromstring(markup).iter()
    ]
    inside = [
        element.text
        for element in elements
        if element.tag not in ("mi", "mn", "mo")
    ]
    return [
        text for text in [*inside, *(element.tail for element in elements)] if text
    ]


def test_latex_has_a_gap_before_every_bracket_that_multiplies() -> None:
    x = Value(0.5, name="x")
    assert r"\frac{\partial L}{\partial y}\,y\,(1-y)" in all_texts(
        sigmoid(x), notation="latex"
    )
    assert r"&= 2\,(x+1)" in latex(2 * (x + 1))


@settings(random_graphs, max_examples=60)
@given(y=GRAPHS)
def test_mathml_has_text_in_tokens_only(y: Value) -> None:
    assert not bare_texts(y)


def test_mathml_has_its_dots_in_tokens_too() -> None:
    a, *others = leaves("a b c d e g h")
    assert not bare_texts(sum(others, start=a) + 1)
    assert not bare_texts(functools.reduce(lambda x, y: x * y, others, a) + 1)


SCRIPT = (
    GRAPH
    + """
from autograd import formula, labels
for notation in ("text", "latex", "mathml"):
    print(formula(y, notation))
    for collapse in (None, {"f", "g"}):
        print(list(labels(y, p, collapse=collapse, notation=notation).edges.values()))
        print(list(labels(y, collapse=collapse, notation=notation).sums.values()))
"""
)


def test_the_same_text_under_every_hash_seed() -> None:
    outputs = {run(SCRIPT, PYTHONHASHSEED=seed) for seed in ("0", "12345")}
    assert len(outputs) == 1
    assert b"w_in" in outputs.pop()


def test_leaves_of_one_name_are_numbered() -> None:
    a, b, w1 = (
        Value(x, name=name) for x, name in ((2.0, "w"), (3.0, "w"), (5.0, "w1"))
    )
    assert formula(a * b) == "y = w₁·w₂"
    assert formula(a * b * w1) == "y = w₂·w₃·w₁"
    assert [back for _, back in labels(a * b).edges.values()] == [
        "∂L/∂y·w₂",
        "∂L/∂y·w₁",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [("x1w1", "x1w1"), ("w0.1", "w0.1"), ("x12", "x₁₂"), ("x_1", "x₁")],
)
def test_only_a_plain_stem_has_an_index(name: str, text: str) -> None:
    assert formula(Value(2.0, name=name) * 3) == f"y = 3·{text}"


def test_a_composite_with_another_gradient_is_not_that_op() -> None:
    @composite(name="sign")
    def straight_through(x: Value) -> Value:
        return x + (sign(x) - x).detach()

    y = straight_through(Value(2.0, name="x"))
    assert [back for _, back in labels(y, collapse="sign").edges.values()] == [
        "∂L/∂y·∂y/∂x"
    ]


def test_two_composites_of_one_name_are_not_equal() -> None:
    def scaled(k: float, x: Value) -> Value:
        return composite(name="scale")(lambda x: x * k)(x)

    x = Value(3.0, name="x")
    text = formula(scaled(2.0, x) - scaled(3.0, x), collapse="scale")
    assert text.splitlines()[0] == "y = u - v"


def test_what_nobody_would_read_is_refused_at_once() -> None:
    y = Value(1.0)
    for _ in range(6000):
        y = y * 2
    for text in (formula, labels):
        with pytest.raises(ValueError, match=r"6,001 nodes"):
            text(y)


@pytest.mark.parametrize(
    ("f", "text"),
    [(lambda a: (a - a) ** 0, "y = 1"), (lambda a: (a - a) ** 2, "y = 0")],
)
def test_powers_of_nothing(f: Callable[[Value], Value], text: str) -> None:
    assert formula(f(Value(2.0, name="a"))) == text
