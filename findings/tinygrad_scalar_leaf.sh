#!/usr/bin/env bash
# One would guess: Tensor(3.0) is a leaf like Tensor([3.0]): after (x * x + x).sum().backward(),
#   x.grad is 7 in both.
# What happens: x.grad of Tensor(3.0) stays None, without a word, also with dtype=float32 and after
#   is_param_(). Beside a list-made leaf in the same product only the list-made one gets its
#   gradient. Tensor.gradient at least refuses it, as a 'weak Tensor'.
# Who meets it: students who go from micrograd's lecture to tinygrad and retype the first expression
#   with scalars.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install tinygrad==0.14.0
cd "$work"

DEV=PYTHON XDG_CACHE_HOME="$work/cache" "$python" -I - <<'PY'
import sys
from importlib.metadata import version

from tinygrad import Tensor, dtypes


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("tinygrad", version("tinygrad"))


def gradient(x):
    (x * x + x).sum().backward()
    return None if x.grad is None else x.grad.tolist()


expect("leaf Tensor([3.0])", gradient(Tensor([3.0])), [7.0])
expect("leaf Tensor(3.0)", gradient(Tensor(3.0)), None)
expect("leaf Tensor(3.0, dtype=float32)", gradient(Tensor(3.0, dtype=dtypes.float32)), None)
expect("leaf Tensor(3.0).is_param_()", gradient(Tensor(3.0).is_param_()), None)
x, w = Tensor([3.0]), Tensor(2.0)
(x * w).sum().backward()
expect("Tensor([3.0]) * Tensor(2.0)", (x.grad.tolist(), w.grad), ([2.0], None))
number = Tensor(3.0)
try:
    seen = str((number * number).gradient(number))
except RuntimeError as error:
    seen = str(error)
expect("Tensor.gradient", seen, "cannot take gradient wrt a weak Tensor")
PY
