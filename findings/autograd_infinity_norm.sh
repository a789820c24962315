#!/usr/bin/env bash
# One would guess: autograd refuses every order of norm that it has no derivative for, as it refuses
#   ord=1; where it answers, it is right away from ties.
# What happens: ord=inf is answered, at perfectly smooth points, with nan for the largest entry: (1,
#   -2) gives (0, nan), and (3, 4, 12) gives nan three times.
# Who meets it: engineers who bound a residual or a weight by its largest entry and inspect that
#   gradient.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install autograd==1.9.1 numpy==2.4.6
cd "$work"

"$python" -I - <<'PY'
import sys
import warnings
from importlib.metadata import version

import autograd
import autograd.numpy as anp
import numpy


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("autograd", version("autograd"), "numpy", numpy.__version__)
warnings.simplefilter("ignore")


def slope(order, *entries):
    gradient = autograd.grad(lambda x: anp.linalg.norm(x, order))
    return str(gradient(numpy.array(entries)).tolist())


expect(
    "norm of order 3 at (1, -2), rounded",
    str(round(float(slope(3, 1.0, -2.0).strip("[]").split(",")[0]), 6)),
    "0.23112",
)
expect("norm of order inf at (1, -2), truth [0, -1]", slope(numpy.inf, 1.0, -2.0), "[0.0, nan]")
expect(
    "norm of order inf at (3, 4, 12), truth [0, 0, 1]", slope(numpy.inf, 3.0, 4.0, 12.0), "[nan, nan, nan]"
)
try:
    seen = slope(1, 1.0, -2.0)
except NotImplementedError as error:
    seen = str(error)
expect("norm of order 1", seen, "Gradient of norm not implemented for ord=1")
PY
