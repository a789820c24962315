"""Modules: micrograd's constructors and weights, names and paths, values and gradients, what is refused."""

from __future__ import annotations

import copy
import math
import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nn
from autograd import OPS, Op, Value, maximum, no_grad, tanh, toposort
from autograd.value import NO_GRAD
from nn import MLP, Layer, Module, Neuron, parameter
from nn.modules import activation_of
from tests.oracle import mp, raised

ONE_OPERAND = sorted(name for name, op in OPS.items() if len(op.operands) == 1)
COMPLEX: dict[
    str, Callable[[Any], Any]
] = {  # the activations on complex numbers, for complex steps
    "linear": lambda z: z,
    "neg": lambda z: -z,
    "reciprocal": lambda z: 1 / z,
    "exp": np.exp,
    "expm1": lambda z: np.exp(z) - 1,
    "log": np.log,
    "log1p": lambda z: np.log(1 + z),
    "sin": np.sin,
    "cos": np.cos,
    "absolute": lambda z: z if z.real > 0 else -z,
    "sign": lambda z: np.sign(z.real) + 0j,
    "step": lambda z: np.heaviside(z.real, 0) + 0j,
    "relu": lambda z: z if z.real > 0 else 0j,
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "leaky_relu": lambda z: z if z.real > 0 else 0.01 * z,
    "elu": lambda z: z if z.real > 0 else np.exp(z) - 1,
    "gelu": lambda z: z * complex(1 + mp.erf(z / mp.sqrt(2))) / 2,
    "gelu_1": lambda z: (
        complex(1 + mp.erf(z / mp.sqrt(2))) / 2
        + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    ),
    "stop_gradient": lambda z: z.real + 0j,
    "erfc": lambda z: 1 - complex(mp.erf(z)),
    "logsigmoid": lambda z: -np.log(1 + np.exp(-z)),
    "log2": lambda z: np.log(z) / np.log(2),
    "gauss": lambda z: np.exp(-z * z),
}


def by_mpmath(name: str) -> Callable[[complex], complex]:
    """mpmath's function of that name, or its derivative, for an op that nobody wrote one for."""
    function = raised(name) or getattr(mp, name)
    return lambda z: complex(function(mp.mpmathify(z)))


COMPLEX |= {name: by_mpmath(name) for name in ONE_OPERAND if name not in COMPLEX}


def hexes(module: Any) -> list[str]:
    return [float(p.data).hex() for p in module.parameters()]


def seeded(make: Callable[[], Any], seed: int = 1) -> Any:
    random.seed(seed)
    return make()


@contextmanager
def nothing_drawn() -> Iterator[None]:
    """The block draws no random number."""
    before = random.getstate()
    yield
    assert random.getstate() == before


def ends(y: Any) -> list[Value]:
    """A module's output as a list."""
    return [y] if isinstance(y, Value) else list(y)


# ------------------------------------------------------------------------------------------- as in micrograd
SHAPES: dict[str, Callable[[Any], Any]] = {
    "Neuron(1)": lambda nn: nn.Neuron(1),
    "Neuron(3)": lambda nn: nn.Neuron(3),
    "Neuron(2, False)": lambda nn: nn.Neuron(2, False),
    "Neuron(2, nonlin=False)": lambda nn: nn.Neuron(2, nonlin=False),
    "Layer(2, 1)": lambda nn: nn.Layer(2, 1),
    "Layer(3, 4, nonlin=False)": lambda nn: nn.Layer(3, 4, nonlin=False),
    "MLP(1, [1])": lambda nn: nn.MLP(1, [1]),
    "MLP(3, [4, 4, 1])": lambda nn: nn.MLP(3, [4, 4, 1]),
    "MLP(2, [16, 16, 1])": lambda nn: nn.MLP(2, [16, 16, 1]),
    "MLP(5, [2, 3])": lambda nn: nn.MLP(5, [2, 3]),
}


@pytest.mark.parametrize("make", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("seed", [0, 1337])
def test_the_same_seed_gives_micrograds_module(
    make: Callable[[Any], Any], seed: int
) -> None:
    micrograd = pytest.importorskip("micrograd.nn")
    peer = seeded(lambda: make(micrograd), seed)
    state = random.getstate()
    ours = seeded(lambda: make(nn), seed)
    assert (repr(ours), hexes(ours), random.getstate()) == (
        repr(peer),
        hexes(peer),
        state,
    )
    x = [0.5, -1.25, 2.0, 0.1, -0.7][
        : len(getattr(ours, "w", [])) or int(repr(ours).split("(")[1][0])
    ]
    outputs, peers = (
        ends(ours(x)),
        peer(x) if isinstance(peer(x), list) else [peer(x)],
    )
    assert [v.data.hex() for v in outputs] == [float(v.data).hex() for v in peers]
    sum(outputs[1:], outputs[0]).backward()
    sum(peers[1:], peers[0]).backward()
    expected = [p.grad for p in peer.parameters()]
    assert [p.grad for p in ours.parameters()] == pytest.approx(
        expected, rel=1e-12, abs=1e-12
    )


def moons(n: int) -> tuple[list[list[float]], list[int]]:
    """Two half circles that interlock, with a little wobble."""
    t = [math.pi * i / (n // 2 - 1) for i in range(n // 2)]
    upper = [[math.cos(a) + 0.1 * math.sin(7 * a), math.sin(a)] for a in t]
    lower = [
        [1 - math.cos(a), 0.5 - math.sin(a) + 0.1 * math.cos(5 * a)] for a in t
    ]
    return upper + lower, [-1] * len(upper) + [1] * len(lower)


def micrograds_training(
    nn: Any, make: Callable[[Any], Any], steps: int
) -> list[float]:
    """The notebook of micrograd: hinge loss, L2 penalty, a rate that falls; the loss of every step."""
    model, (rows, labels), losses = nn.MLP(2, [6, 4, 1]), moons(100), []
    for k in range(steps):
        scores = [model([make(x) for x in row]) for row in rows]
        margins = [
            (1 + -label * score).relu()
            for label, score in zip(labels, scores, strict=True)
        ]
        loss = sum(margins) * (1.0 / len(margins)) + 1e-4 * sum(
            p * p for p in model.parameters()
        )
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 100) * p.grad
        losses.append(loss.data)
    return losses


def test_micrograds_training_program_gives_its_losses() -> None:
    micrograd = pytest.importorskip("micrograd.nn")
    ours = seeded(lambda: micrograds_training(nn, Value, 10), 1337)
    peers = seeded(
        lambda: micrograds_training(micrograd, micrograd.Value, 10), 1337
    )
    assert ours == pytest.approx(peers, rel=1e-12, abs=1e-12)
    assert ours[-1] < 0.7 * ours[0]


# ----------------------------------------------------------------------------------------- the first weights
@pytest.mark.parametrize(
    ("make", "weights", "biases"),
    [
        (lambda: Layer(4, 150), 1.0, 0.0),
        (lambda: Layer(4, 150, init="micrograd"), 1.0, 0.0),
        (lambda: Layer(4, 150, init="pytorch"), 0.5, 0.5),
        (
            lambda: Layer(4, 150, init="xavier"),
            0.19738550848793068,
            0.0,
        ),  # √(6/154)
        (lambda: Layer(4, 150, init=(0.01, 7.0)), 0.01, 7.0),
        (lambda: MLP(4, [150], init="pytorch"), 0.5, 0.5),
        (lambda: MLP(4, [150], init="xavier"), 0.19738550848793068, 0.0),
        (lambda: MLP(4, [150], init=(3.0, 0.0)), 3.0, 0.0),
        (lambda: Neuron(600, init="xavier"), 0.09991676934812368, 0.0),  # √(6/601)
        (lambda: Neuron(400, init="pytorch"), 0.05, None),
    ],
)
def test_first_weights_are_uniform(
    make: Callable[[], Module], weights: float, biases: float | None
) -> None:
    named = list(seeded(make).named_parameters())
    for letter, bound in (("w", weights), ("b", biases)):
        found = [p.data for _, p in named if p.name[0] == letter]
        if bound is None or not bound:
            assert bound is None or found == [0.0] * len(found)
            continue
        assert max(map(abs, found)) <= bound
        assert min(found) < -0.95 * bound
        assert max(found) > 0.95 * bound
        size = len(found) ** 0.5
        assert abs(np.mean(found)) < 4 * bound / 3**0.5 / size
        assert np.std(found) == pytest.approx(bound / 3**0.5, rel=2.5 / size)


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda: Neuron(3), 3),
        (lambda: Neuron(3, init="xavier"), 3),
        (lambda: Neuron(3, init=(0.5, 0.0)), 3),
        (lambda: Neuron(3, init="pytorch"), 4),
        (lambda: Neuron(3, init="pytorch", bias=False), 3),
        (lambda: Layer(3, 2, init=(0.5, 0.1)), 8),
        (lambda: Layer(3, 2, init="pytorch", bias=False), 6),
    ],
)
def test_how_many_random_numbers_are_drawn(
    make: Callable[[], Module], count: int
) -> None:
    seeded(make, 5)
    state = random.getstate()
    random.seed(5)
    for _ in range(count):
        random.random()
    assert random.getstate() == state


def test_a_bias_is_drawn_after_its_neurons_weights() -> None:
    layer = seeded(lambda: Layer(2, 2, init=(0.5, 0.25)), 3)
    random.seed(3)
    expected = [random.uniform(-bound, bound) for bound in (0.5, 0.5, 0.25) * 2]
    assert [p.data for p in layer.parameters()] == expected


def test_every_layer_of_an_mlp_has_bounds_of_its_own() -> None:
    model = seeded(lambda: MLP(100, [1, 400], init="pytorch"))
    first, second = (
        [abs(p.data) for p in layer.parameters()] for layer in model.layers
    )
    assert 0.08 < max(first) <= 0.1
    assert 0.9 < max(second) <= 1.0


# ------------------------------------------------------------------------------------------------ parameters
def test_names_in_an_mlp() -> None:
    model = MLP(2, [3, 1])
    names = [p.name for p in model.parameters()]
    assert names == [
        *(
            "w1_1_1",
            "w1_1_2",
            "b1_1",
            "w1_2_1",
            "w1_2_2",
            "b1_2",
            "w1_3_1",
            "w1_3_2",
            "b1_3",
        ),
        *("w2_1_1", "w2_1_2", "w2_1_3", "b2_1"),
    ]
    assert model.layers[0].neurons[1].w[0].name == "w1_2_1"
    assert [p.name for p in Neuron(2).parameters()] == ["w1", "w2", "b"]
    assert [p.name for p in Layer(1, 2).parameters()] == [
        "w1_1",
        "b1",
        "w2_1",
        "b2",
    ]
    assert [p.name for p in Layer(11, 11, bias=False).parameters()][-1] == "w11_11"


def test_paths_in_an_mlp() -> None:
    model = MLP(1, [2, 1])
    paths = dict(model.named_parameters())
    assert list(paths) == [
        *(
            "layers.0.neurons.0.w.0",
            "layers.0.neurons.0.b",
            "layers.0.neurons.1.w.0",
        ),
        *(
            "layers.0.neurons.1.b",
            "layers.1.neurons.0.w.0",
            "layers.1.neurons.0.w.1",
        ),
        "layers.1.neurons.0.b",
    ]
    assert list(paths.values()) == model.parameters()
    assert paths["layers.1.neurons.0.w.1"] is model.layers[1].neurons[0].w[1]


class Holder(Module):
    """A module with the given attributes."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


def test_only_parameters_in_attributes_count() -> None:
    p, x = parameter(1.0), Value(2.0)
    with no_grad():
        forgotten = p * 1
    module = Holder(
        x=x,
        p=p,
        y=p * x,
        forgotten=forgotten,
        detached=p.detach(),
        n=3.0,
        text="pq",
        none=None,
    )
    assert list(module.named_parameters()) == [("p", p)]
    assert (p.parameter, x.parameter, (p + 1).parameter, p.name) == (
        True,
        False,
        False,
        "",
    )
    assert parameter(2, "q").name == "q"
    assert Holder().parameters() == list(Holder().named_parameters()) == []


def test_parameters_are_found_in_lists_tuples_dicts_and_modules() -> None:
    p = [parameter(float(i)) for i in range(6)]
    inner = Holder(z=p[5], a=p[4])
    module = Holder(
        first={"k": p[3], 7: (p[2], [inner])},
        second=[[], {}, p[1]],
        last=p[0],
        function=len,
    )
    assert [(path, v.data) for path, v in module.named_parameters()] == [
        ("first.k", 3.0),
        ("first.7.0", 2.0),
        ("first.7.1.0.z", 5.0),
        ("first.7.1.0.a", 4.0),
        ("second.2", 1.0),
        ("last", 0.0),
    ]


def test_what_is_shared_counts_once_and_cycles_end() -> None:
    p, neuron = parameter(1.0), Neuron(1)
    module = Holder(
        one=p, twice=[p, p], neuron=neuron, again=(neuron, {"it": neuron})
    )
    module.me, module.ring = module, [module, {"up": module}]
    module.ring.append(module.ring)
    assert [path for path, _ in module.named_parameters()] == [
        "one",
        "neuron.w.0",
        "neuron.b",
    ]
    assert len({*module.parameters()}) == 3


def test_equal_attributes_are_different_parameters() -> None:
    assert (
        len(Holder(a=[parameter(1.0)], b=[parameter(1.0)], c=(), d=()).parameters())
        == 2
    )


def test_a_later_attribute_is_found() -> None:
    neuron = Neuron(1)
    neuron.extra = parameter(3.0)
    assert [path for path, _ in neuron.named_parameters()] == ["w.0", "b", "extra"]


def test_zero_grad_forgets_the_gradients_of_the_parameters_alone() -> None:
    x, layer = Value(2.0), Layer(1, 2, nonlin=False)
    sum(layer(x)[1:], layer(x)[0]).backward()
    assert all(p.grad for p in layer.parameters())
    layer.zero_grad()
    assert all(p.grad is NO_GRAD for p in layer.parameters())
    assert x.grad != 0


def test_forward_gets_all_arguments_and_may_return_anything() -> None:
    class Pair(Module):
        def forward(self, x: Any, *more: Any, scale: float = 1.0) -> Any:
            return {"sum": sum(more, x) * scale}, None

    found, none = Pair()(Value(1.0), 2.0, 3.0, scale=10.0)
    assert (found["sum"].data, none, str(found["sum"].scope)) == (
        60.0,
        None,
        "Pair",
    )


def test_every_call_is_a_composite() -> None:
    y = MLP(2, [3, 1], activation="tanh")([1.0, 2.0])
    assert str(y.scope) == "MLP/Layer/Neuron"
    paths = [v.scope.path() for v in toposort(y) if v.scope]
    assert [len({p[depth] for p in paths}) for depth in range(3)] == [1, 2, 4]
    assert {v.parameter for v in toposort(y) if v.scope is None} == {True}


@pytest.mark.parametrize("times", [1, 2])
def test_an_activation_may_be_a_module_with_parameters(times: int) -> None:
    class Leaky(Module):
        def __init__(self, name: str) -> None:
            self.slope = parameter(0.1, name)

        def forward(self, x: Value) -> Value:
            return maximum(x, self.slope * x)

    for name in ("", "slope"):
        leaky = Leaky(name)
        layer = Layer(1, times, activation=leaky)
        assert len(layer.parameters()) == 2 * times + 1
        assert [neuron.w[0].name for neuron in layer.neurons] == ["w1_1", "w2_1"][
            :times
        ]
        assert (
            layer.neurons[0](
                -1e3 * math.copysign(1, layer.neurons[0].w[0].data)
            ).data
            < 0
        )


# ------------------------------------------------------------------------------------ values and gradients
def by_complex_step(
    f: Callable[[np.ndarray], complex], theta: list[float]
) -> list[float]:
    """The gradient of f, a function of complex parameters; no difference is taken, so no digit is lost."""
    steps = np.eye(len(theta)) * 1e-30j
    return [float(np.imag(f(np.array(theta) + step)) / 1e-30) for step in steps]


def dense(
    theta: np.ndarray,
    x: Any,
    nout: int,
    kind: Callable[[Any], Any],
    bias: bool = True,
) -> np.ndarray:
    """A layer by NumPy, from its parameters in order."""
    table = theta.reshape(nout, -1)
    sums = table[:, : len(x)] @ np.array(x) + (table[:, -1] if bias else 0)
    return np.array([kind(z) for z in sums])


def check(
    module: Module, x: list[float], formula: Callable[[np.ndarray, Any], np.ndarray]
) -> None:
    """Values and gradients by parameters and inputs are those of the formula."""
    theta, inputs = [p.data for p in module.parameters()], [Value(v) for v in x]
    outputs, weights = (
        ends(module(inputs)),
        [0.7, -1.3, 2.1, 0.4, 1.9][: formula(np.array(theta), x).size],
    )
    assert [v.data for v in outputs] == pytest.approx(
        formula(np.array(theta), x).real, rel=1e-13, abs=1e-13
    )
    sum(w * y for w, y in zip(weights, outputs, strict=True)).backward()
    leaves = [*module.parameters(), *inputs]
    k = len(theta)
    expected = by_complex_step(
        lambda t: np.dot(weights, formula(t[:k], t[k:])), theta + x
    )
    assert [v.grad for v in leaves] == pytest.approx(expected, rel=1e-12, abs=1e-13)


def into_domain(layer: Layer, op: Op) -> None:
    """All parameters positive, and of a size with which the sums are where the op has a value."""
    first = [abs(p.data) for p in layer.parameters()]
    for size in (1.0, 0.25, 10.0):
        for p, x in zip(layer.parameters(), first, strict=True):
            p.data = size * x
        sums = [
            float(np.dot([p.data for p in neuron.w], [0.75, 0.5]))
            for neuron in layer.neurons
        ]
        biases = [getattr(neuron.b, "data", 0.0) for neuron in layer.neurons]
        if all(op.defined(x + b) for x, b in zip(sums, biases, strict=True)):
            return


def test_every_activation_has_an_oracle() -> None:
    assert sorted(COMPLEX) == sorted([*ONE_OPERAND, "linear"])
    for name in {"sinh", "tan", "erf"}:
        assert activation_of(name) is OPS[name]


@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("nout", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_a_layers_values_and_gradients(name: str, nout: int, bias: bool) -> None:
    layer = seeded(
        lambda: Layer(2, nout, activation=name, bias=bias, init=(1.0, 1.0)), 2
    )
    if name != "linear" and not all(OPS[name].defined(x) for x in (-2.0, 2.0)):
        into_domain(layer, OPS[name])
        check(
            layer, [0.75, 0.5], lambda t, x: dense(t, x, nout, COMPLEX[name], bias)
        )
        return
    for x in ([0.75, -0.5], [-0.25, 2.0]):
        layer.zero_grad()
        check(layer, x, lambda t, x: dense(t, x, nout, COMPLEX[name], bias))


@pytest.mark.parametrize(
    ("hidden", "output"),
    [("tanh", "linear"), ("relu", "sigmoid"), ("sin", "softplus")],
)
@pytest.mark.parametrize("nouts", [[1], [3, 2], [2, 1, 3]])
def test_an_mlps_values_and_gradients(
    hidden: str, output: str, nouts: list[int]
) -> None:
    model = seeded(
        lambda: MLP(2, nouts, activation=hidden, output=output, init=(1.0, 0.5)), 4
    )

    def formula(theta: np.ndarray, x: Any) -> np.ndarray:
        for i, nout in enumerate(nouts):
            size = nout * (len(x) + 1)
            x = dense(
                theta[:size],
                x,
                nout,
                COMPLEX[hidden if i < len(nouts) - 1 else output],
            )
            theta = theta[size:]
        assert not theta.size
        return x

    check(model, [0.6, -1.1], formula)


def test_a_neuron_by_fifty_digits() -> None:
    neuron = seeded(lambda: Neuron(3, activation="sigmoid", init=(2.0, 2.0)), 6)
    x, theta = [0.3, -1.7, 0.9], [mp.mpf(p.data) for p in neuron.parameters()]
    z = sum((w * mp.mpf(v) for w, v in zip(theta[:3], x, strict=True)), theta[3])
    y, slope = 1 / (1 + mp.exp(-z)), mp.exp(-z) / (1 + mp.exp(-z)) ** 2
    found = neuron(x)
    found.backward()
    assert found.data == pytest.approx(float(y), rel=1e-15)
    expected = [float(slope * v) for v in (*x, 1)]
    assert [p.grad for p in neuron.parameters()] == pytest.approx(
        expected, rel=2e-15
    )


@pytest.mark.parametrize(
    "activation", [tanh, OPS["tanh"], "tanh", lambda v: tanh(v), Value.tanh]
)
def test_an_activation_by_name_op_or_function(activation: Any) -> None:
    assert isinstance(tanh, Op)
    neuron, peer = (
        seeded(lambda a=a: Neuron(2, activation=a))
        for a in (activation, lambda v: v)
    )
    assert neuron([0.5, 2.0]).data == math.tanh(peer([0.5, 2.0]).data)
    layer = seeded(lambda: MLP(2, [2, 1], activation, activation))
    assert layer([0.5, 2.0]).op is tanh


def test_how_other_activations_are_printed() -> None:
    def swish(x: Value) -> Value:
        return x * x.sigmoid()

    def prelu(x: Value) -> Value:
        return maximum(x, x * 0.1)

    names = [
        repr(Neuron(2, activation=a))
        for a in ("sigmoid", "linear", tanh, swish, prelu, OPS["relu"])
    ]
    words = ["Sigmoid", "Linear", "Tanh", "Swish", "Prelu", "ReLU"]
    assert names == [f"{word}Neuron(2)" for word in words]
    assert repr(Neuron(2, False, activation="tanh")) == "LinearNeuron(2)"


def test_a_neuron_without_bias() -> None:
    neuron = Neuron(2, nonlin=False, bias=False)
    assert [path for path, _ in neuron.named_parameters()] == ["w.0", "w.1"]
    assert neuron([0.0, 0.0]).data == 0.0
    single = Neuron(1, nonlin=False, bias=False)
    assert [v.op and v.op.name for v in toposort(single(Value(2.0)))] == [
        None,
        None,
        "mul",
    ]


@settings(max_examples=25, deadline=None)
@given(
    st.permutations(range(4)), st.lists(st.floats(-10, 10), min_size=2, max_size=2)
)
def test_permuting_neurons_permutes_outputs(
    order: list[int], x: list[float]
) -> None:
    layer = seeded(lambda: Layer(2, 4, activation="tanh", init=(1.0, 1.0)))
    before = [v.data for v in layer(x)]
    layer.neurons = [layer.neurons[i] for i in order]
    assert [v.data for v in layer(x)] == [before[i] for i in order]


# ---------------------------------------------------------------------------------------------------- inputs
ROWS: list[Callable[[], Any]] = [
    lambda: [0.5, -2],
    lambda: (0.5, -2),
    lambda: (x for x in (0.5, -2.0)),
    lambda: iter([0.5, -2]),
    lambda: np.array([0.5, -2.0]),
    lambda: np.array([0.5, -2.0], dtype=np.float32),
    lambda: [Value(0.5), -2],
    lambda: map(float, ["0.5", "-2"]),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row()).__name__)
@pytest.mark.parametrize(
    "make", [Neuron, lambda n: Layer(n, 3), lambda n: MLP(n, [3, 2])]
)
def test_a_row_may_be_any_iterable(
    row: Callable[[], Any], make: Callable[[int], Module]
) -> None:
    module = seeded(lambda: make(2), 8)
    assert [v.data for v in ends(module(row()))] == [
        v.data for v in ends(module([0.5, -2.0]))
    ]


@pytest.mark.parametrize(
    "x", [3, 3.0, np.float64(3), np.float32(3), np.int64(3), Value(3.0)]
)
@pytest.mark.parametrize(
    "make", [Neuron, lambda n: Layer(n, 3), lambda n: MLP(n, [2, 1])]
)
def test_a_lone_number_is_a_row_of_one(
    x: Any, make: Callable[[int], Module]
) -> None:
    module = seeded(lambda: make(1), 8)
    assert [v.data for v in ends(module(x))] == [
        v.data for v in ends(module([3.0]))
    ]


def test_a_layer_gives_a_list_and_a_single_neuron_a_value() -> None:
    assert [type(Layer(2, n)([1, 2])) for n in (1, 2, 3)] == [Value, list, list]
    assert [
        type(MLP(2, sizes)([1, 2])) for sizes in ([1], [2], [3, 1], [1, 2])
    ] == [Value, list, Value, list]
    assert len(Layer(2, 3)([1, 2])) == 3


NESTED = [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "make", [Neuron, lambda n: Layer(n, 3), lambda n: MLP(n, [3, 2])]
)
@pytest.mark.parametrize(
    ("row", "error", "words"),
    [
        ([1.0], ValueError, r"takes 2 inputs, not 1\b"),
        ([1.0, 2.0, 3.0], ValueError, r"takes 2 inputs, not 3\b"),
        ([], ValueError, r"takes 2 inputs, not 0\b"),
        (7.0, ValueError, r"takes 2 inputs, not 1\b"),
        (Value(1.0), ValueError, r"takes 2 inputs, not 1\b"),
        (
            np.zeros((3, 2)),
            ValueError,
            r"takes 2 inputs, not 3\b.*one row at a time",
        ),
        (NESTED, TypeError, "one row at a time"),
        (np.array(NESTED), TypeError, "one row at a time"),
        (((1.0, 2.0), (3.0, 4.0)), TypeError, "one row at a time"),
        ("ab", TypeError, "str"),
        (["1", "2"], TypeError, "str"),
        (None, TypeError, "None"),
        ([None, 1.0], TypeError, "None"),
        ([True, 1.0], TypeError, "bool"),
        ([1j, 1.0], TypeError, "complex"),
    ],
)
def test_wrong_rows(
    make: Callable[[int], Module], row: Any, error: type[Exception], words: str
) -> None:
    module = make(2)
    before = hexes(module)
    with nothing_drawn(), pytest.raises(error, match=words):
        module(row)
    assert hexes(module) == before
    assert (Value(1.0) * 2).scope is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        *[(lambda n=n: Neuron(n), rf"nin.*{n!r}") for n in (0, -1, 2.5, None, "2")],
        *[(lambda n=n: Layer(n, 2), rf"nin.*{n!r}") for n in (0, -1, 2.5)],
        *[(lambda n=n: Layer(2, n), rf"nout.*{n!r}") for n in (0, -1, 2.5)],
        *[(lambda n=n: MLP(n, [1]), rf"{n!r}") for n in (0, -1, 2.5, None)],
        *[(lambda n=n: MLP(2, [3, n]), rf"{n!r}") for n in (0, -1, 2.5, None)],
        (lambda: MLP(2, []), r"\[16, 16, 1\].*\[\]"),
        (lambda: MLP(2, 3), r"\[16, 16, 1\].*3"),  # pyright: ignore
        (
            lambda: Neuron(2, activation="swoosh"),
            r"'swoosh'.*linear.*relu.*sigmoid",
        ),
        (lambda: Neuron(2, activation="add"), r"'add'.*linear.*relu"),
        (lambda: Neuron(2, activation=None), r"None.*linear.*relu"),
        (lambda: Layer(2, 2, activation="Relu"), r"'Relu'.*relu"),
        (lambda: MLP(2, [2, 1], "swoosh"), r"'swoosh'.*relu"),
        (lambda: MLP(2, [2, 1], output="swoosh"), r"'swoosh'.*relu"),
        *[
            (lambda make=make: make(init="he"), r"'he'.*micrograd.*pytorch.*xavier")
            for make in (
                lambda init: Neuron(2, init=init),
                lambda init: Layer(2, 2, init=init),
                lambda init: MLP(2, [1], init=init),
            )
        ],
    ],
)
def test_wrong_options(make: Callable[[], object], words: str) -> None:
    with nothing_drawn(), pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    "init",
    [
        1.0,
        None,
        (1.0,),
        (1.0, 0.0, 0.0),
        ("a", "b"),
        (1.0, "b"),
        (math.inf, 0.0),
        (0.5, math.nan),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "make", [lambda init: Neuron(2, init=init), lambda init: Layer(2, 2, init=init)]
)
def test_wrong_bounds(make: Callable[[Any], object], init: Any) -> None:
    with nothing_drawn(), pytest.raises((ValueError, TypeError)):
        make(init)


@pytest.mark.parametrize("n", [np.int64(2), np.int32(2)])
def test_numpy_sizes(n: Any) -> None:
    assert repr(MLP(n, (n, n))) == repr(MLP(2, [2, 2]))


# ----------------------------------------------------------------------------------------- copies and pickles
COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda m: pickle.loads(pickle.dumps(m)),
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("again", COPIES.values(), ids=COPIES.keys())
@pytest.mark.parametrize(
    "make",
    [*SHAPES.values(), lambda nn: nn.MLP(2, [3, 2], "tanh", "sigmoid", "pytorch")],
)
def test_a_copy_is_the_same_and_apart(
    again: Callable[[Any], Any], make: Callable[[Any], Any]
) -> None:
    module = make(nn)
    x = [0.25] * int(repr(module).split("(")[1][0])
    y = ends(module(x))[0]
    y.backward()
    twin = again(module)
    assert repr(twin) == repr(module)
    assert [
        (path, p.name, p.data, p.grad) for path, p in twin.named_parameters()
    ] == [(path, p.name, p.data, p.grad) for path, p in module.named_parameters()]
    assert not {*twin.parameters()} & {*module.parameters()}
    assert [v.data for v in ends(twin(x))] == [v.data for v in ends(module(x))]
    for p in twin.parameters():
        p.data += 1.0
    assert ends(module(x))[0].data == y.data


@pytest.mark.parametrize("again", COPIES.values(), ids=COPIES.keys())
def test_what_is_shared_is_shared_in_a_copy(again: Callable[[Any], Any]) -> None:
    p = parameter(2.0, "p")
    twin = again(Holder(a=p, b=[p, {"c": p}], neurons=[Neuron(1)] * 2))
    assert twin.a is twin.b[0] is twin.b[1]["c"]
    assert len(twin.parameters()) == 3


def test_modules_are_found_in_no_other_things() -> None:
    assert (
        Holder(space=SimpleNamespace(p=parameter(1.0)), kind=Neuron).parameters()
        == []
    )


def test_a_layer_of_softmax_gives_probabilities() -> None:
    model = MLP(2, [3, 4], output="softmax")
    shares = [p.data for p in model([0.3, -2.0])]
    plain = MLP(2, [3, 4])
    for p, q in zip(plain.parameters(), model.parameters(), strict=True):
        p.data = q.data
    exps = [math.exp(z.data) for z in plain([0.3, -2.0])]
    assert shares == pytest.approx([x / sum(exps) for x in exps], rel=1e-14)


def test_parameters_in_an_array_of_objects_are_found_and_data_is_left_alone() -> (
    None
):
    class Net(Module):
        def __init__(self) -> None:
            self.w = np.array([parameter(1.0), parameter(2.0)], dtype=object)
            self.data = np.zeros(10)

    assert [(name, p.data) for name, p in Net().named_parameters()] == [
        ("w.0", 1.0),
        ("w.1", 2.0),
    ]
