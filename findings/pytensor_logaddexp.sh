#!/usr/bin/env bash
# One would guess: logaddexp is there to be stable: where its value is right, its gradient is too.
# What happens: At (1000, 0) the value is 1000 and the gradient is (nan, 0); at (-800, -801) it is
#   (nan, nan). The rewrite that saves the value does not reach the gradient. With a constant
#   instead of y the gradient is right again, and so is that of logsumexp of a vector.
# Who meets it: engineers who inspect the gradient of a log-likelihood; the value gives no hint.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install pytensor==3.0.7 numpy==2.4.6
cd "$work"

PYTENSOR_FLAGS="cxx=,base_compiledir=$work/compiled" "$python" -I - <<'PY'
import sys

import numpy
import pytensor
import pytensor.tensor as pt


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("pytensor", pytensor.__version__, "numpy", numpy.__version__)
x, y = pt.dscalars("x", "y")
both = pt.logaddexp(x, y)
compiled = pytensor.function([x, y], [both, *pytensor.grad(both, [x, y])])


def at(*point):
    return str([round(float(number), 6) for number in compiled(*point)])


expect("logaddexp(0, -1): value and gradient", at(0.0, -1.0), "[0.313262, 0.731059, 0.268941]")
expect("logaddexp(1000, 0): value and gradient", at(1000.0, 0.0), "[1000.0, nan, 0.0]")
expect("logaddexp(-800, -801): value and gradient", at(-800.0, -801.0), "[-799.686738, nan, nan]")
constant = pytensor.function([x], pytensor.grad(pt.logaddexp(x, 0.0), x))
expect("the same at 1000 with the constant 0", float(constant(1000.0)), 1.0)
vector = pt.dvector("v")
reduced = pytensor.function([vector], pytensor.grad(pt.logsumexp(vector), vector))
expect("gradient of logsumexp([1000, 0])", reduced([1000.0, 0.0]).tolist(), [1.0, 0.0])
PY
