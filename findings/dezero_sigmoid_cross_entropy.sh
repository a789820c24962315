#!/usr/bin/env bash
# One would guess: DeZero's sigmoid_cross_entropy takes the logit and clips the probability away
#   from 0, so a confident wrong answer costs a large finite loss, as its softmax_cross_entropy
#   does.
# What happens: The clip guards one of the two logarithms. From a logit of 37 on, with target 0, the
#   loss is inf and the gradient is nan; the mirror image, logit -37 with target 1, costs 34.5 with
#   gradient 0.
# Who meets it: students of 'Deep Learning from Scratch 3' who train a two-class model with it.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install dezero==0.0.13 matplotlib==3.11.2 numpy==2.4.6
cd "$work"

MPLCONFIGDIR="$work/matplotlib" "$python" -I - <<'PY'
import sys
import warnings
from importlib.metadata import version

import numpy

numpy.int = int  # DeZero 0.0.13 was written for NumPy below 1.24.

import dezero
import dezero.functions


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("DeZero", version("dezero"), "numpy", numpy.__version__)
warnings.simplefilter("ignore")


def loss_and_gradient(logit, target):
    x = dezero.Variable(numpy.array([logit]))
    loss = dezero.functions.sigmoid_cross_entropy(x, dezero.Variable(numpy.array([target])))
    loss.backward()
    return str([round(float(loss.data), 1), round(float(x.grad.data[0]), 6)])


expect("logit 36, target 0: loss, gradient", loss_and_gradient(36.0, 0), "[36.0, 1.0]")
expect("logit 37, target 0: loss, gradient", loss_and_gradient(37.0, 0), "[inf, nan]")
expect("logit -37, target 1: loss, gradient", loss_and_gradient(-37.0, 1), "[34.5, -0.0]")
two = dezero.Variable(numpy.array([[37.0, 0.0]]))
expect(
    "softmax_cross_entropy of (37, 0), target 1",
    float(dezero.functions.softmax_cross_entropy(two, numpy.array([1])).data),
    37.0,
)
PY
