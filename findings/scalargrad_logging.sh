#!/usr/bin/env bash
# One would guess: importing a tiny autograd engine leaves the program's logging as it is.
# What happens: import scalargrad removes the handlers of the root logger, hangs in its own and
#   lowers the level to INFO: the program's log gets nothing more, and INFO lines of all libraries
#   appear on the terminal.
# Who meets it: engineers who put a small engine beside their own in a comparison run, and lose the
#   log of that run.
set -euo pipefail

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -I -m pip -qq --disable-pip-version-check install scalargrad==1.0.5
cd "$work"

"$python" -I - <<'PY'
import io
import logging
import sys
import warnings
from importlib.metadata import version


def expect(what, seen, wanted):
    print(f"{what}: {seen}")
    if seen != wanted:
        sys.exit(f"Changed: {what} is now {seen}; it was {wanted}.")


warnings.simplefilter("ignore")
log = io.StringIO()
logging.basicConfig(stream=log, level=logging.WARNING)
root = logging.getLogger()
(own,) = root.handlers
root.warning("before")

import scalargrad

print("scalargrad", version("scalargrad"), scalargrad.__name__)
expect("the program's handler is still there", own in root.handlers, False)
expect("handlers of the root logger", [type(handler).__name__ for handler in root.handlers], ["RichHandler"])
expect("level of the root logger", logging.getLevelName(root.level), "INFO")
root.warning("after")
expect("the program's log", log.getvalue(), "WARNING:root:before\n")
PY
