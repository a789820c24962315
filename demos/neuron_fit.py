"""A neuron on the diabetes data, fitted sample by sample by Value and backward; and from odds to the sigmoid.

You will see the note's fit to the last digit, why it misses the least-squares line, and one step drawn.
"""

import sys
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from sklearn.datasets import load_diabetes
from tqdm import tqdm

from autograd import Value, draw, log, sigmoid, zero_grad

from .gallery import Demo, chart, run

STORY = """One neuron, y = x·w + b, predicts the progress of diabetes from the body-mass index of 442
people. The loss of a sample is half its squared error, so the gradients are x·error and error; the note
subtracts them as they are: learning rate 1, one sample at a time, 100 rounds.

It ends beside the least-squares line, not on it: every sample pulls the line most of the way to itself, so
the last ones have the last word, and the weights keep circling. A smaller rate circles closer but has
farther to go; one that shrinks from round to round does both.

Two slips of the note: the model behind the sigmoid is logistic, not linear regression; and it is the output
of the sigmoid that lies between 0 and 1. Its input, the logit, is any number."""
RATES: dict[str, Callable[[int], float]] = {
    "rate 1": lambda n: 1.0, "rate 0.1": lambda n: 0.1, "rate 1/(1+n)": lambda n: 1 / (1 + n),
}  # fmt: skip


class Neuron:
    """The note's neuron: weight 1 and bias 1 to begin with."""

    def __init__(self) -> None:
        self.w, self.b = Value(1.0, name="w"), Value(1.0, name="b")

    def loss(self, x: float, y: float) -> Value:
        """Half the squared error of one sample."""
        return 0.5 * (x * self.w + self.b - y) ** 2

    def fit(
        self, xs: list[float], ys: list[float], rate: Callable[[int], float]
    ) -> list[float]:
        """Steps down the gradient of one sample after the other, 100 rounds; returns w and b."""
        for n in tqdm(range(100), "fitting", disable=None, leave=False):
            for x, y in zip(xs, ys, strict=True):
                zero_grad(self.w, self.b)
                self.loss(x, y).backward()
                self.w.data -= rate(n) * self.w.grad
                self.b.data -= rate(n) * self.b.grad
        return [self.w.data, self.b.data]


def main() -> Demo:
    """The note's fit beside the least-squares line, one step's graph, and three curves."""
    demo, data = (
        Demo("A neuron fitted to real data", STORY),
        cast("Any", load_diabetes()),
    )
    x, y = data.data[:, 2], data.target
    fits = {
        name: Neuron().fit(x.tolist(), y.tolist(), rate)
        for name, rate in RATES.items()
    }
    slope = y @ (x - x.mean()) / (x @ (x - x.mean()))
    fits["least squares"] = [slope, y.mean() - slope * x.mean()]
    demo.check(
        "rate 1: w, b",
        [913.5973364346786, 123.39414383177173],
        fits["rate 1"],
        "a plain loop",
    )
    demo.check(
        "best: w, b",
        [949.43526038, 152.13348416],
        fits["least squares"],
        "scikit-learn",
        1e-7,
    )
    errors = [((w * x + b - y) ** 2).mean() for w, b in fits.values()]
    demo.check(
        "mean squared errors",
        [4719.31, 4175.03, 3891.86, 3890.46],
        errors,
        "plain loops",
        0.01,
    )
    logit = log(Value(0.2) / (1 - 0.2))
    demo.check(
        "sigmoid(logit(0.2))",
        0.2,
        sigmoid(logit).data,
        "one undoes the other",
        1e-15,
    )
    lines = [
        (x, w * x + b, "-", f"{name}: {w:.0f} x + {b:.0f}")
        for name, (w, b) in fits.items()
    ]
    demo.picture(
        "diabetes",
        chart(("disease by body mass", [(x, y, "k.", ""), *lines])),
        "The fits",
    )
    (loss := Neuron().loss(x[0], y[0])).name = "L"
    demo.picture(
        "one-step",
        draw(loss, style="textbook", labels="number"),
        "The first of 44,200 steps",
    )
    p, z = np.linspace(0.001, 0.999, 999), np.linspace(-10, 10, 401)
    odds = "odds p/(1-p)", [(p[:-50], p[:-50] / (1 - p[:-50]), "-", "")]
    logits = "logit log(p/(1-p))", [(p, [log(a / (1 - a)) for a in p], "-", "")]
    curves = chart(
        odds, logits, ("sigmoid", [(z, [sigmoid(a) for a in z], "-", "")])
    )
    demo.picture(
        "odds-logit-sigmoid",
        curves,
        "From odds to the logit, and back by the sigmoid",
    )
    return demo


if __name__ == "__main__":
    sys.exit(run(main))
