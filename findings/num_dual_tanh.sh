#!/usr/bin/env bash
# One would guess: the dual number's tanh saturates as math.tanh does: value 1, derivative 0, for
#   every large argument.
# What happens: It is computed as sinh over cosh: from 356 on the derivative is nan, from 711 on the
#   value is nan too; at 19 the value lies above 1 and the derivative below 0.
# Who meets it: engineers who check the partial derivatives of a tanh network with (hyper-)dual
#   numbers.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install num-dual==0.15.1
cd "$work"

"$python" -I - <<'PY'
import math
import sys
from importlib.metadata import version

import num_dual


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("num-dual", version("num-dual"))


def value_and_slope(x):
    return num_dual.first_derivative(lambda dual: dual.tanh(), x)


expect("tanh at 300", value_and_slope(300.0), (1.0, 0.0))
expect("tanh at 356", str(value_and_slope(356.0)), "(1.0, nan)")
expect("tanh at 711", str(value_and_slope(711.0)), "(nan, nan)")
expect("math.tanh(711)", math.tanh(711.0), 1.0)
value, slope = value_and_slope(19.0)
print("tanh at 19:", value, slope)
expect("value above 1, slope below 0", (value > 1.0, slope < 0.0), (True, True))
PY
