#!/usr/bin/env bash
# One would guess: a format without timestamps writes equal bytes for equal tensors and equal
#   metadata: a digest tells whether a saved model changed.
# What happens: Without metadata the bytes repeat. With a few metadata entries their order in the
#   header changes from one save to the next, in one process: 50 saves of the same dictionary make
#   many different files.
# Who meets it: people who carry a project on and compare, cache or review saved models by digest.
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
from safetensors.numpy import save


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("safetensors", version("safetensors"), "numpy", numpy.__version__)
tensors = {"w": numpy.ones(2), "b": numpy.zeros(1)}
metadata = {"format": "np", "epoch": "3", "seed": "0", "loss": "mse", "optimiser": "sgd", "lr": "0.1"}

plain = {save(tensors) for _ in range(50)}
told = {save(tensors, metadata=metadata) for _ in range(50)}
expect("different files in 50 saves without metadata", len(plain), 1)
print("different files in 50 saves with six metadata entries:", len(told))
expect("more than one", len(told) > 1, True)
expect("sizes among them", len({len(file) for file in told}), 1)
PY
