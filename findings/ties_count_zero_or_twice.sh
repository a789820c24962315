#!/usr/bin/env bash
# One would guess: at a tie of a maximum an engine gives one operand the whole gradient, or both a
#   half: the parts add up to 1. mygrad even documents maximum(x1, x2) as where(x1 >= x2, x1, x2).
# What happens: mygrad's maximum gives nothing to either (sum 0), its where gives 1, and its
#   reduction max gives 1 to the first. DeZero's max gives 1 to each (sum 2).
# Who meets it: students who compare the gradient of a max, a max-pool or a hinge with the book's
#   DeZero or with mygrad.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install mygrad==2.5.0 dezero==0.0.13 matplotlib==3.11.2 numpy==2.4.6
cd "$work"

MPLCONFIGDIR="$work/matplotlib" "$python" -I - <<'PY'
import sys
from importlib.metadata import version

import mygrad
import numpy

numpy.int = int  # DeZero 0.0.13 was written for NumPy below 1.24.

import dezero
import dezero.functions


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("mygrad", version("mygrad"), "DeZero", version("dezero"), "numpy", numpy.__version__)


def elementwise(function):
    x, y = mygrad.tensor(2.0), mygrad.tensor(2.0)
    function(x, y).backward()
    return [None if part.grad is None else float(part.grad) for part in (x, y)]


expect("mygrad maximum(2, 2)", elementwise(mygrad.maximum), [0.0, 0.0])
expect(
    "mygrad where(2 >= 2, x, y)", elementwise(lambda x, y: mygrad.where(x.data >= y.data, x, y)), [1.0, 0.0]
)
tensor = mygrad.tensor([2.0, 2.0])
mygrad.max(tensor).backward()
expect("mygrad max([2, 2])", tensor.grad.tolist(), [1.0, 0.0])
variable = dezero.Variable(numpy.array([2.0, 2.0]))
dezero.functions.max(variable).backward()
expect("DeZero max([2, 2])", variable.grad.data.tolist(), [1.0, 1.0])
PY
