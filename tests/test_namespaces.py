"""The book's text in the words of array libraries: those that are installed, and one that lacks words."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograd import OPS, Op, Value, compile, exp, sin
from autograd.compiler.constants import declaration
from autograd.compiler.helpers import imports
from autograd.compiler.program import Program
from autograd.compiler.typesetting import WIDTH
from autograd.ops import TABLE
from nn import MLP, cross_entropy_with_logits, softmax

LACKING = ("__name__", "einsum", "concat", "permute_dims", "absolute")


@pytest.fixture
def register() -> Iterator[Callable[..., Op]]:
    """Ops that a test adds are gone after it."""
    before = {*OPS}
    yield Op
    for name in {*OPS} - before:
        del OPS[name]


def lean() -> Any:
    """A namespace that has NumPy's functions but no einsum, and takes no numbers where it wants arrays."""
    words = {name: value for name, value in vars(np).items() if name not in LACKING}

    def strictly(function: Any) -> Any:
        def call(x: Any, y: Any) -> Any:
            assert isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
            return function(x, y)

        return call

    words |= {"maximum": strictly(np.maximum), "minimum": strictly(np.minimum)}
    return SimpleNamespace(**words, permute=np.transpose, __name__="lean")


def attention() -> tuple[list[Value], list[Value], list[Value]]:
    """Three positions that look at each other, with two heads."""
    random.seed(3)
    xs = [
        [Value(random.gauss(0, 1), f"x{i}_{j}") for j in range(4)] for i in range(3)
    ]
    weights = MLP(4, [4], "linear", "linear", "pytorch")
    keys = [weights(x) for x in xs]
    outputs: list[Value] = []
    for q in keys:
        for head in (slice(0, 2), slice(2, 4)):
            scores = [
                sum(a * b for a, b in zip(q[head], k[head], strict=True))
                for k in keys
            ]
            shares = softmax(scores)
            outputs += [
                sum(p * k[head][i] for p, k in zip(shares, keys, strict=True))
                for i in range(2)
            ]
    return outputs, [x for row in xs for x in row], weights.parameters()


def classifier() -> tuple[list[Value], list[Value], list[Value]]:
    random.seed(1)
    model = MLP(3, [5, 4], "tanh", "linear", "pytorch")
    xs, ts = [
        [Value(0.1 * i, f"{s}{i}") for i in range(n)]
        for s, n in (("x", 3), ("t", 4))
    ]
    return (
        [cross_entropy_with_logits(model(xs), ts)],
        [*xs, *ts],
        model.parameters(),
    )


def library(name: str) -> Any:
    """The library, or a skip."""
    if name == "lean":
        return lean()
    if name == "jax.numpy":
        pytest.importorskip("jax").config.update("jax_enable_x64", True)
    return pytest.importorskip(name)


def as_numpy(x: Any) -> Any:
    return np.asarray(x.detach() if hasattr(x, "detach") else x)


@pytest.mark.parametrize("make", [attention, classifier])
@pytest.mark.parametrize(
    "name",
    ["numpy", "lean", "array_api_strict", "jax.numpy", "torch", "dask.array"],
)
def test_every_library_gives_the_programs_numbers(
    name: str, make: Callable[[], Any]
) -> None:
    xp, (outputs, inputs, parameters) = library(name), make()
    program = compile(outputs, inputs, parameters)
    X = np.random.default_rng(0).normal(size=(5, len(inputs)))
    seeds = np.random.default_rng(1).normal(size=(5, len(outputs)))
    f = program.function(xp)
    theta, rows, dy = (xp.asarray(a) for a in (program.theta, X, seeds))
    values = as_numpy(f(theta, rows)).reshape(5, -1)
    assert np.allclose(values, program(X).reshape(5, -1), rtol=1e-12, atol=1e-13)
    for got, wanted in zip(
        f.vjp(theta, rows, dy), program.vjp(X, seeds), strict=True
    ):
        assert np.allclose(as_numpy(got), wanted, rtol=1e-12, atol=1e-12)


def test_jax_goes_through() -> None:
    """grad through the printed forward pass is the printed backward pass; jit and vmap take it."""
    jax: Any = pytest.importorskip("jax")
    jnp = library("jax.numpy")
    program = compile(*single(classifier))
    X = np.random.default_rng(0).normal(size=(5, 7))
    f, theta, rows = (
        program.function(jnp),
        jnp.asarray(program.theta),
        jnp.asarray(X),
    )
    slope = jax.jit(jax.grad(lambda w: jnp.mean(f(w, rows))))(theta)
    assert np.allclose(slope, program.value_and_grad(X)[1], rtol=1e-12, atol=1e-13)
    both = jax.vmap(f.forward, (0, None))(jnp.stack([theta, 2 * theta]), rows)
    assert np.allclose(both[1], program(X, 2 * program.theta))


def test_torch_goes_through() -> None:
    torch: Any = pytest.importorskip("torch")
    program = compile(*single(classifier))
    X = np.random.default_rng(0).normal(size=(5, 7))
    theta = torch.tensor(program.theta, requires_grad=True)
    program.function(torch)(theta, torch.tensor(X)).mean().backward()
    assert np.allclose(
        theta.grad, program.value_and_grad(X)[1], rtol=1e-12, atol=1e-13
    )


def single(make: Callable[[], Any]) -> Any:
    (y,), inputs, parameters = make()
    return y, inputs, parameters


def test_a_word_that_a_library_lacks_is_named() -> None:
    x = Value(1.0, "x")
    without = SimpleNamespace(__name__="poor", asarray=np.asarray)
    f = compile(sin(x), [x]).function(without)
    with pytest.raises(
        NotImplementedError, match=r"^this array library has no sin, which"
    ):
        f(np.zeros(0), np.ones((1, 1)))


def test_an_op_of_pythons_math_runs_under_numpy_alone(
    register: Callable[..., Op],
) -> None:
    gamma = register("gamma_", "Γ", "gamma(x)", (lambda z, x: z,))
    x = Value(1.0, "x")
    program = compile(exp(gamma(x)), [x])
    assert program.function(np)(np.zeros(0), np.array([[4.0]])).tolist() == [
        math.exp(6)
    ]
    with pytest.raises(
        NotImplementedError, match="has no gamma, which the program"
    ):
        program.function(lean())(np.zeros(0), np.array([[4.0]]))


def test_several_outputs_have_no_value_and_grad() -> None:
    x = Value(1.0, "x")
    assert compile([x * x, sin(x)], [x]).function().value_and_grad is None


def test_a_graph_without_arrays_says_why() -> None:
    program = compile(*irregular())
    with pytest.raises(
        ValueError, match="there is no array text of this program: "
    ):
        program.function(np)
    assert program.source.startswith("# no arrays: ")
    assert "no array text: " in repr(program)


def irregular() -> Any:
    """A graph whose numbers have no formula in common."""
    x = Value(0.5, "x")
    y: Value = x
    for i in range(400):
        y = (
            (sin(y) if i % 3 else exp(-y * y)) * (x + i)
            if i % 7
            else y / (1 + y * y)
        )
    return y, [x], []


def test_constants_are_those_of_the_recording() -> None:
    """Text and plan are made later; a constant that changes meanwhile is the old one in them, too."""
    x, c = Value(2.0, "x"), Value(3.0, "c")
    program = compile(sin(c * x), [x], [])
    c.data = 5.0
    X = np.array([[2.0]])
    assert program(X)[0] == program.function()(np.zeros(0), X)[0] == math.sin(6.0)
    plan = program.plans.woven()
    assert plan and [t.data for t in plan.tensors.order if t.word == "const"] == [
        3.0
    ]


def test_printing_shows_the_text() -> None:
    x = Value(1.0, "x")
    program: Program = compile(sin(x), [x])
    assert str(program) == program.source
    assert program._repr_markdown_() == f"```python\n{program.source}\n```"
    space: dict[str, Any] = {}
    exec(program.source, space)  # noqa: S102  our own text
    assert space["forward"](None, np.array([[2.0]])).tolist() == [math.sin(2.0)]


@pytest.mark.parametrize("with_inputs", [True, False])
def test_a_list_with_one_output_keeps_its_axis(with_inputs: bool) -> None:
    """As the program does; the mean and its gradient are there all the same."""
    x, w = Value(0.5, "x"), Value(2.0, "w")
    for y in (x * w + sin(x), w * w, w + 0.0, x):
        program = compile([y], [x] if with_inputs else [])
        X = np.array([[1.0], [2.0], [3.0]]) if with_inputs else None
        f, n = program.function(np), 3 if with_inputs else 1
        shape = (n, 1) if with_inputs else (1,)
        wanted = program(X).reshape(shape)
        np.testing.assert_allclose(f(program.theta, X), wanted, rtol=1e-14)
        assert np.shape(f(program.theta, X)) == shape
        seeds = np.arange(1.0, n + 1).reshape(shape)
        by_theta, by_inputs = f.vjp(program.theta, X, seeds)
        both = program.vjp(X, seeds)
        np.testing.assert_allclose(by_theta, both[0], rtol=1e-14)
        if with_inputs:
            np.testing.assert_allclose(by_inputs, both[1], rtol=1e-14)
        assert f.value_and_grad is not None
        mean, gradient = f.value_and_grad(program.theta, X)
        np.testing.assert_allclose(mean, program.value_and_grad(X)[0], rtol=1e-14)
        np.testing.assert_allclose(
            gradient, program.value_and_grad(X)[1], rtol=1e-14
        )


def plain_leaf() -> Any:
    """A text without any word of a library."""
    x, w = Value(0.5, "x"), Value(2.0, "w")
    return [x * w, x + w], [x, w], []


def test_a_text_without_words_has_no_import() -> None:
    assert imports([]) == ""
    for outputs, inputs, parameters in (plain_leaf(), ([Value(3.0) * 2], [], [])):
        source = compile(outputs, inputs, parameters).source
        assert not source.startswith("\n") and "import \n" not in source
        exec(source, {})  # noqa: S102  our own text


@pytest.mark.parametrize("rows", [3, 40, 400])
def test_long_constants_are_wrapped(rows: int) -> None:
    """Rows of a unit matrix, numbers of many kinds, in lines that a page has."""
    unit = np.eye(5)[np.arange(rows) * 7 % 5]
    for numbers in (unit, np.tri(rows), np.arange(rows), unit > 0, unit + 0.5):
        text = declaration("hot", numbers)
        assert max(map(len, text.split("\n"))) <= WIDTH
        space: dict[str, Any] = {}
        exec(f"from numpy import *\n{text}", space)  # noqa: S102  our own text
        np.testing.assert_array_equal(space["hot"], numbers)


def unwoven(width: int) -> Any:
    """A graph of every op, without formulas in common, of many inputs."""
    y, inputs, _ = irregular()
    leaves = [Value(0.3 + 0.001 * i, f"some_name_{i}") for i in range(width)]
    total = y * 1e-3
    for i, op in enumerate([op for op in OPS.values() if op.name in TABLE]):
        args = [leaves[(i + k) % width] for k in range(len(op.operands))]
        total = total * 0.5 + op(*args)
    return total, inputs, leaves


@pytest.mark.parametrize("width", [3, 60])
def test_a_straight_line_runs_as_it_stands(width: int) -> None:
    y, inputs, parameters = unwoven(width)
    program = compile([y, y * 2.0], inputs, parameters)
    source = program.source
    assert source.startswith("# no arrays: ") and "one row" in source
    assert max(map(len, source.split("\n"))) <= WIDTH
    space: dict[str, Any] = {}
    exec(source, space)  # noqa: S102  our own text
    found = space["sweep"]([0.7], program.theta.tolist(), [1.0, 3.0])
    assert found[0] == program([[0.7]])[0].tolist()
    by_theta, by_inputs = program.vjp([[0.7]], [[1.0, 3.0]])
    assert found[1] == by_theta.tolist() and [found[2]] == by_inputs.tolist()


def test_constants_are_of_the_kind_that_is_asked_for() -> None:
    """Floats have the dtype; all are on the device."""
    x = [Value(0.5, f"x{i}") for i in range(4)]
    weights = [0.1, 0.7, -0.3, 0.9]
    hidden = [sin(v * c + c) for v, c in zip(x, weights, strict=True)]
    mixed = [hidden[i] * hidden[j] for i, j in ((2, 0), (0, 3), (1, 1), (3, 0))]
    program = compile([*mixed, *hidden], x)
    asked: list[tuple[str, dict[str, Any]]] = []

    def asarray(numbers: Any, **kind: Any) -> Any:
        asked.append((np.asarray(numbers).dtype.kind, kind))
        return np.asarray(numbers, kind.get("dtype"))

    words = {name: word for name, word in vars(np).items() if name != "__name__"}
    xp = SimpleNamespace(**words | {"asarray": asarray}, __name__="placed")
    f = program.function(xp, dtype=np.float32, device="there")
    assert {"f"} <= {kind for kind, _ in asked}
    for kind, given in asked:
        wanted = {"device": "there"}
        assert given == (wanted | {"dtype": np.float32} if kind == "f" else wanted)
    rows = np.ones((2, 4), np.float32)
    assert f(np.zeros(0, np.float32), rows).dtype == np.float32
    asked.clear()
    program.function(xp)
    assert asked and all(not given for _, given in asked)


def test_torch_takes_float32_constants() -> None:
    torch: Any = pytest.importorskip("torch")
    x, y = Value(0.5, "x"), Value(0.25, "y")
    program = compile([sin(x * 0.1 + 0.3), sin(y * 0.7 + 0.9)], [x, y])
    f = program.function(torch, dtype=torch.float32, device="cpu")
    theta, X = torch.zeros(0, dtype=torch.float32), torch.ones((2, 2))
    assert f(theta, X).dtype == torch.float32
    dy = torch.ones((2, 2))
    assert f.vjp(theta, X, dy)[1].dtype == torch.float32
