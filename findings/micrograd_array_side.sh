#!/usr/bin/env bash
# One would guess: with a micrograd Value x and a NumPy array w, x * w and w * x are the same; and
#   numpy.mean works on a list of Values if numpy.sum does.
# What happens: w * x is an array of Values, x * w is one Value that holds the array. backward()
#   then gives the scalar x a gradient of the shape of w. numpy.mean raises an error about integer
#   powers, though every number is a float: it divides by an integer, which Value computes as n **
#   -1.
# Who meets it: students of the micrograd lecture who replace a loop by NumPy.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install micrograd==0.1.0 numpy==2.4.6
cd "$work"

"$python" -I - <<'PY'
import sys
from importlib.metadata import version

import numpy
from micrograd.engine import Value


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("micrograd", version("micrograd"), "numpy", numpy.__version__)
x, w = Value(3.0), numpy.array([1.0, 2.0])
left, right = w * x, x * w

expect("type of w * x", type(left).__name__, "ndarray")
expect("type of x * w", type(right).__name__, "Value")
right.backward()
expect("x.grad after (x * w).backward()", x.grad.tolist(), [1.0, 2.0])
expect("numpy.sum of two Values", numpy.sum([Value(1.0), Value(2.0)]).data, 3.0)
try:
    seen = numpy.mean([Value(1.0), Value(2.0)]).data
except ValueError as error:
    seen = str(error)
expect("numpy.mean of two Values", seen, "Integers to negative integer powers are not allowed.")
PY
