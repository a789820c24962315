"""Neurons, layers and multilayer perceptrons, with micrograd's constructors, reprs and first weights.

Every call is a composite: a network is drawn as one box, as layers, as neurons or as scalars, by
``collapse=`` 1, 2, 3 or (), or by name.
"""

import random
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
    MutableSequence,
    Sequence,
)
from functools import reduce
from operator import mul
from typing import Any, TypeAlias

import numpy as np

from autograd import (
    OPS,
    Value,
    composite,
    exp,
    maximum,
    scope,
    stop_gradient,
    zero_grad,
)
from autograd.ieee import INTEGER, REAL, UNREAL, number
from autograd.names import check_name
from autograd.value import scalar

__all__ = ["MLP", "Layer", "Module", "Neuron", "parameter", "softmax"]

Activation: TypeAlias = str | Callable[[Any], Any]
# A name, or the bounds of the weights and of the bias.
Init: TypeAlias = str | tuple[float, float]
INITS: dict[str, Callable[[int, int], tuple[float, float]]] = {
    "micrograd": lambda nin, nout: (1.0, 0.0),
    "pytorch": lambda nin, nout: (nin**-0.5, nin**-0.5),  # torch.nn.Linear
    "xavier": lambda nin, nout: (
        (6 / (nin + nout)) ** 0.5,
        0.0,
    ),  # Glorot and Bengio, 2010, equation 16
}


def parameter(data: float, name: str = "") -> Value:
    """A leaf that training changes: ``Module.parameters`` finds it in the attributes of a module."""
    p = Value(data, name)
    p.parameter = True
    return p


class Module:
    """A function with parameters; ``forward`` says what it computes, and every call is a composite.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.ends = parameter(2.0), [parameter(0.0), parameter(1.0)]
    ...     def forward(self, x):
    ...         return self.slope * x + self.ends[0]
    >>> line = Line()
    >>> line(3.0).data, [name for name, p in line.named_parameters()]
    (6.0, ['slope', 'ends.0', 'ends.1'])
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with scope(type(self).__name__):
            return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What a call computes."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a method forward(self, x)"
        )

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Every parameter once, with the path of attributes and places that leads to it."""
        return parameters_in(self, "", set())

    def parameters(self) -> list[Value]:
        """Every parameter once, in the order of the attributes."""
        return [p for _, p in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forgets the gradients of all parameters."""
        zero_grad(*self.parameters())


def parameters_in(
    x: object, path: str, seen: set[int]
) -> Iterator[tuple[str, Value]]:
    """The parameters in a module, list, tuple or dict, and in those inside it."""
    if id(x) in seen:
        return
    seen.add(id(x))
    if isinstance(x, Value) and x.parameter:
        yield path, x
    for key, part in parts_of(x):
        yield from parameters_in(part, f"{path}.{key}".lstrip("."), seen)


def parts_of(x: Any) -> Iterable[tuple[Any, Any]]:
    """What a module, list, tuple, dict or array of objects holds, each with its attribute, key or place."""
    if isinstance(x, Module):
        return vars(x).items()
    if not holds_parts(x):
        return ()
    items: Any = getattr(x, "items", lambda: enumerate(x))
    return items()


def holds_parts(x: object) -> bool:
    """Whether it is a list, tuple or dict, or an array of objects."""
    if isinstance(x, (Mapping, MutableSequence, tuple)):
        return True
    return getattr(x, "dtype", None) == "O"


def chosen(option: str, what: Any, known: Mapping[str, Any]) -> Any:
    """What goes by that name, or a function as it is; otherwise a ValueError that lists the names."""
    if callable(what):
        return what
    if not isinstance(what, str) or what not in known:
        raise ValueError(
            f"{option} {what!r} is unknown; choose one of {', '.join(known)}"
        )
    return known[what]


def linear(x: Value) -> Value:
    return x


@composite
def softmax(row: Iterable[Any]) -> list[Value]:
    """Probabilities from any numbers: exp(z), divided by the sum of them all.

    >>> [round(p, 3) for p in softmax([1000.0, 1000.0, 999.0])]
    [0.422, 0.422, 0.155]
    """
    numbers = [scalar(z, "softmax") for z in row]
    if not numbers:
        raise ValueError(
            "softmax takes a row of one number or more, not an empty one"
        )
    top = stop_gradient(reduce(maximum, numbers))  # it cancels
    shares = [exp(z - top) for z in numbers]
    total = sum(shares)
    return [share / total for share in shares]


def activation_of(activation: Activation) -> Callable[[Any], Any]:
    """An activation by its name, "linear", "softmax" or an op of one operand; or a function as it is."""
    ops = {name: op for name, op in OPS.items() if len(op.operands) == 1}
    return chosen(
        "activation", activation, {"linear": linear, **ops, "softmax": softmax}
    )


def bounds(init: Init, nin: int, nout: int) -> tuple[float, float]:
    pair = init
    if not isinstance(pair, tuple):
        pair = chosen("init", init, INITS)(nin, nout)
    if len(pair) != 2 or not all(map(is_bound, pair)):
        raise ValueError(
            f"init needs two finite bounds, of the weights and of the bias, not {init!r}"
        )
    return pair


def is_bound(x: float) -> bool:
    """Whether a first weight may be drawn between -x and x."""
    return 0 <= number(x, "init") < np.inf


def whole(n: int, what: str) -> int:
    if not isinstance(n, INTEGER) or isinstance(n, UNREAL) or n < 1:  # pyright: ignore
        raise ValueError(f"{what} must be a whole number from 1, not {n!r}")
    return n


def inputs(x: Any, n: int, taker: str) -> list[Any]:
    """One row of n inputs; a lone number is a row of one."""
    row = [x] if isinstance(x, (Value, *REAL)) else list[Any](x)
    if len(row) != n:
        raise ValueError(
            f"{taker} takes {n} input{'s' * (n > 1)}, not {len(row)}; one row at a time"
        )
    taker = f"{taker}, one row at a time ([f(x) for x in rows]),"
    return [v if isinstance(v, Value) else number(v, taker) for v in row]


def check_nonlin(nonlin: object) -> None:
    """Raises TypeError for what is neither True nor False, as an activation's name."""
    if not isinstance(nonlin, bool):
        raise TypeError(
            f"nonlin is True or False, not {nonlin!r}; write activation={nonlin!r}"
        )


def bias_of(spread: float, place: str) -> Value:
    """A neuron's bias, drawn between -spread and spread; nothing is drawn for a spread of 0."""
    first = random.uniform(-spread, spread) if spread else 0.0
    return parameter(first, f"b{place}".rstrip("_"))


class Neuron(Module):
    """activation(b + w·x), as micrograd's neuron: weights uniform between -1 and 1, bias 0.

    >>> random.seed(0)
    >>> neuron = Neuron(2)
    >>> neuron, [round(p.data, 4) for p in neuron.parameters()]
    (ReLUNeuron(2), [0.6888, 0.5159, 0.0])

    ``activation`` is "linear", any op of one operand, or a function; ``nonlin`` of False is micrograd's word
    for "linear".  ``init`` is "micrograd", "pytorch", "xavier" or the bounds of weights and bias; ``place``
    goes into their names: w1_2_3 is layer 1, neuron 2, weight 3.  Raises ValueError for unknown names, and in
    a call for another number of inputs.
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: Activation = "relu",
        bias: bool = True,
        init: Init = "micrograd",
        place: str = "",
    ) -> None:
        check_nonlin(nonlin)
        check_name(f"w{place}", "a weight")
        self.activation = activation_of(activation if nonlin else "linear")
        spread, bias_spread = bounds(init, whole(nin, "Neuron's nin"), 1)
        self.w = [
            parameter(random.uniform(-spread, spread), f"w{place}{i + 1}")
            for i in range(nin)
        ]
        self.b = bias_of(bias_spread, place) if bias else 0

    def forward(self, x: Any) -> Value:
        row = inputs(x, len(self.w), "Neuron")
        return self.activation(sum(map(mul, self.w, row), self.b))

    def __repr__(self) -> str:
        return f"{kind_of(self.activation)}Neuron({len(self.w)})"


def kind_of(activation: Any) -> str:
    """An activation's name, as micrograd's neurons show it."""
    own = getattr(activation, "name", "")
    name = own or getattr(activation, "__name__", "")
    return "ReLU" if name == "relu" else name.capitalize()


class Layer(Module):
    """Neurons that read the same inputs; a call gives a list, or the one Value of a single neuron."""

    def __init__(
        self,
        nin: int,
        nout: int,
        nonlin: bool = True,
        *,
        activation: Activation = "relu",
        init: Init = "micrograd",
        place: str = "",
        **options: Any,
    ) -> None:
        spread = bounds(
            init, whole(nin, "Layer's nin"), whole(nout, "Layer's nout")
        )
        # Softmax needs all outputs at once.
        together = activation_of(activation) is softmax
        self.activation = softmax if together else list[Value]
        options |= {
            "activation": "linear" if together else activation,
            "init": spread,
        }
        self.neurons = [
            Neuron(nin, nonlin, place=f"{place}{i + 1}_", **options)
            for i in range(nout)
        ]

    def forward(self, x: Any) -> Value | list[Value]:
        row = inputs(x, len(self.neurons[0].w), "Layer")
        out = self.activation(neuron(row) for neuron in self.neurons)
        return out[0] if len(out) == 1 else out

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """A multilayer perceptron: every layer but the last has ``activation``, the last one ``output``.

    >>> MLP(2, [3, 1])
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(3)]]
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: Activation = "relu",
        output: Activation = "linear",
        init: Init = "micrograd",
    ) -> None:
        if not isinstance(nouts, Sequence) or not nouts:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(
                f"MLP's nouts is a list of widths such as [16, 16, 1], not {nouts!r}"
            )
        sizes = [whole(n, "every width of an MLP") for n in (nin, *nouts)]
        kinds = [activation_of(activation)] * (len(nouts) - 1) + [
            activation_of(output)
        ]
        shapes = enumerate(zip(sizes, nouts, kinds, strict=False), 1)
        self.layers = [
            Layer(n, m, activation=k, init=init, place=f"{i}_")
            for i, (n, m, k) in shapes
        ]

    def forward(self, x: Any) -> Value | list[Value]:
        return reduce(lambda row, layer: layer(row), self.layers, x)

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"
