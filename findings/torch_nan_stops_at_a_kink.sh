#!/usr/bin/env bash
# One would guess: a nan spreads: where the loss is nan, the gradient of the number that made it is nan
#   too, as it is through square, exp or smooth_l1_loss.
# What happens: L1 loss and abs of nan are nan, with the gradient 0.0; ReLU, leaky ReLU, maximum and
#   hardtanh pass 1.0 (0.01) at nan, as on a straight piece. In JAX, the gradient of abs is -1.0 there.
# Who meets it: engineers who look for the first nan of a training run in the gradients, and those who
#   compare an engine's gradients at nan with PyTorch's.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
# A CPU build only: where pip would fetch CUDA packages, show it a CPU wheel first (PIP_FIND_LINKS).
"$python" -I -m pip -qq --disable-pip-version-check install --dry-run --report "$work/plan.json" torch==2.13.0
if grep -q '"name": "nvidia' "$work/plan.json"; then
  echo "pip would fetch CUDA packages; show it a CPU wheel of torch 2.13.0 first." >&2
  exit 1
fi
"$python" -I -m pip -qq --disable-pip-version-check install torch==2.13.0 numpy==2.4.6 jax==0.10.2
cd "$work"

"$python" -I - <<'PY'
import math
import sys

import jax
import torch
import torch.nn.functional as F


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if str(seen) != str(wanted):
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


def value_and_slope(f):
    x = torch.tensor(math.nan, dtype=torch.float64, requires_grad=True)
    y = f(x)
    y.backward()
    return y.item(), round(x.grad.item(), 6)


zero = torch.zeros((), dtype=torch.float64)
print("torch", torch.__version__, "jax", jax.__version__)
expect("square at nan", value_and_slope(torch.square), (math.nan, math.nan))
expect("smooth_l1_loss", value_and_slope(lambda x: F.smooth_l1_loss(x, zero)), (math.nan, math.nan))
expect("l1_loss", value_and_slope(lambda x: F.l1_loss(x, zero)), (math.nan, 0.0))
expect("abs", value_and_slope(torch.abs), (math.nan, 0.0))
expect("relu", value_and_slope(torch.relu), (math.nan, 1.0))
expect("leaky_relu", value_and_slope(F.leaky_relu), (math.nan, 0.01))
expect("maximum with 0", value_and_slope(lambda x: torch.maximum(x, zero)), (math.nan, 1.0))
expect("hardtanh", value_and_slope(F.hardtanh), (math.nan, 1.0))
expect("sign", torch.sign(torch.tensor(math.nan)).item(), 0.0)
expect("jax: slope of abs", float(jax.grad(jax.numpy.abs)(math.nan)), -1.0)
PY
