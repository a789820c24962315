#!/usr/bin/env bash
# One would guess: the converter knows a LaTeX environment or refuses it; what it returns is XML
#   either way.
# What happens: aligned, the usual environment for the steps of a derivation, comes back with a bare
#   & in <mi>&</mi>: not well-formed, so no XML parser reads the page. align, split and cases are
#   converted rightly.
# Who meets it: teachers who turn the printed steps of a derivative into a page with MathML.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install latex2mathml==3.81.1
cd "$work"

"$python" -I - <<'PY'
import sys
import xml.etree.ElementTree as ElementTree
from importlib.metadata import version

from latex2mathml.converter import convert


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("latex2mathml", version("latex2mathml"))


def reading(environment):
    steps = r"\begin{E} y &= x^2 \\ \frac{dy}{dx} &= 2x \end{E}".replace("E}", environment + "}")
    try:
        return ElementTree.fromstring(convert(steps)).tag.rpartition("}")[2]
    except ElementTree.ParseError as error:
        return str(error).partition(":")[0]


expect("align", reading("align"), "math")
expect("split", reading("split"), "math")
expect("cases", reading("cases"), "math")
expect("aligned", reading("aligned"), "not well-formed (invalid token)")
expect("the bare ampersand", "<mi>&</mi>" in convert(r"\begin{aligned} a &= b \end{aligned}"), True)
PY
