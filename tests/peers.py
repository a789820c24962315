"""The hand-written edge cases in PyTorch and JAX, where these are installed: ``python -m tests.peers``.

It prints the cases in which one of them gives another value, gradient or second derivative than is wanted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module, util
from typing import Any, TypeAlias

from tests.test_ops import EDGE_CASES, Case, derivative, value_and_gradient

Numbers: TypeAlias = "list[list[float]]"  # the value; the gradient; the second derivative, if a case has one
Engine: TypeAlias = "Callable[[Case], Numbers]"
WORDS = "exp log log1p sin cos tanh sqrt sign"
DIGITS = 1e-9  # the last digits are not in question here


def function(case: Case, words: dict[str, Any]) -> Callable[..., Any]:
    """The case's expression as a function of x, or of x and y, in an engine's words."""
    return eval(  # noqa: S307  written in this file
        f"lambda {', '.join('xy'[: len(case.point)])}: {case.expression}",
        dict(words),
    )


def torch_numbers(case: Case) -> Numbers:
    torch: Any = import_module("torch")

    def tensor(x: Any) -> Any:
        return torch.as_tensor(x, dtype=torch.float64)

    words = {
        name: getattr(torch, name) for name in [*WORDS.split(), "relu", "sigmoid"]
    }
    words |= {"maximum": lambda x, y: torch.maximum(x, tensor(y))}
    words |= {"minimum": lambda x, y: torch.minimum(x, tensor(y))}
    words |= {
        "step": lambda x: torch.heaviside(x.detach(), tensor(0.0)),
        "softplus": torch.nn.functional.softplus,
    }
    words |= {"where": lambda x, y, w: torch.where(x != 0, y, w)}
    xs = [tensor(x).requires_grad_() for x in case.point]

    def slopes(y: Any) -> Any:
        if y is None or not y.requires_grad:
            return [None] * len(xs)
        return torch.autograd.grad(y, xs, create_graph=True, allow_unused=True)

    y = function(case, words)(*xs)
    first, second = slopes(y), slopes(slopes(y)[0])[:1] if case.second else []
    return [
        [0.0 if x is None else x.item() for x in part]
        for part in ([y], first, second)
    ]


def jax_numbers(case: Case) -> Numbers:
    jax: Any = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    words = {
        name: getattr(jax.numpy, name)
        for name in [*WORDS.split(), "maximum", "minimum"]
    }
    words |= {
        name: getattr(jax.nn, name) for name in ("relu", "sigmoid", "softplus")
    }
    words |= {
        "step": lambda x: jax.numpy.heaviside(x, 0.0),
        "where": lambda x, y, w: jax.numpy.where(x != 0, y, w),
    }
    f, places, xs = (
        function(case, words),
        tuple(range(len(case.point))),
        [jax.numpy.float64(x) for x in case.point],
    )
    second = [jax.grad(jax.grad(f))(*xs)] if case.second else []
    return [
        [float(x) for x in part]
        for part in ([f(*xs)], jax.grad(f, places)(*xs), second)
    ]


def our_numbers(case: Case) -> Numbers:
    value, slopes = value_and_gradient(case.function(), *case.point)
    return [
        [value],
        slopes,
        [derivative(case.function(), case.point[0], 2)] if case.second else [],
    ]


ENGINES: dict[str, Engine] = {
    "autograd": our_numbers,
    "torch": torch_numbers,
    "jax": jax_numbers,
}


def agrees(found: Numbers, case: Case) -> bool:
    """To some nine digits; the last ones are not in question here."""
    rough = case._replace(precision=max(DIGITS, case.precision))
    firsts = zip([*found[0], *found[1]], [case.value, *case.gradient], strict=True)
    second = not case.second or any(
        rough.agrees(found[2][0], x) for x in case.second
    )
    return second and all(rough.agrees(x, y) for x, y in firsts)


def shown(numbers: Numbers) -> str:
    return " ; ".join(
        ", ".join(f"{x + 0.0:.6g}" for x in part) for part in numbers if part
    )


def main() -> int:
    """Prints a row for every case in which an engine differs; 1 if this one does."""
    engines = {
        name: engine for name, engine in ENGINES.items() if util.find_spec(name)
    }
    wrong = dict.fromkeys(engines, 0)
    print(
        "| case | wanted |",
        " | ".join(engines),
        "|\n|---|---|",
        "---|" * len(engines),
        sep="",
    )
    for case in EDGE_CASES:
        found = {name: engine(case) for name, engine in engines.items()}
        bad = [name for name, numbers in found.items() if not agrees(numbers, case)]
        wrong |= {name: wrong[name] + 1 for name in bad}
        if bad:
            right = shown([[case.value], [*case.gradient]])
            right += " ; " * bool(case.second) + " or ".join(
                f"{x:.6g}" for x in case.second
            )
            cells = [
                f"**{shown(numbers)}**" if name in bad else "as wanted"
                for name, numbers in found.items()
            ]
            print("|", " | ".join([f"`{case}`", right, *cells]), "|")
    for name, count in wrong.items():
        version = getattr(import_module(name), "__version__", "(this one)")
        print(f"{name} {version}: {count} of {len(EDGE_CASES)} cases differ")
    for name in ENGINES.keys() - engines.keys():
        print(f"{name} is not installed: pip install -e .[benchmark]")
    return int(wrong["autograd"] > 0)


if __name__ == "__main__":
    sys.exit(main())
