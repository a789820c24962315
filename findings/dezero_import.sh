#!/usr/bin/env bash
# One would guess: pip install dezero gives the library of the third book, ready to import: pip has
#   resolved what it needs.
# What happens: It names NumPy alone, without a bound. The import fails for matplotlib, which is not
#   named; with matplotlib it fails for numpy.int, which NumPy dropped in 1.24.
# Who meets it: students of 'Deep Learning from Scratch 3', at the first line of the first program.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install dezero==0.0.13 numpy==2.4.6
cd "$work"

MPLCONFIGDIR="$work/matplotlib" "$python" -I - <<'PY'
import subprocess
import sys
from importlib.metadata import requires, version


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


print("DeZero", version("dezero"), "numpy", version("numpy"))


def failure():
    run = subprocess.run([sys.executable, "-I", "-c", "import dezero"], capture_output=True, text=True)
    errors = [line for line in run.stderr.splitlines() if "Error: " in line]
    return errors[0] if errors else "none"


expect("requirements in its metadata", requires("dezero"), ["numpy"])
expect("import dezero", failure(), "ModuleNotFoundError: No module named 'matplotlib'")
install = [sys.executable, "-I", "-m", "pip", "-qq", "--disable-pip-version-check", "install"]
subprocess.run([*install, "matplotlib==3.11.2", f"numpy=={version('numpy')}"], check=True)
expect(
    "import dezero beside matplotlib 3.11.2",
    failure(),
    "AttributeError: module 'numpy' has no attribute 'int'.",
)
PY
