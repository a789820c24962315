"""Which small breaks of the engine do the tests notice?  ``python -m tests.mutation [module ...]``.

Every mutant runs in a fork of a pytest session.  A mutant of what runs at import gets a fork made before
anything of the engine was imported; for the others the fork comes after all tests were collected, and the
function's code is replaced in place, which is ten times as fast.  First every test runs once, alone, to see
which lines it executes.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import gc
import hashlib
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from tests.mutants import Mutant, mutants_of
from tests.probes import ROOT, SEEN, import_with, instrumented, path_of

CORE = (
    *("terms", "evaluators", "forms", "orders", "numeral"),
    *("value", "ops", "sweeps", "compiler.program", "compiler.bound"),
)
OTHERS = (
    *(
        "flows",
        "derivatives",
        "lines",
        "ieee",
        "names",
        "scopes",
        "micrograd",
        "copying",
        "complexes",
        "chords",
        "slopes",
        "problems",
        "checking",
        "nonfinite",
    ),
    *(
        f"compiler.{name}"
        for name in (
            "lowering",
            "layout",
            "emitting",
            "rowwise",
            "columnwise",
            "arrays",
            "tables",
        )
    ),
)
MODULES = tuple(name for name in (*CORE, *OTHERS) if Path(path_of(name)).exists())
AIM = 0.95
ELSEWHERE = {
    "browser",
    "demos",
    "drawing",
    "main",
    "mutation",
    "rendering",
    "size",
    "stepper",
    "suite",
    "view",
}  # of other things
TESTED_IN = {
    "lines": "ops",
    "terms": "ops",
    "ieee": "ops",
    "copying": "value",
    **dict.fromkeys(("numeral", "orders", "forms"), "value"),
    "evaluators": "terms",
    "flows": "derivatives",
    **dict.fromkeys(("chords", "complexes"), "slopes"),
    "problems": "checking",
    "micrograd": "lectures",
}  # without a file of tests of its own
LISTED = ROOT / "tests/survivors.txt"
OPTIONS = (
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:faulthandler",
    "--assert=plain",
)
SLOW = 10.0  # seconds of a test that is left out
QUICK = 0.3  # the same where only a look is taken
ROUNDS = (
    (1.5, 1.5),
    (10.0, SLOW),
)  # seconds of all tests of a mutant, and of the slowest
NO_IMPORT = 77  # an exit code


def mutants(modules: Iterable[str] = MODULES) -> list[Mutant]:
    """Every mutant of these modules."""
    texts = {
        name: Path(path_of(name)).read_text(encoding="utf-8") for name in modules
    }
    return [
        mutant
        for name, text in texts.items()
        for mutant in mutants_of(ast.parse(text), name, text)
    ]


# ------------------------------------------------------------ sessions that fork
class Session:
    """A pytest session, as a plugin of itself, with a fork for every job; there are as many as cores."""

    def __init__(self, results: Path) -> None:
        self.results, self.limits = (
            results,
            dict[str, float](),
        )  # of a test's seconds, by its name
        self.job: Any = None

    def spread(self, jobs: Iterable[Any]) -> Any:
        """In a fork, its job; in the session itself None, when all have ended."""
        running: dict[int, Any] = {}
        left = list(jobs)[::-1]
        gc.collect()
        gc.freeze()  # else every fork copies all pages when it collects
        while left or running:
            while left and len(running) < (os.cpu_count() or 1):
                if not (pid := os.fork()):
                    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
                    self.limit(2 * SLOW)
                    self.job = left[-1]
                    return self.job
                running[pid] = left.pop()
            pid, status = os.wait()
            self.ended(running.pop(pid), status)
        return None

    def limit(self, seconds: float) -> None:
        """From now on so much time, of the processor and, for deadlocks, of the clock."""
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, 30 + 20 * seconds)

    def ended(self, job: Any, status: int) -> None:
        raise NotImplementedError

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.limit(self.limits.get(item.nodeid, SLOW))

    def run(
        self, args: list[str], at_end: Callable[[int], None] = lambda code: None
    ) -> None:
        """The session in a process of its own, without a word."""
        if pid := os.fork():
            os.waitpid(pid, 0)
            return
        os.chdir(ROOT)
        os.environ.pop(
            "PYTEST_ADDOPTS", None
        )  # -n 2 is not for a session that forks by itself
        null = os.open(
            self.results.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        )
        for out in (1, 2):
            os.dup2(null, out)
        for name in (
            "hypothesis.extra.numpy",
            "mpmath",
            "micrograd.engine",
            "numpy",
        ):
            importlib.import_module(name)
        from hypothesis import settings

        settings.register_profile(
            "few", derandomize=True, database=None, deadline=None, max_examples=30
        )
        settings.load_profile("few")
        code = int(pytest.main([*OPTIONS, *args], plugins=[self]))
        at_end(code)
        os._exit(code)


def test_files() -> list[str]:
    """The files with tests of the engine: doctests too."""
    files = [
        path
        for path in sorted((ROOT / "tests").glob("test_*.py"))
        if path.stem[5:] not in ELSEWHERE
    ]
    return [
        *(f"tests/{path.name}" for path in files),
        *(path_of(name) for name in MODULES),
    ]


@dataclass
class Known:
    """A test: its seconds, and the lines that it executes."""

    name: str
    seconds: float
    lines: set[str] = field(default_factory=set)


class Baseline(Session):
    """Runs every test alone, on the engine as it is, and notes what it executes."""

    def __init__(self, results: Path, thin: bool) -> None:
        super().__init__(results)
        self.thin, self.lost = thin, 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        builtins.SEEN = SEEN  # type: ignore[attr-defined]
        import_with({module: instrumented(module) for module in MODULES})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        self.note({"early": sorted(SEEN)})
        items = (
            {i.nodeid.split("[")[0]: i for i in session.items}.values()
            if self.thin
            else session.items
        )
        item = self.spread(items)
        if item is None:
            return True
        session.items[:] = [item]
        self.limits = {item.nodeid: QUICK if self.thin else 1.2 * SLOW}
        SEEN.clear()
        self.start = time.process_time()
        return None

    def note(self, found: dict[str, Any]) -> None:
        with self.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")

    def ended(self, job: Any, status: int) -> None:
        self.lost += status != 0

    def finish(self, code: int) -> None:
        if (
            self.job is not None
            and code == 0
            and not resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        ):
            seconds = time.process_time() - self.start
            self.note(
                {"name": self.job.nodeid, "seconds": seconds, "lines": sorted(SEEN)}
            )
        elif self.job is not None:
            self.note({"unused": self.job.nodeid})


def kept(test_file: str, thin: bool) -> Path:
    """Where the baseline of a file with tests is kept until a source or the Python changes."""
    sources = sorted(
        [
            *ROOT.glob("autograd/**/*.py"),
            *ROOT.glob("nn/*.py"),
            ROOT / "tests/oracle.py",
            ROOT / test_file,
        ]
    )
    python = f"{sys.prefix} {sys.version} {sys.flags} {thin}".encode()
    key = hashlib.sha256(
        b"\0".join([python, *[path.read_bytes() for path in sources]])
    ).hexdigest()[:16]
    return (
        Path(tempfile.gettempdir())
        / f"mutation-baseline-{Path(test_file).stem}-{key}.jsonl"
    )


def baseline(
    files: Iterable[str], thin: bool = False
) -> tuple[list[Known], set[str]]:
    """All tests that can be used, and the lines that imports execute."""
    rows = list[dict[str, Any]]()
    for file in files:
        if not (path := kept(file, thin)).exists():
            new = path.with_suffix(f".{os.getpid()}")
            session = Baseline(new, thin)
            session.run([file], session.finish)
            new.replace(path)
        rows += [
            json.loads(line)
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
    tests = [
        Known(row["name"], row["seconds"], set(row["lines"]))
        for row in rows
        if "name" in row
    ]
    return tests, {line for row in rows for line in row.get("early", ())}


CORE_FILES = [f"tests/test_{name.split('.')[-1]}.py" for name in CORE]
CORE_TESTS = [file for file in CORE_FILES if (ROOT / file).exists()]


# ------------------------------------------------------------ which tests run
class Choice:
    """Which tests are to notice a mutant: the quickest first, where many cases of one count as slow."""

    def __init__(
        self, tests: list[Known], early: set[str], thin: bool = False
    ) -> None:
        spent, costs = Counter[str](), dict[str, float]()
        for test in sorted(tests, key=lambda test: test.seconds):
            spent[test.name.split("[")[0]] += test.seconds
            costs[test.name] = spent[test.name.split("[")[0]]
        self.tests = sorted(tests, key=lambda test: costs[test.name])
        self.early, self.thin = early, thin
        self.by_line: dict[str, list[int]] = defaultdict(list)
        for i, test in enumerate(self.tests):
            for line in test.lines:
                self.by_line[line].append(i)

    def at_import(self, mutant: Mutant) -> bool:
        """Whether the mutant is seen while modules are imported, or tests collected."""
        return not in_a_function(mutant) or any(
            line in self.early for line in lines_of(mutant)
        )

    def candidates(self, mutant: Mutant) -> list[Known]:
        """The tests that execute its statement; where imports do, then those with its name, then all."""
        found = dict.fromkeys(
            self.by_line.get(f"{mutant.module}:{mutant.line}", ())
        )
        if self.at_import(mutant):
            name = name_of(mutant)
            found |= dict.fromkeys(
                i for i, test in enumerate(self.tests) if f"[{name}]" in test.name
            )
            for line in lines_of(mutant):
                found |= dict.fromkeys(self.by_line.get(line, ()))
            found |= dict.fromkeys(range(len(self.tests)))
        return [self.tests[i] for i in found]

    def choose(self, mutant: Mutant, turn: int) -> list[Known]:
        """The tests of a round: so many as fit into its time."""
        total, slowest = ROUNDS[turn]
        found, seconds = list[Known](), 0.0
        candidates = self.candidates(mutant)
        if (
            turn == 0 and self.at_import(mutant) and not self.thin
        ):  # every file costs time
            names = [test.name.split("::")[0] for test in candidates]
            own = own_tests(mutant.module)
            candidates = [
                test
                for test, name in zip(candidates, names, strict=True)
                if name == own
            ]
        for test in candidates:
            if test.seconds <= slowest and seconds + test.seconds <= total:
                found.append(test)
                seconds += test.seconds
        return found


def own_tests(module: str) -> str:
    """The file with the tests of a module; the compiler's are in that of program."""
    own = f"tests/test_{TESTED_IN.get(module, module).split('.')[-1]}.py"
    return own if (ROOT / own).exists() else "tests/test_program.py"


def around(mutant: Mutant) -> Any:
    """The definition, or other statement, of a module or a class, that holds the mutant."""
    body: list[Any] = mutant.tree.body
    while True:
        node = next(node for node in body if covers(node, mutant))
        if not isinstance(node, ast.ClassDef) or not any(
            covers(inner, mutant) for inner in node.body
        ):
            return node
        body = node.body


def lines_of(mutant: Mutant) -> list[str]:
    node = around(mutant)
    return [
        f"{mutant.module}:{line}"
        for line in range(first_line(node), node.end_lineno + 1)
    ]


def name_of(mutant: Mutant) -> str:
    """The name that the statement around a mutant defines."""
    node = around(mutant)
    return getattr(node, "name", "") or getattr(
        getattr(node, "targets", [None])[0], "id", ""
    )


def first_line(node: Any) -> int:
    return min(
        [node.lineno, *(x.lineno for x in getattr(node, "decorator_list", ()))]
    )


def covers(node: Any, mutant: Mutant) -> bool:
    return first_line(node) <= mutant.line <= node.end_lineno


def in_a_function(mutant: Mutant) -> bool:
    """Whether a mutant is in a function's body, where it is run only by a call."""
    function = around(mutant)
    if not isinstance(function, ast.FunctionDef) or isinstance(
        mutant.new, ast.FunctionDef
    ):
        return False
    return any(
        mutant.parent is node
        for statement in function.body
        for node in ast.walk(statement)
    ) or (mutant.parent is function and mutant.field == "body")


# ------------------------------------------------------------ mutants that run
@dataclass
class Job:
    """A mutant and the tests that are to notice it."""

    number: int
    mutant: Mutant
    tests: list[Known]
    early: bool


class Mutants(Session):
    """Runs jobs, the early ones before the engine is imported."""

    def __init__(self, results: Path, jobs: list[Job]) -> None:
        super().__init__(results)
        self.jobs = jobs

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        job = self.spread([job for job in self.jobs if job.early])
        if job is None:
            import_with({})
            return
        session.config.args = list(
            dict.fromkeys(test.name.split("::")[0] for test in job.tests)
        )
        try:
            import_with({job.mutant.module: job.mutant.compiled})
        except BaseException:
            os._exit(NO_IMPORT)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self.job:
            self.select(session)

    def select(self, session: pytest.Session) -> None:
        items = {item.nodeid: item for item in session.items}
        self.limits = {test.name: 1 + 10 * test.seconds for test in self.job.tests}
        session.items[:] = [
            items[test.name] for test in self.job.tests if test.name in items
        ]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if self.job is None:
            functions = functions_of_the_engine()
            if self.spread([job for job in self.jobs if not job.early]) is None:
                return True
            swap(self.job.mutant, functions)
            self.select(session)
        return None

    def ended(self, job: Job, status: int) -> None:
        with self.results.open("a", encoding="utf-8") as file:
            file.write(f"{job.number} {verdict(status)}\n")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            with self.results.with_suffix(".killers").open(
                "a", encoding="utf-8"
            ) as file:
                file.write(f"{self.job.number} {report.nodeid}\n")


def verdict(status: int) -> str:
    """What the end of a process says of its mutant."""
    if os.WIFSIGNALED(status):
        slow = os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM)
        return "timeout" if slow else "killed"
    return {0: "survived", 5: "survived", NO_IMPORT: "no import"}.get(
        os.WEXITSTATUS(status), "killed"
    )


def functions_of_the_engine() -> dict[tuple[str, str, int], list[FunctionType]]:
    """All functions that exist, by file, name and line."""
    found: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
    for f in gc.get_objects():
        if type(f) is FunctionType:
            found[
                f.__code__.co_filename,
                f.__code__.co_qualname,
                f.__code__.co_firstlineno,
            ].append(f)
    return found


def swap(
    mutant: Mutant, functions: dict[tuple[str, str, int], list[FunctionType]]
) -> None:
    """Gives a function of the engine the mutant's code."""
    node, path = around(mutant), path_of(mutant.module)
    stack = [mutant.compiled(path)]
    while stack:
        code = stack.pop()
        if code.co_firstlineno == first_line(node) and code.co_name == node.name:
            for f in functions[path, code.co_qualname, code.co_firstlineno]:
                f.__code__ = code
            return
        stack += [x for x in code.co_consts if isinstance(x, CodeType)]
    raise AssertionError(mutant)


def run(chosen: list[Mutant], files: list[str], thin: bool = False) -> list[str]:
    """A verdict for every mutant; those that are listed as equivalent get one round of tests, not two."""
    choice, known = Choice(*baseline(files, thin), thin), listed()
    found = ["survived"] * len(chosen)
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(1 if thin else len(ROUNDS)):
            results = Path(folder) / f"round{turn}"
            results.touch()
            left = [
                (i, m)
                for i, m in enumerate(chosen)
                if found[i] == "survived" and not (turn and m.key in known)
            ]
            jobs = [
                Job(i, m, choice.choose(m, turn), choice.at_import(m))
                for i, m in left
            ]
            Mutants(results, [job for job in jobs if job.tests]).run(files)
            for line in results.read_text(encoding="utf-8").splitlines():
                number, what = line.split(" ", 1)
                found[int(number)] = what
    return found


# ------------------------------------------------------------ the report
def listed() -> dict[str, str]:
    """The survivors that are known to be equivalent, each with the reason that stands above it."""
    found, reason = dict[str, str](), ""
    for line in LISTED.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            reason = line.removeprefix("#").strip()
        elif line:
            found[line] = reason
    return found


def unchanged(modules: Iterable[str]) -> list[Mutant]:
    """A mutant without a change in every module and in one of its functions: these must survive."""
    first: dict[tuple[str, bool], Mutant] = {}
    for mutant in mutants(modules):
        old = getattr(mutant.parent, mutant.field)
        same = replace(
            mutant,
            change="nothing",
            new=old if mutant.index is None else old[mutant.index],
        )
        first.setdefault((mutant.module, in_a_function(mutant)), same)
    return [*first.values()]


def spread_evenly(things: list[Mutant], sample: int | None) -> list[Mutant]:
    n = len(things)
    return (
        things
        if sample is None or sample >= n
        else [things[i * n // sample] for i in range(sample)]
    )


def examine(
    modules: Sequence[str], sample: int | None = None, thin: bool = False
) -> list[tuple[Mutant, str]]:
    """Mutants of these modules, all or so many, with their verdicts."""
    chosen, controls = (
        spread_evenly(mutants(modules), sample),
        unchanged(modules[:1] if thin else modules),
    )
    verdicts = run([*chosen, *controls], CORE_TESTS if thin else test_files(), thin)
    for control, found in zip(controls, verdicts[len(chosen) :], strict=True):
        if found != "survived":
            raise SystemExit(
                f"tests fail on the engine as it is: {control.module}, {found}"
            )
    return [*zip(chosen, verdicts, strict=False)]


def survivors(results: list[tuple[Mutant, str]]) -> list[Mutant]:
    return [mutant for mutant, found in results if found == "survived"]


def score(results: list[tuple[Mutant, str]]) -> float:
    return 1 - len(survivors(results)) / max(len(results), 1)


def table(results: list[tuple[Mutant, str]]) -> Iterator[str]:
    """A line for every module, and one for all."""
    known = listed()
    yield f"{'':12} mutants  killed  timeouts  no import  equivalent  survivors   score"
    for module in [*dict.fromkeys(m.module for m, _ in results), "all"]:
        mine = [(m, found) for m, found in results if module in (m.module, "all")]
        counts, left = Counter(found for _, found in mine), survivors(mine)
        equivalent = sum(m.key in known for m in left)
        numbers = f"{counts['timeout']:10} {counts['no import']:10} {equivalent:11} {len(left) - equivalent:10}"
        yield f"{module:12} {len(mine):7} {counts['killed']:7} {numbers} {score(mine):7.1%}"


def report(
    results: list[tuple[Mutant, str]], modules: Sequence[str], whole: bool
) -> int:
    """Prints what was found; 1 if the tests are not good enough."""
    known, left = listed(), survivors(results)
    new = [mutant for mutant in left if mutant.key not in known]
    print(
        *(f"survived: {mutant.key}  (line {mutant.line})" for mutant in new),
        *table(results),
        sep="\n",
    )
    stale = (
        [key for key in known if key.split(" | ")[0] in modules] if whole else []
    )
    for key in sorted({*stale} - {mutant.key for mutant in left}):
        print(f"stale, no survivor any more: {key}")
    bad = [mutant for mutant in new if mutant.module in CORE]
    print(f"{len(new)} survivors not listed, {len(bad)} of them in the core")
    return int(bool(bad) or score(results) < AIM)


def figures(
    modules: Sequence[str] | None = None, sample: int | None = None
) -> list[tuple[str, str, str]]:
    """What was tried, how many, and what was found: for the core and for all of these modules."""
    results, known = examine(modules or MODULES, sample), listed()
    core = [(mutant, found) for mutant, found in results if mutant.module in CORE]
    rows = list[tuple[str, str, str]]()
    names = dict.fromkeys(mutant.module for mutant, _ in results)
    for what, mine in ((", ".join(CORE), core), (", ".join(names), results)):
        left = survivors(mine)
        same = sum(mutant.key in known for mutant in left)
        said = f"{score(mine):.1%} noticed; {same} change nothing, {len(left) - same} unnoticed"
        rows.append((f"mutants of {what}", f"{len(mine):,}", said))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "modules",
        nargs="*",
        metavar="module",
        help=f"of {', '.join(MODULES)}; all if none is named",
    )
    parser.add_argument(
        "--sample", type=int, metavar="N", help="so many mutants, evenly spread"
    )
    parser.add_argument(
        "--thin",
        action="store_true",
        help="only the core's tests, and one case of each",
    )
    given = parser.parse_args(arguments)
    modules = given.modules or MODULES
    if unknown := {*modules} - {*MODULES}:
        parser.error(f"no module {', '.join(sorted(unknown))}")
    return report(
        examine(modules, given.sample, given.thin), modules, given.sample is None
    )


if __name__ == "__main__":
    sys.exit(main())
