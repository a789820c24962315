"""Newton's method by a formula's gradient and Hessian, recorded once; and tanh with its derivatives.

You will see the ways down Rosenbrock's valley and Goldstein and Price's hills, and four derivatives of tanh.
"""

import sys
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from autograd import Value, compile, draw, grad, hessian, tanh

from .gallery import Demo, chart, contours, run

STORY = """A gradient is a graph like any other, so it has a gradient too. Newton's method asks for both: it
steps to where the slope would vanish if the Hessian stayed as it is, or down the slope, and half as far until
the function falls. The dots are every hundredth of gradient descent's 10,000 steps, with a rate of 0.001."""
FOUR = [0.41997434, -0.63970001, 0.62162668, 0.66509105]  # derivatives of tanh at 1


def rosenbrock(x: Any, y: Any) -> Any:
    return 100 * (y - x**2) ** 2 + (1 - x) ** 2


def goldstein_price(x: Any, y: Any) -> Any:
    near = 1 + (x + y + 1) ** 2 * (
        19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
    )
    return near * (
        30
        + (2 * x - 3 * y) ** 2
        * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    )


def derivatives(
    f: Callable[..., Any], x: float, y: float
) -> tuple[list[Value], list[Value]]:
    """The leaves; and f, the two numbers of its gradient and the four of its Hessian, as graphs."""
    xs = [Value(x, "x"), Value(y, "y")]
    z = f(*xs)
    return xs, [z, *grad(z, xs), *[v for row in hessian(z, xs) for v in row]]


def newton(at: Callable[[Any], Any], start: list[float]) -> Any:
    """The points from the start to where the slope vanishes."""
    path = [np.array(start)]
    while np.abs((now := at(path[-1]))[1:3]).max() > 1e-9:
        step = cast("Any", np.linalg).solve(now[3:].reshape(2, 2), now[1:3])
        step = step if step @ now[1:3] > 0 else now[1:3]
        while at(path[-1] - step)[0] > now[0] and np.abs(step).max() > 1e-12:
            step = step / 2
        path.append(path[-1] - step)
    return np.array(path)


def main() -> Demo:
    """Two functions with the ways down, and tanh."""
    demo = Demo("Newton's method, and derivatives of every order", STORY)
    hand = [v.data for v in derivatives(rosenbrock, 0, 2)[1][1:]]
    demo.check("∇f, H at (0, 2)", [-2, 400, -798, 0, 0, 200], hand, "by hand")
    valley, hills = (
        compile(*derivatives(f, 0.3, 0.7)[::-1])
        for f in (rosenbrock, goldstein_price)
    )
    down = newton(lambda at: valley([at])[0], [0.0, 2.0])
    over = newton(lambda at: hills([at])[0], [0.5, -0.5])
    demo.check(
        "Rosenbrock's lowest point",
        [1.0, 1.0],
        down[-1].tolist(),
        f"{len(down) - 1} steps",
        1e-9,
    )
    demo.check(
        "Goldstein and Price's",
        [0.0, -1.0],
        over[-1].tolist(),
        f"{len(over) - 1} steps",
        1e-9,
    )
    eager = newton(
        lambda at: np.array([v.data for v in derivatives(rosenbrock, *at)[1]]),
        [0.0, 2.0],
    )
    demo.check(
        "Rosenbrock's, eager",
        down[-1].tolist(),
        eager[-1].tolist(),
        "a new graph each time",
        1e-12,
    )
    descent = [np.array([0.0, 2.0])]
    for _ in range(10_000):
        descent.append(descent[-1] - 0.001 * valley([descent[-1]])[0, 1:3])
    demo.check(
        "descent's end",
        [0.99449843678, 0.98900505274],
        descent[-1].tolist(),
        "the book",
        1e-11,
    )
    maps = (
        contours(valley, Newton=down, descent=descent[::100]),
        contours(hills, Newton=over),
    )
    demo.picture(
        "newton",
        chart(("Rosenbrock", maps[0]), ("Goldstein-Price", maps[1])),
        "The ways down",
    )
    orders = [tanh(x := Value(1.0, "x"))]
    for n, wanted in enumerate(FOUR, 1):
        orders.append(grad(orders[-1], x))
        demo.check(f"tanh at 1, order {n}", wanted, orders[n].data, "mpmath", 1e-8)
    demo.picture(
        "tanh-fourth", draw(orders[4]), "The fourth derivative of tanh, as a graph"
    )
    t, program = np.linspace(-4, 4, 401), compile(orders[1:], [x])
    curves = [
        (t, z, "-", f"order {n}") for n, z in enumerate(program(t[:, None]).T, 1)
    ]
    demo.picture(
        "tanh-orders",
        chart(("derivatives of tanh", curves)),
        "Four outputs of one program",
    )
    return demo


if __name__ == "__main__":
    sys.exit(run(main))
