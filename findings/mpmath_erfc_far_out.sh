#!/usr/bin/env bash
# One would guess: mpmath.erfc takes any number, as mpmath.erf does; a result that is too small is
#   a tiny number or 0.
# What happens: From some place between 1e150 and 1e200 on it raises OverflowError: "int too large
#   to convert to float". erf gives 1.0 there, and exp of minus the square gives a number.
# Who meets it: engineers who take mpmath as the oracle of erfc or of GELU and try the ends of the
#   floats.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install mpmath==1.3.0
cd "$work"

"$python" -I - <<'PY'
import sys

import mpmath


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


def outcome(function, x):
    try:
        return "a number" if mpmath.isfinite(function(mpmath.mpf(x))) else "none"
    except OverflowError as error:
        return f"OverflowError: {error}"


print("mpmath", mpmath.__version__)

expect("erfc(1e150)", outcome(mpmath.erfc, "1e150"), "a number")
expect("erfc(1e200)", outcome(mpmath.erfc, "1e200"), "OverflowError: int too large to convert to float")
expect("erf(1e200)", outcome(mpmath.erf, "1e200"), "a number")
expect("exp(-1e400)", outcome(mpmath.exp, "-1e400"), "a number")
PY
