#!/usr/bin/env bash
# One would guess: mpmath.diff(math.sin, 1) is good to about eight digits, as any difference
#   quotient of a double-precision function is.
# What happens: It is exactly 0.0. The step is chosen for the working precision of mpmath and
#   vanishes when the function rounds its argument to a double; only points at and near 0 look
#   right, so a check at 0 passes.
# Who meets it: engineers who take mpmath as the oracle of a derivative and pass it the Python
#   function that they already have.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install mpmath==1.3.0
cd "$work"

"$python" -I - <<'PY'
import math
import sys

import mpmath


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("mpmath", mpmath.__version__)

expect("diff(math.sin, 0), truth 1", float(mpmath.diff(math.sin, 0)), 1.0)
expect("diff(math.sin, 1), truth 0.5403", float(mpmath.diff(math.sin, 1)), 0.0)
expect("diff(math.exp, 1), truth 2.7183", float(mpmath.diff(math.exp, 1)), 0.0)
expect(
    "taylor(math.tanh, 0.5, 2)[1:], truth 0.79, -0.36",
    [float(c) for c in mpmath.taylor(math.tanh, 0.5, 2)[1:]],
    [0.0, 0.0],
)
expect("diff(mpmath.sin, 1), four digits", round(float(mpmath.diff(mpmath.sin, 1)), 4), 0.5403)
expect("diff(math.sin, 1, h=1e-6), four digits", round(float(mpmath.diff(math.sin, 1, h=1e-6)), 4), 0.5403)
PY
