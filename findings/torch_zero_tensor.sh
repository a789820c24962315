#!/usr/bin/env bash
# One would guess: torch.func.hessian(torch.abs)(2.0) is an ordinary tensor that holds 0.
# What happens: It prints as tensor(0.) and .item() works, but .numpy(), .tolist(), pickle and
#   copy.deepcopy refuse it: it has no memory ('ZeroTensor'). The second derivatives of an L1 loss
#   are such tensors too. autograd.functional.hessian gives an ordinary zero, and adding 0 makes
#   one.
# Who meets it: engineers who tabulate second partial derivatives, and those who pickle them as
#   oracle values.
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
"$python" -I -m pip -qq --disable-pip-version-check install torch==2.13.0 numpy==2.4.6
cd "$work"

"$python" -I - <<'PY'
import copy
import pickle
import sys
import warnings

import numpy
import torch


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("torch", torch.__version__, "numpy", numpy.__version__)
warnings.simplefilter("ignore")
point = torch.tensor(2.0)
second = torch.func.hessian(torch.abs)(point)


def refusal(action):
    try:
        return str(action())
    except RuntimeError as error:
        return str(error).strip().partition(".")[0]


expect("printed", str(second), "tensor(0.)")
expect(".item()", second.item(), 0.0)
expect(".numpy()", refusal(second.numpy), "Cannot convert a ZeroTensor to numpy")
expect(
    ".tolist()", refusal(second.tolist), "tolist() shouldn't be called on a tensor with unallocated storage"
)
expect(
    "pickle",
    refusal(lambda: pickle.dumps(second)),
    "ZeroTensor is not serializable, please file an issue if required",
)
expect(
    "deepcopy",
    refusal(lambda: copy.deepcopy(second)),
    "Attempted to call copy_() on an invalid python storage",
)
loss = torch.func.hessian(lambda x: torch.nn.functional.l1_loss(x, torch.zeros(())))(point)
expect(".numpy() of an L1 loss's", refusal(loss.numpy), "Cannot convert a ZeroTensor to numpy")
expect(".tolist() after + 0", (second + 0).tolist(), 0.0)
expect("autograd.functional.hessian", torch.autograd.functional.hessian(torch.abs, point).tolist(), 0.0)
PY
