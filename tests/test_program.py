"""compile: the same numbers as eager, for any graph, row by row."""

import pickle
import random
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from autograd import Value, compile, cos, exp, log, relu, sin, step, tanh, where, zero_grad

Array = NDArray[np.float64]
Graph = tuple[list[Value], list[Value], list[Value]]  # outputs, inputs, parameters


def irregular(size: int, seed: int, inputs: int = 3, parameters: int = 4) -> Graph:
    """A graph of bounded numbers without any structure; most nodes have a way to the output."""
    rng = random.Random(seed)
    xs = [Value(rng.uniform(-1, 1), f"x{i}") for i in range(inputs)]
    ws = [Value(rng.uniform(-1, 1), f"w{i}") for i in range(parameters)]
    nodes = [*xs, *ws]
    makers = [
        lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x - y, lambda x, y: x * y + x,
        lambda x, y: tanh(x), lambda x, y: sin(x), lambda x, y: -x, lambda x, y: relu(x),
        lambda x, y: log(x * x + 1.0), lambda x, y: exp(cos(x)), lambda x, y: x / (y * y + 1.0),
        lambda x, y: 1 / (x * x + 2.0), lambda x, y: where(step(x), y, x), lambda x, y: x * 0.5 + 1.0,
    ]  # fmt: skip
    for _ in range(size):
        made = rng.choice(makers)(rng.choice(nodes), rng.choice(nodes))
        nodes.append(tanh(made) if abs(made.data) > 3 else made)
    total = sum(v * round(rng.uniform(-1, 1), 2) for v in rng.sample(nodes, len(nodes) // 3 + 1))
    return [nodes[-1] + total], xs, ws


def eager(graph: Graph, X: Array, seeds: Array) -> tuple[Array, Array, Array]:
    """Outputs, the parameters' gradient and the inputs' gradients, by the engine, row by row."""
    outputs, inputs, parameters = graph
    found, gradient, by_inputs = (
        np.zeros((len(X), len(outputs))),
        np.zeros(len(parameters)),
        np.zeros(X.shape),
    )
    for i, row in enumerate(X.tolist()):
        for v, x in zip(inputs, row, strict=True):
            v.data = x
        zero_grad(*inputs, *parameters)
        for y, seed in zip(outputs, seeds[i].tolist(), strict=True):
            y.forward().backward(seed)
        found[i] = [y.data for y in outputs]
        gradient += [p.grad for p in parameters]
        by_inputs[i] = [x.grad for x in inputs]
    return found, gradient, by_inputs


def close(found: Array, wanted: Array, rtol: float = 1e-12) -> bool:
    """Equal to within rounding of the largest entry; inf and nan at the same places."""
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = float(finite.max()) if finite.size else 0.0
    return np.allclose(found, wanted, rtol=rtol, atol=rtol * scale, equal_nan=True)


def agrees(graph: Graph, X: Array, rng: np.random.Generator) -> None:
    """The program computes what the engine computes."""
    outputs, inputs, parameters = graph
    seeds = rng.normal(size=(len(X), len(outputs)))
    program = compile(outputs, inputs, parameters)
    found, gradient, by_inputs = eager(graph, X, seeds)
    assert close(program(X), found)
    got, got_by_inputs = program.vjp(X, seeds)
    assert close(got, gradient)
    assert close(got_by_inputs, by_inputs)


@pytest.mark.parametrize("seed", range(40))
def test_irregular_graphs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = irregular(int(rng.integers(0, 80)), seed, int(rng.integers(1, 4)), int(rng.integers(1, 6)))
    agrees(graph, rng.normal(size=(int(rng.integers(1, 8)), len(graph[1]))), rng)


def test_a_program_pickles() -> None:
    outputs, inputs, parameters = irregular(40, 1)
    program, X = compile(outputs, inputs, parameters), np.random.default_rng(0).normal(size=(3, 3))
    wanted = program(X)
    program.theta = program.theta + 0.0  # the graph is stale now
    assert np.array_equal(pickle.loads(pickle.dumps(program))(X), wanted)


def leaf_lists() -> list[tuple[Sequence[int], Sequence[int]]]:
    return [([0, 0], []), ([0], [0]), ([], [1, 1]), ([2], []), ([], [2])]


@pytest.mark.parametrize(("inputs", "parameters"), leaf_lists())
def test_a_leaf_has_one_part(inputs: Sequence[int], parameters: Sequence[int]) -> None:
    values = [Value(1.0), Value(2.0)]
    values.append(values[0] * values[1])
    with pytest.raises(ValueError, match=r"named twice|is computed by"):
        compile(values[2], [values[i] for i in inputs], [values[i] for i in parameters])
