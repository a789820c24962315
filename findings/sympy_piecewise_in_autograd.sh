#!/usr/bin/env bash
# One would guess: HIPS autograd differentiates what sympy.lambdify(..., 'numpy') made either
#   rightly, as it does for tanh and Max, or not at all, with an error.
# What happens: Piecewise is lambdified to numpy.select, which cuts the trace: the derivative is
#   0.0, with a warning and no error. Plain numpy.where does the same, while numpy.dot, numpy.sort
#   or numpy.linalg.norm of the same traced value are differentiated.
# Who meets it: engineers who check the partial derivatives of a printed formula against a second
#   engine; a branch (leaky relu, Huber) makes the second engine say 0.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install autograd==1.9.1 numpy==2.4.6 sympy==1.14.0
cd "$work"

"$python" -I - <<'PY'
import sys
import warnings
from importlib.metadata import version

import autograd
import numpy
import sympy


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("autograd", version("autograd"), "sympy", sympy.__version__, "numpy", numpy.__version__)
x = sympy.Symbol("x")


def derivative(formula):
    return float(autograd.grad(sympy.lambdify(x, formula, "numpy"))(3.0))


square = sympy.Piecewise((x**2, x > 0), (0, True))
expect("d Max(x, 0) at 3", derivative(sympy.Max(x, 0)), 1.0)
expect("d x**2 at 3", derivative(x**2), 6.0)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    expect("d Piecewise((x**2, x > 0), (0, True)) at 3", derivative(square), 0.0)
expect("the only sign of it", {str(w.message) for w in caught}, {"Output seems independent of input."})
expect("sympy's own derivative at 3", int(sympy.diff(square, x).subs(x, 3)), 6)
warnings.simplefilter("ignore")
expect(
    "d numpy.where(x > 0, x * x, 0) at 3",
    float(autograd.grad(lambda v: numpy.where(v > 0, v * v, 0.0))(3.0)),
    0.0,
)
expect(
    "d numpy.clip(x * x, 0, 100) at 3",
    float(autograd.grad(lambda v: numpy.clip(v * v, 0.0, 100.0))(3.0)),
    6.0,
)
PY
