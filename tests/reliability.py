"""What was tried, how many times, and the worst that was found: ``python -m tests.reliability``.

It prints the table of tests/README.md, from the functions that the tests use too, with larger counts.
``--write`` puts it there, and some of its rows into the README.  A row's numbers are counted by the run.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

import numpy as np

from autograd import OPS, Value, exp, grad, gradcheck, sigmoid, toposort
from nn import MLP
from tests import (
    mutation,
    test_bad_inputs,
    test_edges,
    test_load,
    test_states,
    test_truth,
)
from tests.test_checking import point

Row: TypeAlias = "tuple[str, str, str]"
TABLE, README = (
    Path(__file__).with_name("README.md"),
    Path(__file__).parents[1] / "README.md",
)
HEAD = ["| what | tried | the worst found |", "|---|---|---|"]
SHOWN = (  # how the rows begin that the README shows
    "edges, eager",
    "edges, compiled",
    "random programs against mpmath, orders 2 and 3, moderate numbers",
    "bad inputs",
    "chain",
    "mutants of",
)
BEGIN, END = (
    "<!-- python -m tests.reliability -->\n",
    "<!-- the end of its table -->\n",
)


def gradchecks() -> list[Row]:
    """Every op, in all the ways that gradcheck knows."""
    found = [
        gradcheck(op, *point(op), order=3 if len(op.operands) == 1 else 2)
        for op in OPS.values()
    ]
    worst = max(
        (checked.worst for checked in found if checked.worst.allowed < 1e-6),
        key=lambda x: x.error,
    )
    tried = f"{sum(checked.comparisons for checked in found):,} comparisons, {len(found)} ops, orders to 3"
    return [
        (
            "gradcheck of every op",
            tried,
            f"relative error {worst.error:.0e}: {worst.place}, {worst.method}",
        )
    ]


def sizes() -> list[Row]:
    """Nodes of derivative graphs, for orders 0 to 4."""
    x, model = Value(0.5), MLP(2, [4, 1], activation="tanh")
    loss = sum(((model([x, 1.0]) - 1.0) ** 2 for x in (0.0, 1.0)), start=Value(0.0))
    graphs = {
        "1/(1+exp(-x))": (1 / (1 + exp(-x)), x),
        "sigmoid(x)": (sigmoid(x), x),
    }
    graphs["an MLP's loss"] = loss, model.parameters()[0]
    found = [(name, " → ".join(orders(*pair))) for name, pair in graphs.items()]
    return [
        (
            f"nodes of the graph of {name}",
            "and of its derivatives, orders 1 to 4",
            n,
        )
        for name, n in found
    ]


def orders(y: Value, x: Value) -> Iterator[str]:
    for _ in range(5):
        yield str(len(toposort(y)))
        y = grad(y, x)


def mutants() -> list[Row]:
    """In a process of its own: the harness imports the engine itself, before anything else does."""
    modules = (
        *mutation.CORE,
        *("flows", "derivatives", "complexes", "chords", "slopes", "checking"),
    )
    code = f"import json; from tests.mutation import figures; print(json.dumps(figures({modules})))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
    )
    return [
        (what, tried, worst)
        for what, tried, worst in json.loads(done.stdout.splitlines()[-1])
    ]


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


def computed(parts: dict[str, Callable[[], list[Row]]]) -> list[str]:
    """The rows as lines of Markdown; what each part took goes to stderr."""
    lines = list[str]()
    for name, part in parts.items():
        start = perf_counter()
        lines += [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
            for row in part()
        ]
        print(
            f"{name}: {perf_counter() - start:.0f} s", file=sys.stderr, flush=True
        )
    return lines


def versions() -> str:
    machine = f"{platform.system()} {platform.machine()}"
    return (
        f"(Python {platform.python_version()}, NumPy {np.__version__}, {machine})"
    )


def lines_of(text: str) -> list[str]:
    """The rows of the table that stands in a text between the marks."""
    lines = text.partition(BEGIN)[2].partition(END)[0].splitlines()
    return [line for line in lines if line.startswith("| ") and line not in HEAD]


def merged(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The old rows, with the new ones in the places of those of the same name, or behind."""
    rows = {line.split(" | ")[0]: line for line in (*old, *new)}
    return [*rows.values()]


def shown(lines: Sequence[str]) -> list[str]:
    """The rows that the README shows; ValueError if there is none of a name."""
    found = [
        [line for line in lines if line.startswith(f"| {name}")][:1]
        for name in SHOWN
    ]
    if missing := [
        name for name, rows in zip(SHOWN, found, strict=True) if not rows
    ]:
        raise ValueError(
            f"the table has no row {missing[0]!r}, which the README shows"
        )
    return [line for rows in found for line in rows]


def written(lines: Sequence[str], text: str) -> str:
    """The text with a table between its marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(
            f"there is no place for the table, between {BEGIN!r} and {END!r}"
        )
    return (
        f"{before}{BEGIN}\n"
        + "\n".join([*HEAD, *lines, "", versions(), ""])
        + f"\n{END}{after}"
    )


def write(lines: Sequence[str], whole: bool) -> None:
    """Both files, or neither; of a table that is not whole, the other rows stay."""
    table, readme = (path.read_text(encoding="utf-8") for path in (TABLE, README))
    lines = lines if whole else merged(lines_of(table), lines)
    texts = written(lines, table), written(shown(lines), readme)
    for path, text in zip((TABLE, README), texts, strict=True):
        path.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.reliability", description=__doc__
    )
    names = ", ".join(PARTS)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="part",
        help=f"of {names}; without one all, some 20 minutes",
    )
    what = "write the rows into tests/README.md, and those that it shows into the README"
    parser.add_argument("--write", action="store_true", help=what)
    given = parser.parse_args(arguments)
    if unknown := {*given.parts} - {*PARTS}:
        parser.error(
            f"there is no part {', '.join(sorted(unknown))}; choose of {names}"
        )
    lines = computed({name: PARTS[name] for name in given.parts or PARTS})
    print("\n".join([*HEAD, *lines, "", versions()]))
    if given.write:
        write(lines, whole=not given.parts)


if __name__ == "__main__":
    main()
