"""micrograd's showpiece, two moons: the same seed, the same losses; and one network drawn at four depths.

You will see ten steps of training beside micrograd 0.1.0, loss by loss, where fifty lead, and the model as a
box, as layers, as neurons and as scalars.
"""

import random
import sys
from typing import Any, cast

from sklearn import datasets

from autograd import Value, draw
from nn import MLP, SGD, fit, hinge

from .gallery import Demo, chart, run, surface

STORY = """micrograd trains an MLP of 337 parameters to part two moons of a hundred points, by the hinge loss
and a small weight penalty. Its constructors and its first weights are the same here, so the same seed gives
the same losses; here they are, beside those that micrograd 0.1.0 prints.

Every call of a module is a composite, so a network can be drawn at the depth that the question needs. Its
weights stay inside its boxes, and neurons that read the same inputs are summed up after the third."""
MICROGRAD = [  # the losses that it prints
    0.9102775017987862, 1.6417172531680733, 0.5491998835551583, 0.49531196785279386,
    0.24529888065468114, 0.23868402057450439, 0.24943963032593766, 0.29400177227652713,
    0.3456499293237379, 0.252922190108358,
]  # fmt: skip
DEPTHS = {1: "one box", 2: "layers", 3: "neurons", (): "scalars"}


def main() -> Demo:
    """Ten steps beside micrograd's, and networks at every depth."""
    demo = Demo("Two moons, as micrograd trains them", STORY)
    points, moons = cast("Any", datasets).make_moons(100, noise=0.1, random_state=1)
    random.seed(1337)
    model = MLP(2, [16, 16, 1])

    def penalised(score: Value, label: float) -> Value:
        return hinge(score, label) + 1e-4 * sum(p * p for p in model.parameters())

    rate = SGD(lambda epoch: 1 - 0.9 * epoch / 100)
    history = fit(
        model, points, 2 * moons - 1, loss=penalised, optimizer=rate, epochs=50
    )
    panels = (
        [(range(50), history.loss, "-", "")],
        surface(lambda x: model(x).sigmoid(), points, moons),
    )
    demo.picture(
        "moons",
        chart(*zip(("loss", "two moons"), panels, strict=True)),
        "After fifty steps",
    )
    for n, (loss, got) in enumerate(zip(MICROGRAD, history.loss, strict=False)):
        demo.check(f"loss of step {n}", loss, got, "micrograd 0.1.0", 1e-12)
    (y := model([Value(0.5, "x1"), Value(-1.0, "x2")])).backward()
    demo.picture(
        "mlp",
        draw(y, collapse=3),
        "MLP(2, [16, 16, 1]) as neurons; its 337 parameters are inside them",
    )
    (y := MLP(2, [2, 1])([Value(0.5, "x1"), Value(-1.0, "x2")])).backward()
    for depth, caption in DEPTHS.items():
        demo.picture(
            f"mlp-{caption.split()[-1]}",
            draw(y, collapse=depth),
            f"MLP(2, [2, 1]) as {caption}",
        )
    return demo


if __name__ == "__main__":
    sys.exit(run(main))
