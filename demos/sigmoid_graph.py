"""The sigmoid's graph as "Deep Learning from Scratch" prints it (chapter 5, Figures 5-19 to 5-22).

You will see four nodes with every gradient on its arrow, the same as one node, and why y is all it takes.
"""

import sys
from collections.abc import Callable, Sequence

from autograd import Value, composite, draw, exp, labels, ledger

from .gallery import Demo, run

ARROWS = """x | ∂L/∂y·y²·exp(-x), -x | -∂L/∂y·y²·exp(-x), exp(-x) | -∂L/∂y·y², 1 + exp(-x) | -∂L/∂y·y²,
y | ∂L/∂y""".replace("\n", " ").split(", ")
Y2, E, D = (
    0.38745561900026008,
    0.60653065971263342,
    0.23500371220159449,
)  # y², exp(-x), y(1-y) by mpmath
STEPS = {
    "/": [-Y2, -Y2],
    "+": [1, -Y2],
    "exp": [E, -D],
    "×": [-1, D],
}  # local derivative, what flows on
STORY = """y = 1 / (1 + exp(-x)), typed as it stands, makes a graph of four nodes. Going back, "/" multiplies
by -y², "+" passes on what it gets, "exp" multiplies by its own output, "×" by -1. What arrives at x is
∂L/∂y·y²·exp(-x), which is ∂L/∂y·y(1-y); so the four nodes can be one.

The note ends with a question: why does the layer keep y, and not x? Because y(1-y) needs nothing else: two
multiplications and no exp. In Figure 5-22, no x stands on the arrow back."""


@composite
def sigmoid(x: Value) -> Value:
    """The book's four nodes: × by -1, exp, + 1, /."""
    return 1 / (1 + exp(x * -1))


class Sigmoid:
    """The note's layer: forward keeps its output, because backward needs no more."""

    def forward(self, xs: Sequence[float]) -> list[float]:
        """The sigmoid of every x."""
        self.out = [sigmoid(Value(x)).data for x in xs]
        return self.out

    def backward(self, dout: Sequence[float]) -> list[float]:
        """dout·(1 - out)·out for every x."""
        return [
            d * (1.0 - out) * out for d, out in zip(dout, self.out, strict=True)
        ]


def gradient(f: Callable[[Value], Value], at: float) -> float:
    """df/dx, by a backward pass."""
    x = Value(at)
    f(x).backward()
    return x.grad


def main() -> Demo:
    """The figures, the four steps back, and the gradient checked in several ways."""
    demo = Demo("The sigmoid's graph, forwards and backwards", STORY)
    y = sigmoid(Value(0.5, name="x"))
    text, folded = labels(y), labels(y, collapse="sigmoid")
    for arrow, got in zip(
        ARROWS,
        [e for e in text.edges.values() if e[1]] + [text.roots[y]],
        strict=True,
    ):
        demo.check("arrow ahead | back", arrow, " | ".join(got), "Figure 5-20")
    demo.check(
        "folded into one node",
        "∂L/∂y·y(1-y)",
        next(iter(folded.edges.values()))[1],
        "Figure 5-22",
    )
    for (op, expected), step in zip(STEPS.items(), ledger(y), strict=True):
        got = [step.local, step.contribution]
        demo.check(
            f"{step.upstream:+.6f} meets {op}: local, flow",
            expected,
            got,
            "mpmath",
            1e-15,
        )
    for at, true in ((0.5, D), (-3, 0.045176659730912), (1000, 0.0), (-1000, 0.0)):
        got = [gradient(sigmoid, at), gradient(Value.sigmoid, at)]
        demo.check(
            f"∂y/∂x at {at}: four nodes, one op",
            [true, true],
            got,
            "y(1-y) by mpmath",
            1e-15,
        )
    layer = Sigmoid()
    demo.check(
        "layer.forward([24, 32, 5])",
        [1, 1, 0.99330715],
        layer.forward([24, 32, 5]),
        "the note",
        1e-8,
    )
    demo.check(
        "layer.backward([1, 1, 1])",
        [0, 0, 0.006648057],
        layer.backward([1, 1, 1]),
        "mpmath",
        1e-9,
    )
    apple, count, tax = (
        Value(100, name="apple"),
        Value(2, name="count"),
        Value(1.1, name="tax"),
    )
    (total := apple * count * tax).backward()
    got = [total.data, apple.grad, count.grad, tax.grad]
    demo.check(
        "2 apples at 100, tax 1.1",
        [220, 2.2, 110, 200],
        got,
        "the book's apples",
        1e-12,
    )
    demo.picture(
        "figure-5-19",
        draw(y, style="textbook", gradients=False),
        "Figure 5-19: forward",
    )
    demo.picture(
        "figure-5-20",
        draw(y, style="textbook"),
        "Figure 5-20: forward and backward",
    )
    demo.picture(
        "figure-5-22",
        draw(y, style="textbook", collapse="sigmoid"),
        "Figure 5-22: as one node",
    )
    demo.picture(
        "apple",
        draw(total, style="textbook", labels="number"),
        "The book's apples, in numbers",
    )
    return demo


if __name__ == "__main__":
    sys.exit(run(main))
