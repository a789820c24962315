"""One sigmoid neuron, trained by the rule w ← w + x·0.1·error.

You will see an output driven to 0, a neuron that cannot learn and the arrow that says why, the bias that
frees it, and which loss the rule is the gradient of.
"""

import random
import sys

from autograd import draw, log
from nn import SGD, History, Loss, Neuron, bce, fit, mse

from .gallery import Demo, chart, run

STORY = """A neuron with one weight and no bias is asked for 0 where its input is 1. Untrained, with a weight
drawn from the normal distribution, its output is not enough to be 0. 1000 steps of w + x·0.1·error take it
there; the error is target − output.

With the input 0 and the target 1 nothing is learned, however long it is tried: what arrives at w has been
multiplied by x, and x is 0. The picture shows the arrow back that carries 0. A bias is a weight whose input
is the constant 1: it gets the whole gradient, and the output goes to 1.

The note does not say which loss its rule belongs to. It is the binary cross-entropy: there the y(1-y) of the
sigmoid cancels, and ∂L/∂w is (y - target)·x. For half the squared error it would be (y - target)·y(1-y)·x,
which all but vanishes when the neuron is surest of a wrong answer."""


def trained(x: float, target: float, *, bias: bool) -> tuple[Neuron, History]:
    """The note's neuron, every weight 0.5, after 1000 steps at rate 0.1; and its outputs on the way."""
    neuron = Neuron(1, activation="sigmoid", bias=bias)
    for p in neuron.parameters():
        p.data = 0.5
    return neuron, fit(
        neuron,
        [x],
        [target],
        loss="bce",
        optimizer=SGD(0.1),
        epochs=1000,
        metrics=[output],
    )


def output(outputs: list[float], targets: list[float]) -> float:
    """What the neuron says to its one input."""
    return outputs[0]


def slope(loss: Loss, w: float, x: float, target: float) -> float:
    """∂loss/∂w, by a backward pass."""
    neuron = Neuron(1, activation="sigmoid", bias=False)
    neuron.w[0].data = w
    loss(neuron(x), target).backward()
    return neuron.w[0].grad


def main() -> Demo:
    """The runs of the note, their curves, the graph of the stuck one, and the rule beside two losses."""
    demo, random_neuron = (
        Demo("Training one neuron", STORY),
        Neuron(1, activation="sigmoid", bias=False),
    )
    random_neuron.w[0].data = random.Random(1).gauss(0, 1)
    demo.check(
        "untrained, w = 1.2882: output",
        0.7838397813,
        random_neuron(1.0).data,
        "mpmath",
        1e-10,
    )
    runs = (
        trained(1, 0, bias=False),
        trained(0, 1, bias=False),
        trained(0, 1, bias=True),
    )
    (down, fell), (stuck, flat), (free, rose) = runs
    (w,), (b,), curves = (
        down.w,
        free.parameters()[1:],
        [h.metrics["output"] for h in (fell, flat, rose)],
    )
    demo.check("1 → 0: w", -4.561743048207932, w.data, "a plain loop", 1e-12)
    ends = [curves[0][999], down(1.0).data]
    demo.check(
        "1 → 0: output at step 999, after it",
        [0.010346, 0.010336],
        ends,
        "a plain loop",
        5e-7,
    )
    demo.check(
        "0 → 1: w, output",
        [0.5, 0.5],
        [stuck.w[0].data, stuck(0.0).data],
        "the note",
    )
    demo.check(
        "0 → 1 with a bias: b", 4.58238961354483, b.data, "a plain loop", 1e-12
    )
    ends = [curves[2][999], free(0.0).data]
    demo.check(
        "0 → 1 with a bias: output, after",
        [0.989863, 0.989873],
        ends,
        "a plain loop",
        5e-7,
    )
    rule = {
        (0.5, 1, 0): 0.6224593312,
        (0.5, -2, 1): 1.4621171573,
        (9, 1, 0): 0.9998766054,
    }
    for (at, x, t), true in rule.items():
        got = slope(bce, at, x, t)
        demo.check(
            f"cross-entropy's ∂L/∂w at w {at}, x {x}, t {t}",
            true,
            got,
            "(y - t)·x by mpmath",
            1e-10,
        )
    got = slope(mse, 9, 1, 0)
    demo.check(
        "squared error's, as sure and as wrong",
        0.0002467283,
        got,
        "2(y - t)·y(1-y)·x",
        1e-10,
    )
    names = ("input 1, target 0", "input 0, target 1", "the same with a bias")
    lines = [
        (range(1000), ys, "-", name) for ys, name in zip(curves, names, strict=True)
    ]
    demo.picture(
        "neuron-runs",
        chart(("the neuron's output, step by step", lines)),
        "Three runs",
    )
    (loss := -log(stuck(0.0))).name = "L"
    caption = "The stuck neuron: what reaches w was multiplied by x, and x is 0"
    demo.picture("stuck", draw(loss, style="textbook", labels="number"), caption)
    return demo


if __name__ == "__main__":
    sys.exit(run(main))
