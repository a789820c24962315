"""From the gates of McCulloch and Pitts to a deep net that learns XOR.

You will see the perceptron's rule find AND and OR, one neuron fail at XOR, and 2817 parameters find it.
"""

import random
import sys

from autograd import Value, draw, scope, step
from nn import MLP, SGD, History, Neuron, fit

from .gallery import Demo, chart, run, surface

STORY = """The neuron of McCulloch and Pitts (1943) is a gate: it adds up its inputs and fires above a
threshold; three gates make XOR. The perceptron (1957) finds its weights: where its answer is wrong, it adds
error times input. AND and OR take it a few rounds; XOR it never finds, for no line parts the two classes. A
sigmoid neuron on the cross-entropy stays at ln 2 there: it says ½ to everything, which is tossing a coin.

Sigmoid layers of 64, 32, 16 and 1 neurons bend the line. For thousands of epochs nothing seems to happen,
because so little of the gradient comes back through four sigmoids. Then the loss falls."""
ROWS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
TARGETS = {
    "AND": [0.0, 0.0, 0.0, 1.0],
    "OR": [0.0, 1.0, 1.0, 1.0],
    "XOR": [0.0, 1.0, 1.0, 0.0],
}


def gate(name: str, weight: float, threshold: float, *inputs: Value) -> Value:
    """McCulloch and Pitts's neuron."""
    with scope(name):
        return step(sum(weight * x for x in inputs) - threshold)


def perceptron(targets: list[float]) -> tuple[Neuron, int]:
    """A neuron after 100 rounds of the perceptron's rule, and the number of rounds with mistakes."""
    neuron, wrong = Neuron(2, activation="step", init=(0.0, 0.0)), set[int]()
    for n in range(100):
        for row, target in zip(ROWS, targets, strict=True):
            if error := target - neuron(row).data:
                wrong.add(n)
                for p, x in zip(neuron.parameters(), [*row, 1.0], strict=True):
                    p.data += error * x
    return neuron, len(wrong)


def trained(model: MLP, targets: list[float], epochs: int) -> History:
    """The note's training: all four rows at once, rate 1."""
    return fit(
        model,
        ROWS,
        targets,
        loss="bce",
        optimizer=SGD(1.0),
        epochs=epochs,
        metrics=["accuracy"],
    )


def main(epochs: int = 5001) -> Demo:
    """Gates, the perceptron, one neuron on three tasks, and the deep net."""
    demo, rows = (
        Demo("Neurons, the perceptron and XOR", STORY),
        [[*map(Value, row)] for row in ROWS],
    )
    xor = [
        gate("AND", 1, 1.5, gate("OR", 1, 0.5, *row), gate("NAND", -1, -1.5, *row))
        for row in rows
    ]
    demo.check(
        "XOR of three gates", TARGETS["XOR"], [y.data for y in xor], "truth table"
    )
    picture = draw(
        xor[1], style="textbook", labels="number", gradients=False, collapse=1
    )
    demo.picture("gates", picture, "XOR of 0 and 1, made of three gates")
    rule = {name: perceptron(targets) for name, targets in TARGETS.items()}
    demo.check(
        "perceptron: rounds with mistakes",
        [5, 3, 100],
        [n for _, n in rule.values()],
        "a plain loop",
    )
    random.seed(7)
    deep = MLP(2, [64, 32, 16, 1], "sigmoid", "sigmoid", "pytorch")
    one = {name: MLP(2, [1], output="sigmoid", init="pytorch") for name in TARGETS}
    history = {
        name: trained(model, TARGETS[name], 1001) for name, model in one.items()
    }
    history["XOR, deep"] = trained(deep, TARGETS["XOR"], epochs)
    expected = {
        "AND": (0.0174, 1.5e-4),
        "OR": (0.0093, 5e-5),
        "XOR": (0.6931471806, 1e-7),
    }
    for name, (loss, tolerance) in expected.items():
        demo.check(
            f"{name}, one neuron: loss",
            loss,
            history[name].loss[-1],
            "PyTorch; ln 2",
            tolerance,
        )
    right = [h.metrics["accuracy"][-1] for h in history.values()]
    demo.check(
        "right of AND, OR, deep XOR", [1, 1, 1], right[:2] + right[3:], "PyTorch"
    )
    losses = history["XOR, deep"].loss
    demo.check(
        "XOR, one neuron: right", 0.375, right[2], "0.25-0.5 in PyTorch", 0.125
    )
    demo.check(
        "deep XOR: epochs above ln 2 / 2",
        3000,
        sum(x > 0.35 for x in losses),
        "2000-4000",
        1000,
    )
    demo.check("deep XOR: loss", 0.005, losses[-1], "0-0.01", 0.005)
    who = {
        "AND": one["AND"],
        "OR": one["OR"],
        "XOR, perceptron": rule["XOR"][0],
        "XOR, deep": deep,
    }
    panels = [
        (name, surface(model, ROWS, TARGETS[name[:3]]))
        for name, model in who.items()
    ]
    demo.picture(
        "xor-lines",
        chart(*panels),
        "Where they say ½; XOR by the perceptron, and by the deep net",
    )
    curves = [
        (range(len(h.loss)), h.loss, "-", name) for name, h in history.items()
    ]
    demo.picture(
        "xor-losses", chart(("loss", curves)), "XOR takes depth, and patience"
    )
    return demo


if __name__ == "__main__":
    sys.exit(run(main))
