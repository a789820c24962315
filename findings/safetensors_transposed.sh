#!/usr/bin/env bash
# One would guess: safetensors.numpy saves a transposed weight as it is, or refuses an array that is
#   not contiguous in C order.
# What happens: It saves the bytes in the order of memory under the shape of the view: w.T comes
#   back with the right shape and its entries in other places. A Fortran-ordered copy is scrambled
#   in the same way. numpy.ascontiguousarray before saving is right.
# Who meets it: people who carry weights over between books and frameworks that keep a dense weight
#   as (in, out) and as (out, in): the .T is the usual step.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install safetensors==0.8.0 numpy==2.4.6
cd "$work"

"$python" -I - <<'PY'
import sys
from importlib.metadata import version

import numpy
from safetensors.numpy import load, save


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("safetensors", version("safetensors"), "numpy", numpy.__version__)
w = numpy.array([[1, 2, 3], [4, 5, 6]])


def round_trip(array):
    return load(save({"w": array}))["w"].tolist()


expect("w", round_trip(w), [[1, 2, 3], [4, 5, 6]])
expect("w.T, truth [[1, 4], [2, 5], [3, 6]]", round_trip(w.T), [[1, 2], [3, 4], [5, 6]])
expect("numpy.asfortranarray(w)", round_trip(numpy.asfortranarray(w)), [[1, 4, 2], [5, 3, 6]])
expect("numpy.ascontiguousarray(w.T)", round_trip(numpy.ascontiguousarray(w.T)), [[1, 4], [2, 5], [3, 6]])
PY
