"""The benchmark's workloads: the same loss and gradient in this engine, eager and compiled, and in others.

Every workload names the ways through it, what each must agree with, and which of their times are compared.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module, util
from typing import Any, cast

import numpy as np

import autograd
from autograd import Program, Value, compile, toposort, zero_grad
from nn import MLP, SGD, bce, fit, hinge

from . import rivals
from .graphs import (
    STEPS,
    Transformer,
    cross_entropy,
    irregular_loss,
    long_formula,
    moons_loss,
    one_sigmoid,
    sigmoid,
)
from .newton import derivatives, goldstein_price, newton
from .rivals import Array, Net, Result, Way

EAGER, COMPILED, NUMPY = "eager", "compiled", "hand-written NumPy"
TORCH, JAX, CASADI, MICROGRAD = "PyTorch", "JAX jit", "CasADi", "micrograd"
PACKAGES = {TORCH: "torch", JAX: "jax", CASADI: "casadi", MICROGRAD: "micrograd"}
DISTINCT = 16  # rows of a table differ; then they repeat, so that 16 eager rows check them all
ANY = math.nan  # nothing to reach


@dataclass(frozen=True)
class Size:
    """How large the workloads are."""

    widths: tuple[int, ...] = (2, 64, 32, 16, 1)
    rows: tuple[int, ...] = (1, 4, 16, 64, 256, 1024, 4096, 16384)
    epochs: int = 5001
    samples: int = 100
    moons: tuple[int, ...] = (2, 16, 16, 1)
    name: str = "amelia"
    width: int = 16
    table: tuple[int, ...] = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
    chain: int = 1_000_000
    irregular: int = 5600
    rounds: int = 15
    span: float = 0.01  # seconds that a way runs in a round, at least


QUICK = Size(
    (2, 3, 1), (1, 4, 20), 3, 5, (2, 4, 1), "eve", 8, (1, 30), 1000, 60, 1, 0.0
)


@dataclass(frozen=True)
class Goal:
    """Two ways to compare: how many times as fast one is; with ``part``, what part of the time it takes."""

    ours: str
    theirs: str
    reach: float = ANY
    part: bool = False


@dataclass
class Workload:
    """Ways through the same task; the first one is what the others must agree with."""

    title: str
    ways: dict[str, Way]
    goals: list[Goal]
    per: int = 1  # times are shown for one of so many
    untimed: list[str] = field(default_factory=list[str])


def installed(engine: str) -> bool:
    """Whether the package of another engine is there."""
    return engine not in PACKAGES or util.find_spec(PACKAGES[engine]) is not None


def counted(rows: int) -> str:
    """A number of rows."""
    return f"{rows:,} row{'s' * (rows > 1)}"


def gradients(values: Sequence[Any]) -> Array:
    """Their gradients as an array."""
    return np.array([v.grad for v in values])


def eager_way(loss: Callable[[], Any], parameters: Sequence[Any]) -> Way:
    """The graph is built, then swept, as in every step of eager training."""

    def result() -> Result:
        for p in parameters:
            p.grad = 0.0
        y = loss()
        y.backward()
        return y.data, gradients(parameters)

    return Way(lambda: loss().backward(), result)


def compiled_way(
    program: Program, X: Any = None, rate: float = 0.0, tolerance: float = 1e-9
) -> Way:
    """Loss, gradient and, with a rate, a step of gradient descent."""
    theta = program.theta

    def step() -> None:
        _, gradient = program.value_and_grad(X, theta)
        if rate:
            np.multiply(gradient, rate, out=gradient)
            np.subtract(theta, gradient, out=theta)

    return Way(step, lambda: program.value_and_grad(X, theta), tolerance)


def deep_xor(size: Size, rows: int) -> tuple[Net, MLP, MLP]:
    """The net of sigmoids, written as formulas and as nn's op, and its table; four rows are XOR's own."""
    random.seed(7)
    deep = MLP(size.widths[0], size.widths[1:], "sigmoid", "sigmoid", "pytorch")
    formulas = MLP(size.widths[0], size.widths[1:], sigmoid, sigmoid, "pytorch")
    for p, q in zip(formulas.parameters(), deep.parameters(), strict=True):
        p.data = q.data
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    points = (
        corners
        if rows <= 4
        else np.random.default_rng(1).uniform(size=(DISTINCT, 2))
    )
    X = np.resize(points, (rows, 2))
    t = np.logical_xor(X[:, 0] > 0.5, X[:, 1] > 0.5).astype(float)
    return (
        Net(size.widths, np.array([p.data for p in deep.parameters()]), X, t, 0.1),
        formulas,
        deep,
    )


def xor_way(
    model: MLP, loss: Callable[[Any, Any], Any], net: Net
) -> tuple[Way, Way]:
    """Eager over the rows that differ, and compiled over all."""
    row, t = [Value(0.3, "x1"), Value(0.7, "x2")], Value(1.0, "t")
    program = compile(loss(model(row), t), [*row, t], model.parameters())

    def result() -> Result:
        zero_grad(*model.parameters())
        total, repeats = (
            0.0,
            np.bincount(np.arange(len(net.X)) % DISTINCT) / len(net.X),
        )
        for x, target, weight in zip(
            net.X.tolist(), net.t.tolist(), repeats.tolist(), strict=False
        ):
            y = loss(model(x), target)
            y.backward(weight)
            total += weight * y.data
        return total, gradients(model.parameters())

    return Way(result, result), compiled_way(
        program, np.column_stack([net.X, net.t]), net.rate
    )


def xor_steps(size: Size) -> Iterator[Workload]:
    """A step of the deep XOR net at 4 rows in every engine, and for every size of table beside NumPy."""
    net, formulas, deep = deep_xor(size, 4)
    (eager, compiled), (_, by_nn) = (
        xor_way(formulas, cross_entropy, net),
        xor_way(deep, bce, net),
    )
    ways = {
        EAGER: eager,
        COMPILED: compiled,
        "compiled, nn's ops": by_nn,
        NUMPY: rivals.numpy_xor(net),
    }
    others = {
        TORCH: lambda: rivals.torch_xor(net),
        JAX: lambda: rivals.jax_xor(net),
    }
    others[CASADI] = lambda: rivals.casadi_xor(net)
    ways |= {engine: make() for engine, make in others.items() if installed(engine)}
    goals = [
        Goal(ours, theirs, reach, theirs == NUMPY)
        for ours in list(ways)[1:3]
        for theirs, reach in (
            (NUMPY, 0.65),
            (TORCH, 12),
            (JAX, 1.8),
            (CASADI, ANY),
            (EAGER, ANY),
        )
    ]
    yield Workload("deep XOR net, a step, 4 rows", ways, goals)
    for rows in size.rows:
        net, model, _ = deep_xor(size, rows)
        eager, compiled = xor_way(model, cross_entropy, net)
        ways = {EAGER: eager, COMPILED: compiled, NUMPY: rivals.numpy_xor(net)}
        goal = Goal(COMPILED, NUMPY, 0.5 if rows >= 4096 else 0.9, part=True)
        yield Workload(
            f"deep XOR net, a step, {counted(rows)}", ways, [goal], untimed=[EAGER]
        )


def xor_training(size: Size) -> Iterator[Workload]:
    """The whole training through fit, beside a plain loop of PyTorch's; the first losses must agree."""
    net, _, model = deep_xor(size, 4)
    parameters = model.parameters()

    def train(engine: str, epochs: int) -> Result:
        for p, x in zip(parameters, net.theta.tolist(), strict=True):
            p.data = x
        rate, X, t = SGD(1.0), net.X.tolist(), net.t.tolist()
        losses = fit(
            model, X, t, loss="bce", optimizer=rate, epochs=epochs, engine=engine
        ).loss
        return losses[0], np.array(losses)

    def other(make: Callable[[Net], Way], epochs: int) -> Result:
        way = make(Net(net.sizes, net.theta, net.X, net.t, 1.0))
        losses = np.array([cast("Any", way.step()).item() for _ in range(epochs)])
        return losses[0], losses

    few = min(size.epochs, 20)
    ways = {EAGER: Way(lambda: train(EAGER, few), lambda: train(EAGER, few))}
    ways[COMPILED] = Way(
        lambda: train(COMPILED, size.epochs), lambda: train(COMPILED, few)
    )
    for engine, make in ((NUMPY, rivals.numpy_xor), (TORCH, rivals.torch_xor)):
        if installed(engine):
            runs = [partial(other, make, epochs) for epochs in (size.epochs, few)]
            ways[engine] = Way(
                runs[0], runs[1], rivals.SINGLE if engine == TORCH else 1e-9
            )
    goals = [Goal(COMPILED, TORCH, 8), Goal(COMPILED, NUMPY, part=True)]
    yield Workload(
        f"deep XOR net, {size.epochs} epochs by fit", ways, goals, untimed=[EAGER]
    )


def moons(size: Size) -> Iterator[Workload]:
    """Two moons, unrolled over the samples, and the same with the samples as rows of a table."""
    random.seed(1337)
    model, rng = MLP(size.moons[0], size.moons[1:]), np.random.default_rng(1)
    angle = rng.uniform(0, math.pi, size.samples)
    t = np.resize([1.0, -1.0], size.samples)
    arcs = np.column_stack(
        [np.cos(angle) * t + (t < 0), np.sin(angle) * t + (t < 0) / 2]
    )
    X = arcs + rng.normal(0, 0.1, arcs.shape)
    net = Net(
        size.moons, np.array([p.data for p in model.parameters()]), X, t, 0.01, 1e-4
    )
    build = partial(moons_loss, model, X.tolist(), t.tolist(), Value)
    nodes, parameters = len(toposort(build())), model.parameters()
    row, target = [Value(0.0, "x1"), Value(0.0, "x2")], Value(1.0, "t")
    loss = hinge(model(row), target) + 1e-4 * sum(p * p for p in parameters)
    ways = {EAGER: eager_way(build, parameters)}
    ways[COMPILED] = compiled_way(
        compile(build(), parameters=parameters), rate=net.rate
    )
    rows = compile(loss, [*row, target], parameters)
    ways["compiled, inputs"] = compiled_way(rows, np.column_stack([X, t]), net.rate)
    ways |= {NUMPY: rivals.numpy_moons(net)}
    if installed(TORCH):
        ways[TORCH] = rivals.torch_moons(net)
    if installed(MICROGRAD):
        ways[MICROGRAD] = micrograd_moons(net)
    goals = [
        Goal(ours, theirs, reach, theirs == NUMPY)
        for ours in list(ways)[1:3]
        for theirs, reach in (
            (NUMPY, 0.6),
            (TORCH, 12),
            (MICROGRAD, 10_000),
            (EAGER, ANY),
        )
    ]
    yield Workload(f"two moons, {nodes:,} nodes, a step", ways, goals)


def micrograd_moons(net: Net) -> Way:
    """micrograd's own MLP with the same weights."""
    model: Any = import_module("micrograd.nn").MLP(
        net.sizes[0], list(net.sizes[1:])
    )
    for p, x in zip(model.parameters(), net.theta.tolist(), strict=True):
        p.data = x
    kind: Any = import_module("micrograd.engine").Value
    return eager_way(
        partial(moons_loss, model, net.X.tolist(), net.t.tolist(), kind),
        model.parameters(),
    )


def transformer(size: Size) -> Iterator[Workload]:
    """The loss of a name and its gradient."""
    model = Transformer(size.width, len(size.name) + 1)
    build = partial(model.loss, size.name)
    ways = {EAGER: eager_way(build, model.parameters)}
    ways[COMPILED] = compiled_way(compile(build(), parameters=model.parameters))
    title = f"character transformer, {len(toposort(build())):,} nodes"
    yield Workload(title, ways, [Goal(COMPILED, EAGER, 300)])


FORMULAS = {
    "sigmoid": (one_sigmoid, rivals.numpy_sigmoid, 1),
    "25 operations": (long_formula, rivals.numpy_formula, 3),
}


def formulas(size: Size) -> Iterator[Workload]:
    """A formula with its gradient by the inputs, for tables of every length."""
    for name, (formula, by_hand, inputs) in FORMULAS.items():
        for n in size.table:
            X = np.random.default_rng(n).normal(size=(n, inputs))
            last = n == max(size.table) and name != "sigmoid"
            ways = formula_ways(formula, by_hand, X)
            goals = [
                Goal(COMPILED, NUMPY, 0.7 if last else ANY, part=True),
                Goal(COMPILED, CASADI),
            ]
            yield Workload(
                f"{name}, gradient by inputs, {counted(n)}",
                ways,
                goals,
                untimed=[EAGER],
            )


def formula_ways(
    formula: Callable[..., Any], by_hand: Callable[..., tuple[Array, ...]], X: Array
) -> dict[str, Way]:
    """Eager rows here and there, against which all others are checked."""
    leaves = [Value(x, name) for x, name in zip(X[0].tolist(), "xyz", strict=False)]
    program, columns = (
        compile(formula(autograd, *leaves), leaves),
        [*np.ascontiguousarray(X.T)],
    )
    places = np.unique(np.linspace(0, len(X) - 1, DISTINCT).astype(int))

    def eager() -> Result:
        found, total = list[Array](), 0.0
        for row in X[places].tolist():
            xs = [Value(x) for x in row]
            (y := formula(autograd, *xs)).backward()
            total += y.data
            found.append(gradients(xs))
        return total, np.concatenate(found)

    def numpy_result() -> Result:
        y, *found = by_hand(*columns)
        return y[places].sum(), np.column_stack(found)[places].ravel()

    def compiled_result() -> Result:
        return program(X)[places].sum(), program.vjp(X)[1][places].ravel()

    ways = {
        EAGER: Way(eager, eager),
        COMPILED: Way(lambda: program.vjp(X), compiled_result),
    }
    ways[NUMPY] = Way(lambda: by_hand(*columns), numpy_result)
    if installed(CASADI):
        ways[CASADI] = rivals.casadi_formula(formula, X, places)
    return ways


def irregular(size: Size) -> Iterator[Workload]:
    """A random graph in which there is nothing to group."""
    rng = random.Random(0)
    leaves = [Value(rng.uniform(-1, 1)) for _ in range(9)]
    spans = range(len(leaves), len(leaves) + size.irregular)
    recipe = [
        (rng.randrange(len(STEPS)), rng.randrange(n), rng.randrange(n))
        for n in spans
    ]
    y = irregular_loss(recipe, leaves)
    program = compile(y, leaves[:3], leaves[3:])
    row = np.array([[v.data for v in leaves[:3]]])
    ways = {EAGER: eager_way(partial(irregular_loss, recipe, leaves), leaves[3:])}
    ways["eager, recorded"] = eager_way(lambda: y.forward(), leaves[3:])
    ways[COMPILED] = compiled_way(program, row, tolerance=0.0)
    goals = [Goal(COMPILED, EAGER, 4), Goal(COMPILED, "eager, recorded", 4)]
    yield Workload(
        f"irregular graph, {len(toposort(y)):,} nodes, bit-equal", ways, goals
    )


def descents(size: Size) -> Iterator[Workload]:
    """Newton's method: a graph with its gradient and Hessian at every point, or one program."""
    inputs, outputs = derivatives(goldstein_price, 0.3, 0.7)
    program = compile(outputs, inputs)

    def way(at: Callable[[Any], Array]) -> Way:
        def result() -> Result:
            end = newton(at, [0.5, -0.5])[-1]
            return float(at(end)[0]), end

        return Way(lambda: newton(at, [0.5, -0.5]), result)

    eager = way(
        lambda at: np.array([v.data for v in derivatives(goldstein_price, *at)[1]])
    )
    ways = {EAGER: eager, COMPILED: way(lambda at: program([at])[0])}
    yield Workload(
        "Newton's method, Goldstein-Price, 7 steps", ways, [Goal(COMPILED, EAGER)]
    )


def workloads(size: Size) -> Iterator[Workload]:
    """All of them, each made when its turn comes."""
    for make in (
        xor_steps,
        xor_training,
        moons,
        transformer,
        formulas,
        irregular,
        descents,
    ):
        yield from make(size)


def compiled_graphs(
    size: Size,
) -> Iterator[tuple[str, Callable[[], Value], dict[str, Any]]]:
    """What is compiled where compiling is measured: a name, the graph, and the leaves' parts."""
    _, model, _ = deep_xor(size, 4)
    row, t = [Value(0.3), Value(0.7)], Value(1.0)
    parts = {"inputs": [*row, t], "parameters": model.parameters()}
    yield "deep XOR net", lambda: cross_entropy(model(row), t), parts
    mlp = MLP(size.moons[0], size.moons[1:])
    X, signs = (
        np.random.default_rng(0).normal(size=(size.samples, 2)).tolist(),
        [1.0, -1.0] * size.samples,
    )
    yield (
        "two moons",
        lambda: moons_loss(mlp, X, signs[: size.samples], Value),
        {"parameters": mlp.parameters()},
    )
    letters = Transformer(size.width, len(size.name) + 1)
    yield (
        "transformer",
        lambda: letters.loss(size.name),
        {"parameters": letters.parameters},
    )
