"""What was tried, how many times, and the worst that was found: ``python -m tests.reliability``.

It prints the README's table, from the functions that the tests use too, with larger counts; ``--write`` puts
it into the README.  A row's numbers are counted by the run.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

import numpy as np

from autograd import OPS, Value, exp, grad, gradcheck, sigmoid, toposort
from nn import MLP
from tests import mutation, test_bad_inputs, test_edges, test_load, test_states, test_truth
from tests.test_checking import point

Row: TypeAlias = "tuple[str, str, str]"
README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- python -m tests.reliability -->\n", "<!-- the end of its table -->\n"


def gradchecks() -> list[Row]:
    """Every op, in all the ways that gradcheck knows."""
    found = [gradcheck(op, *point(op), order=3 if len(op.operands) == 1 else 2) for op in OPS.values()]
    worst = max((checked.worst for checked in found if checked.worst.allowed < 1e-6), key=lambda x: x.error)
    tried = f"{sum(checked.comparisons for checked in found):,} comparisons, {len(found)} ops, orders to 3"
    return [("gradcheck of every op", tried, f"relative error {worst.error:.0e}: {worst.place}, {worst.way}")]


def sizes() -> list[Row]:
    """Nodes of derivative graphs, for orders 0 to 4."""
    x, model = Value(0.5), MLP(2, [4, 1], activation="tanh")
    loss = sum(((model([x, 1.0]) - 1.0) ** 2 for x in (0.0, 1.0)), start=Value(0.0))
    graphs = {"1/(1+exp(-x))": (1 / (1 + exp(-x)), x), "sigmoid(x)": (sigmoid(x), x)}
    graphs["an MLP's loss"] = loss, model.parameters()[0]
    found = [(name, " → ".join(orders(*pair))) for name, pair in graphs.items()]
    return [
        (f"nodes of the graph of {name}", "and of its derivatives, orders 1 to 4", n) for name, n in found
    ]


def orders(y: Value, x: Value) -> Iterator[str]:
    for _ in range(5):
        yield str(len(toposort(y)))
        y = grad(y, x)


def mutants() -> list[Row]:
    """In a process of its own: the harness imports the engine itself, before anything else does."""
    modules = (*mutation.CORE, "derivatives", "slopes", "checking")
    code = f"import json; from tests.mutation import figures; print(json.dumps(figures({modules})))"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return [(what, tried, worst) for what, tried, worst in json.loads(done.stdout.splitlines()[-1])]


PARTS: dict[str, Callable[[], list[Row]]] = {
    "edges": test_edges.figures,
    "programs": test_truth.figures,
    "gradcheck": gradchecks,
    "states": test_states.figures,
    "inputs": test_bad_inputs.figures,
    "load": test_load.figures,
    "sizes": sizes,
    "mutants": mutants,
}


def table(parts: dict[str, Callable[[], list[Row]]]) -> str:
    """Markdown; what each part took goes to stderr."""
    lines = ["| what | tried | the worst found |", "|---|---|---|"]
    for name, part in parts.items():
        start = perf_counter()
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in part()]
        print(f"{name}: {perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    machine = f"{platform.system()} {platform.machine()}"
    versions = f"(Python {platform.python_version()}, NumPy {np.__version__}, {machine})"
    return "\n".join([*lines, "", versions, ""])


def written(text: str, readme: str) -> str:
    """The README with the table between its marks."""
    before, _, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the README has no place for the table, between {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    names = ", ".join(PARTS)
    parser.add_argument(
        "parts", nargs="*", metavar="part", help=f"of {names}; without one all, some 20 minutes"
    )
    parser.add_argument("--write", action="store_true", help="write the table into the README")
    given = parser.parse_args()
    if unknown := {*given.parts} - {*PARTS}:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; choose of {names}")
    text = table({name: PARTS[name] for name in given.parts or PARTS})
    print(text)
    if given.write:
        README.write_text(written(text, README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
