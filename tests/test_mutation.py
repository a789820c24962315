"""The mutator makes the mutants that it should, and tests notice those that change something."""

from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys

import pytest

from tests.mutants import Mutant, mutants_of
from tests.mutation import (
    CORE,
    MODULES,
    Choice,
    Known,
    listed,
    mutants,
    spread_evenly,
    verdict,
)
from tests.scripts import ROOT

SOURCE = '''
"""Not a word of this."""
from typing import Any
T = TypeVar("T")
LIMIT: int = 3
RECORD = """
z = {formula}
"""

def f(x: dict[str, 1], y: float = 0.5) -> Any:
    """Nor of this."""
    with lock:
        if x > 0 and not y:
            raise ValueError(f"a message {y}")
        for v in reversed(x[1:]):
            y += -v
    try:
        return list[1]()
    except KeyError:
        pass

op = Op("neg", "-", "-x", (lambda z, x: -1.0, lambda z, x: 0.0), "x != 0", book=None)
'''
CHANGES = {
    "f": """
        0.5 -> 1.5
        x > 0 and (not y) -> True
        x > 0 and (not y) -> False
        x > 0 and (not y) -> not (x > 0 and (not y))
        x > 0 and (not y) -> x > 0 or not y
        x > 0 and (not y) -> not y
        x > 0 and (not y) -> x > 0
        x > 0 -> x >= 0
        x > 0 -> x <= 0
        0 -> 1
        not y -> y
        raise ValueError(f'a message {y}') -> pass
        no with lock
        reversed(x[1:]) -> x[1:]
        1: -> :
        1: -> 1:-1
        1 -> 0
        1 -> 2
        y += -v -> y -= -v
        y += -v -> y = -v
        y += -v -> pass
        -v -> v
        return list[1]() -> return None
        except: raise
    """,
    "": """
        LIMIT: int = 3 -> pass
        3 -> 4
        RECORD = '\\nz = {formula}\\n' -> pass
        '\\nz = {formula}\\n' -> ''
        z = hole_formula -> pass
        op = Op('neg', '-', '-x', (lambd... 0', book=None) -> pass
        'neg' -> ''
        '-' -> ''
        '-x' -> ''
        -x -> x
        (lambda z, x: -1.0, lambda z, x: 0.0) -> (lambda z, x: 0.0, lambda z, x: -1.0)
        lambda z, x: -1.0 -> lambda z, x: --1.0
        lambda z, x: -1.0 -> lambda z, x: -1.0 * 1.0000000001
        lambda z, x: -1.0 -> lambda z, x: -1.0 * 1.000000000001
        -1.0 -> 1.0
        1.0 -> 0.0
        1.0 -> 2.0
        0.0 -> 1.0
        'x != 0' -> ''
        x != 0 -> x == 0
        0 -> 1
    """,
}
BREAKS = [  # module, function, change: what no suite may miss
    ("forms", "", "z.clock = clock -> pass"),
    ("terms", "Printed.around", "level >= need -> True"),
    ("terms", "fold", "not tree.args -> True"),
    ("value", "Value.data", "1 -> 0"),
    ("orders", "postorder", "v not in seen -> True"),
    (
        "ops",
        "",
        "(lambda z, x, y: y, lambda z, x, y: x) -> (lambda z, x, y: x, lambda z, x, y: y)",
    ),
    ("ops", "", "True -> False"),
    ("ops", "", "lambda z, x, y: 1.0 -> lambda z, x, y: -1.0"),
    ("sweeps", "sweep", "reversed(order) -> order"),
    ("sweeps", "check_fresh", "x.clock > v.clock -> x.clock >= v.clock"),
    ("compiler.program", "Program.seeds", "array.ndim -> False"),
    ("compiler.bound", "Runner.run", "self.theta[:] = theta -> pass"),
]
SCRIPT = """
import json, sys
from tests.mutation import *
keys = json.loads(sys.argv[1])
chosen = [next(m for m in mutants(CORE) if m.key == key) for key in keys]
print(json.dumps(run([*chosen, *unchanged(["sweeps"])], CORE_TESTS, thin=True)))
"""


@pytest.fixture(scope="module")
def core() -> list[Mutant]:
    return mutants(CORE)


@pytest.mark.parametrize("function", CHANGES)
def test_the_mutants_of_a_small_source(function: str) -> None:
    found = [
        mutant
        for mutant in mutants_of(ast.parse(SOURCE), "m", SOURCE)
        if mutant.function == function
    ]
    wanted = [line.strip() for line in CHANGES[function].strip().splitlines()]
    assert sorted(mutant.change for mutant in found) == sorted(wanted)


def test_every_mutant_compiles_and_differs() -> None:
    tree = ast.parse(SOURCE)
    texts = [mutant.tree_text() for mutant in mutants_of(tree, "m", SOURCE)]
    assert len({*texts, ast.unparse(tree)}) == len(texts) + 1
    assert all(compile(text, "m", "exec") for text in texts)


def test_a_mutant_leaves_the_tree_as_it_was() -> None:
    tree = ast.parse(SOURCE)
    before = ast.unparse(tree)
    for mutant in mutants_of(tree, "m", SOURCE):
        assert mutant.compiled("m")
        assert ast.unparse(tree) == before


def test_statements_that_no_test_runs_are_few(core: list[Mutant]) -> None:
    assert {mutant.module for mutant in core} == {*CORE}
    assert len({mutant.key for mutant in core}) > 1000
    assert not [
        mutant
        for mutant in core
        if "TYPE_CHECKING" in mutant.source or '"""' in mutant.change
    ]


def test_listed_survivors_are_mutants_with_reasons() -> None:
    keys = {mutant.key for mutant in mutants(MODULES)}
    assert not [
        key
        for key in listed()
        if key.split(" | ")[0] in MODULES and key not in keys
    ]
    assert all(listed().values())


def test_a_sample_is_spread_evenly(core: list[Mutant]) -> None:
    assert spread_evenly(core, None) == spread_evenly(core, 10**6) == core
    assert spread_evenly(core[:9], 3) == [core[0], core[3], core[6]]


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        *(
            (0, "survived"),
            (1 << 8, "killed"),
            (2 << 8, "killed"),
            (77 << 8, "no import"),
        ),
        *(
            (signal.SIGPROF, "timeout"),
            (signal.SIGALRM, "timeout"),
            (signal.SIGSEGV, "killed"),
        ),
    ],
)
def test_verdicts(status: int, wanted: str) -> None:
    assert verdict(status) == wanted


def test_tests_are_chosen_by_what_they_execute(core: list[Mutant]) -> None:
    mutant = next(
        m
        for m in core
        if (m.module, m.function) == ("sweeps", "sweep") and "reversed" in m.change
    )
    near = f"sweeps:{mutant.line}"
    tests = [
        Known("t::slow[1]", 0.9, {near}),
        Known("t::slow[2]", 0.8, {near}),
        Known("t::other", 0.1, {"ops:20"}),
    ]
    tests.append(Known("t::quick", 0.2, {near}))
    choice = Choice(tests, early=set())
    assert [test.name for test in choice.choose(mutant, 0)] == [
        "t::quick",
        "t::slow[2]",
    ]
    assert not choice.at_import(mutant)
    assert Choice(tests, early={near}).at_import(mutant)


def test_obvious_breaks_are_noticed_and_no_break_is_not(core: list[Mutant]) -> None:
    chosen = [
        next(
            m
            for m in core
            if (m.module, m.function) == (module, function) and change in m.change
        )
        for module, function, change in BREAKS
    ]
    command = [sys.executable, "-c", SCRIPT, json.dumps([m.key for m in chosen])]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, check=True, timeout=600
    )
    *found, early, late = json.loads(done.stdout)
    noticed = [what in ("killed", "timeout", "no import") for what in found]
    assert all(noticed), [
        mutant.key for mutant, seen in zip(chosen, noticed, strict=True) if not seen
    ]
    assert (early, late) == ("survived", "survived")
