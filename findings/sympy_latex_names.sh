#!/usr/bin/env bash
# One would guess: latex(Symbol(name)) sets the name, with Greek letters and trailing digits as the
#   only magic.
# What happens: A name that ends in a word for an accent is read as that accent: batchnorm is set as
#   a norm of 'batch', crossbar as 'cross' under a bar, sumabs as |sum|, what as w-hat, losscal in
#   calligraphic letters.
# Who meets it: teachers who name the values of a graph and print its formula through SymPy.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install sympy==1.14.0
cd "$work"

"$python" -I - <<'PY'
import sys

import sympy


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("sympy", sympy.__version__)


def set_as(name):
    return sympy.latex(sympy.Symbol(name))


expect("layer", set_as("layer"), "layer")
expect("batchnorm", set_as("batchnorm"), r"\left\|{batch}\right\|")
expect("crossbar", set_as("crossbar"), r"\bar{cross}")
expect("sumabs", set_as("sumabs"), r"\left|{sum}\right|")
expect("what", set_as("what"), r"\hat{w}")
expect("losscal", set_as("losscal"), r"\mathcal{loss}")
expect(
    "batchnorm with symbol_names",
    sympy.latex(sympy.Symbol("batchnorm"), symbol_names={sympy.Symbol("batchnorm"): "batchnorm"}),
    "batchnorm",
)
PY
