"""Activation functions and costs.

You will see step, sigmoid, tanh and ReLU with their derivatives; two linear layers that are one; gradients
that vanish layer by layer; and the two costs of the note's example.
"""

import random
import sys

import numpy as np

from autograd import OPS, Value, grad, jacobian, log
from nn import MLP, cross_entropy, mse

from .gallery import Demo, chart, run

STORY = """Why not the step? Gradient descent needs a slope, and the step's is 0. The sigmoid's is at most ¼:
ten sigmoid layers shrink what comes back ten times over. ReLU's is 0 or 1, and lets it through.

Why a bend at all? A stack of linear layers is one linear layer: the Jacobian of two of them is the same
matrix everywhere, and that matrix and the output at 0 do the work of both.

Regression costs the squared error, classification the cross-entropy. The note calls a sum of squared errors
their mean, prints it where it means the cross-entropy, and swaps target and prediction in its captions. It
says that log 0 needs a tiny number added and then leaves it out: its own prediction gives nan, from 0·log 0.
Ours clamps the logarithm at -100, as PyTorch does. (Also: np.maxium is np.maximum, and np.int has gone.) Its
three troubles of deep nets: overfitting (dropout helps), vanishing gradients (ReLU helps), cost (GPUs)."""
SLOPES = {
    "step": [0, 0],
    "sigmoid": [0.1049935854, 0.1966119332],
    "tanh": [0.0706508249, 0.4199743416],
}
SLOPES["relu"] = [0, 1]
PREDICTION = [
    0.1,
    0.05,
    0.6,
    0.0,
    0.05,
    0.1,
    0.0,
    0.1,
    0.0,
    0.0,
]  # the note's; the target is class 2


def curve(name: str, xs: list[float]) -> tuple[list[float], list[float]]:
    """An activation and its derivative, both by the engine, at every x."""
    pairs = [(OPS[name](leaf), leaf) for leaf in map(Value, xs)]
    return [y.data for y, _ in pairs], [grad(y, x).data for y, x in pairs]


def gradients(activation: str) -> list[float]:
    """The mean size of the gradients of each layer's weights in a deep net, at one point."""
    model = MLP(2, [16] * 10 + [1], activation, init=(0.6, 0.0))
    model([0.5, -0.8]).backward()
    return [
        float(np.mean([abs(p.grad) for p in layer.parameters()]))
        for layer in model.layers
    ]


def as_one_layer(model: MLP, x: list[float]) -> list[float]:
    """The output of a linear model by its Jacobian and its output at 0, and nothing else."""
    start = model(origin := [Value(0.0) for _ in x])
    slopes = np.array([[d.data for d in row] for row in jacobian(start, origin)])
    return (slopes @ x + [y.data for y in start]).tolist()


def main() -> Demo:
    """Curves and slopes, one layer for two, vanishing gradients, and the costs."""
    random.seed(1)
    demo, xs = (
        Demo("Activation functions and costs", STORY),
        np.linspace(-5, 5, 201).tolist(),
    )
    for name, slopes in SLOPES.items():
        demo.check(
            f"{name}: slope at -2 and 1",
            slopes,
            curve(name, [-2, 1])[1],
            "mpmath",
            1e-10,
        )
    curves = {
        name: zip(curve(name, xs), ("-", "--"), strict=True) for name in SLOPES
    }
    panels = [
        (name, [(xs, ys, style, "") for ys, style in pair])
        for name, pair in curves.items()
    ]
    demo.picture(
        "activations",
        chart(*panels),
        "Activations; dashed, their derivatives by the engine",
    )
    two, x = MLP(2, [3, 2], "linear"), [3.0, -7.0]
    one, both = as_one_layer(two, x), [y.data for y in two(x)]
    demo.check(
        "two linear layers", one, both, "one: Jacobian·x + output at 0", 1e-12
    )
    sizes = {name: gradients(name) for name in ("sigmoid", "relu")}
    lost = [sizes[name][0] < 1e-5 * sizes[name][-1] for name in sizes]
    demo.check(
        "sigmoid, relu: gradient lost on its way",
        [True, False],
        lost,
        "¼ a layer, or 0 and 1",
    )
    picture = chart(
        (
            "size of the gradients",
            [(range(1, 12), ys, "o-", name) for name, ys in sizes.items()],
        )
    )
    picture.axes[0].set(yscale="log", xlabel="layer")
    demo.picture(
        "vanishing",
        picture,
        "A net of eleven layers: sigmoids lose the gradient, ReLU keeps it",
    )
    p = [Value(x) for x in PREDICTION]
    mean = mse(p, [float(i == 2) for i in range(10)]).data
    demo.check(
        "squared error: sum, mean",
        [0.195, 0.0195],
        [10 * mean, mean],
        "by hand",
        1e-12,
    )
    demo.check(
        "cross-entropy",
        0.5108256238,
        cross_entropy(p, 2).data,
        "-log 0.6 by mpmath",
        1e-10,
    )
    demo.check(
        "the note's 0·log 0",
        "nan",
        str((0 * log(p[3])).data),
        "no tiny number added",
    )
    return demo


if __name__ == "__main__":
    sys.exit(run(main))
