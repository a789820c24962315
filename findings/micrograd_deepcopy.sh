#!/usr/bin/env bash
# One would guess: copy.deepcopy of a micrograd expression is a second, independent graph, or it is
#   refused as pickle refuses it.
# What happens: The copy looks whole but its backward() runs the closures of the original. The
#   copied leaves keep gradient 0, and once the original has been differentiated, each backward() of
#   the copy adds to the original's leaves.
# Who meets it: people who carry the lecture's code on and copy a graph for a 'before and after' of
#   one step.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install micrograd==0.1.0
cd "$work"

"$python" -I - <<'PY'
import copy
import sys
from importlib.metadata import version

from micrograd.engine import Value


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("micrograd", version("micrograd"))
leaf = Value(3.0)
square = leaf * leaf
twin = copy.deepcopy(square)
(twin_leaf,) = twin._prev

twin.backward()
expect("after the copy's backward(): gradient of the copied leaf", twin_leaf.grad, 0)
square.backward()
expect("after the original's backward(): gradient of the original leaf", leaf.grad, 6.0)
twin.backward()
expect("after the copy's backward() again: gradient of the original leaf", leaf.grad, 12.0)
expect("gradient of the copied leaf", twin_leaf.grad, 0)
PY
