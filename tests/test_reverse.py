"""The reverse sweep alone: arrays in, arrays out, against the engine's gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograd import Value, compile, exp, grad, log, sigmoid, sin, tanh
from autograd.compiler.reverse import Adjoints, reverse
from autograd.compiler.tensors import NotWovenError, Tensor, Tensors
from autograd.compiler.weaving import Woven, weave
from nn import MLP, softmax
from tests.structured import structured
from tests.tensors_by_numpy import evaluated

BOTH = ("theta", "X")


def by_places(
    adjoints: dict[Tensor, Tensor], found: Any, shape: tuple[int, ...]
) -> Any:
    """The adjoints of leaves, added up by their places."""
    total = np.zeros(shape)
    for leaf, adjoint in adjoints.items():
        numbers = np.broadcast_to(
            found[adjoint], (*found[adjoint].shape[:1], *leaf.shape)
        )
        flat = numbers.reshape(len(numbers), -1)
        for k, place in enumerate(leaf.data.ravel().tolist()):
            total[..., place] += flat[:, k] if len(shape) > 1 else flat[0, k]
    return total


def gradients(
    woven: Woven, adjoints: Adjoints, X: Any, seeds: Any
) -> tuple[Any, Any]:
    """By the parameters, and for every row by the inputs."""
    theta = np.array([p.data for p in woven.parameters])
    columns = {i: seeds[:, i] for i in range(seeds.shape[1])}
    found = evaluated(woven.tensors.order, theta, X, columns)
    return (
        by_places(adjoints.theta, found, theta.shape),
        by_places(adjoints.X, found, X.shape),
    )


@pytest.mark.parametrize("seed", range(60))
def test_random_structures(seed: int) -> None:
    outputs, inputs, parameters = structured(seed)
    try:
        woven = weave(outputs, inputs, parameters)
    except NotWovenError:
        pytest.skip("few formulas in common")
    adjoints = reverse(woven.tensors, woven.outputs, rows=True, by=BOTH)
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3, len(inputs)))
    seeds = rng.normal(size=(3, len(outputs)))
    wanted = compile(outputs, inputs, parameters).vjp(X, seeds)
    for got, truth in zip(
        gradients(woven, adjoints, X, seeds), wanted, strict=True
    ):
        size = max(float(np.abs(truth).max(initial=0.0)), 1e-6)
        assert np.abs(got - truth).max(initial=0.0) <= 1e-11 * size


def net() -> tuple[Value, list[Value]]:
    xs = [Value(0.3 * i - 0.2, f"x{i + 1}") for i in range(3)]
    hidden = MLP(3, [4], "linear", "tanh", "pytorch")(xs)
    return sigmoid(sum(softmax(hidden)[:2])) * tanh(hidden[0]), xs


def formula() -> tuple[Value, list[Value]]:
    xs = [Value(0.7, "x1"), Value(-0.4, "x2")]
    return exp(xs[0] * xs[1]) * sin(xs[0]) ** 2 / (1 + log(1 + xs[1] * xs[1])), xs


@pytest.mark.parametrize("make", [net, formula])
def test_differentiating_twice_gives_the_gradient_of_the_gradient(
    make: Any,
) -> None:
    y, xs = make()
    woven = weave([y], xs, [])
    tensors, row = woven.tensors, [x.data for x in xs]
    first = reverse(tensors, woven.outputs, rows=True, by=["X"])
    slopes = [total(tensors, x) for x in first.X.values()]
    whole = slopes[0]
    for slope in slopes[1:]:
        whole = tensors.op("add", whole, slope)
    second = reverse(tensors, [whole], rows=True, by=["X"])
    found = evaluated(
        tensors.order, np.zeros(0), np.array([row]), {0: np.ones((1, 1))}
    )
    got = by_places(second.X, found, (1, len(xs)))[0]
    inner = sum(grad(y, x) for x in xs)
    wanted = [grad(inner, x).data for x in xs]
    assert got == pytest.approx(wanted, rel=1e-12)


def total(tensors: Tensors, x: Tensor) -> Tensor:
    """The sum of all numbers of an adjoint of a leaf, each as often as it is repeated."""
    return tensors.expand(tensors.sum(x, tuple(range(len(x.shape)))), ())


def test_what_flows_to_parts_is_put_side_by_side() -> None:
    """Parts that do not overlap are one array with zeros between them; others are added."""
    tensors = Tensors()
    x = tensors.leaf("theta", np.arange(5))
    parts = [tensors.part(x, 0, start, 2) for start in (0, 3, 2)]
    weights = [2.0, 3.0, 5.0]
    terms = [
        tensors.dot(tensors.number(w, p), tensors.sum(p, (0,)))
        for w, p in zip(weights, parts, strict=True)
    ]
    y = tensors.op("add", tensors.op("add", terms[0], terms[1]), terms[2])
    adjoints = reverse(tensors, [tensors.expand(y, ())], rows=False)
    found = evaluated(
        tensors.order, np.ones(5), np.zeros((1, 0)), {0: np.ones((1, 1))}
    )
    assert by_places(adjoints.theta, found, (5,)).tolist() == [2, 2, 5, 8, 3]
    assert sum(x.word == "join" for x in tensors.order[adjoints.turn :]) == 2


def test_a_maximum_over_an_axis_is_only_there_to_be_subtracted() -> None:
    tensors = Tensors()
    x = tensors.leaf("theta", np.arange(3))
    y = tensors.expand(tensors.max(x, (0,)), ())
    with pytest.raises(
        NotWovenError, match="a maximum over an axis is differentiated"
    ):
        reverse(tensors, [y], rows=False)
    stopped = tensors.op("stop_gradient", y)
    assert not reverse(tensors, [stopped], rows=False).theta
