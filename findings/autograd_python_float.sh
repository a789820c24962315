#!/usr/bin/env bash
# One would guess: autograd.grad gives the same derivative at -1.0 and at numpy.float64(-1.0), and
#   at 0.0 and numpy.float64(0.0).
# What happens: A Python float stays one inside. (-1.0) ** 1.5 is then complex, and grad takes the
#   real part of the complex slope: 9e-17, no nan, no complaint. The slope of sqrt at 0.0 raises
#   ZeroDivisionError where numpy.float64 gives inf.
# Who meets it: engineers who look at a partial derivative at one point and type the point as a
#   Python number.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install autograd==1.9.1 numpy==2.4.6
cd "$work"

"$python" -I - <<'PY'
import math
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
power = autograd.grad(lambda x: x**1.5)
root = autograd.grad(anp.sqrt)

slope = float(power(-1.0))
print("d x**1.5 at -1.0:", slope)
expect("it is a tiny real number", 0.0 < slope < 1e-15, True)
expect("d x**1.5 at numpy.float64(-1.0) is nan", math.isnan(power(numpy.float64(-1.0))), True)
expect("d sqrt at numpy.float64(0.0)", float(root(numpy.float64(0.0))), math.inf)
try:
    seen = repr(root(0.0))
except ZeroDivisionError:
    seen = "ZeroDivisionError"
expect("d sqrt at 0.0", seen, "ZeroDivisionError")
PY
