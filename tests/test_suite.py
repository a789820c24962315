"""The tests themselves: neither order nor processes nor what else is imported has an influence on them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autograd import Value
from tests.scripts import ROOT, at_most
from tests.test_load import alive

FILES = {
    "test_a.py": """
import random, sys
from autograd import OPS, Op

def test_an_op():
    Op("cube", "cube", "x * x * x", (lambda z, x: 3 * x**2,))
    del OPS["exp"]

def test_the_ops():
    assert "cube" not in OPS and "exp" in OPS

def test_a_number():
    assert random.random() == random.Random(0).random()

test_the_same_number = test_a_number

def test_leaves_a_limit():
    sys.setrecursionlimit(sys.getrecursionlimit() + 1)

def test_leaves_a_profiler():
    sys.setprofile(lambda *_: None)
""",
    "README.md": """
>>> from pathlib import Path
>>> Path("out").mkdir()
>>> from autograd import Op
>>> square = Op("exp2", "exp2", "x * x", (lambda z, x: 2 * x,))
""",
}
ENDS = {
    "passed README.md::README.md",
    *(
        f"passed test_a.py::test_{name}"
        for name in ("an_op", "the_ops", "a_number", "the_same_number")
    ),
    *(f"passed test_a.py::test_leaves_a_{name}" for name in ("limit", "profiler")),
    "error test_a.py::test_leaves_a_limit - left changed: recursion limit",
    "error test_a.py::test_leaves_a_profiler - left changed: profiler",
}


def session(folder: Path, *options: str) -> set[str]:
    """How the tests of a small project end that has this project's conftest and settings."""
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rA",
        "--tb=short",
        *options,
        "README.md",
        "test_a.py",
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTEST_ADDOPTS": "",
        "COLUMNS": "200",
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
        timeout=600,
    )
    lines = re.findall(
        r"^(PASSED|FAILED|ERROR) (.*)$", done.stdout.decode(), re.MULTILINE
    )
    assert lines, done.stdout.decode() + done.stderr.decode()
    return {
        f"{end.lower()} {what.replace('AssertionError: ', '')}"
        for end, what in lines
    }


def test_a_test_leaves_everything_as_it_was(tmp_path: Path) -> None:
    assert session(tmp_path) == ENDS
    assert not (tmp_path / "out").exists()


def test_so_it_does_in_another_order(tmp_path: Path) -> None:
    pytest.importorskip(
        "pytest_randomly"
    )  # which has numbers of its own for every test
    numbers = {end for end in ENDS if "number" in end}
    for seed in (1, 2):
        assert (
            session(
                tmp_path,
                "-p",
                "randomly",
                f"--randomly-seed={seed}",
                "-k",
                "not number",
            )
            == ENDS - numbers
        )


def test_so_it_does_in_two_processes(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    assert session(tmp_path, "-n", "2") == ENDS


def test_no_name_of_a_test_has_an_address(request: pytest.FixtureRequest) -> None:
    """Two processes would collect other tests."""
    names = [item.nodeid for item in request.session.items]
    assert [
        name for name in names if re.search(r"\b0x[0-9a-f]{6,}|<.* at 0x", name)
    ] == []


def test_objects_that_are_not_ours_are_not_asked() -> None:
    """As torch has some, which import what they stand for, or warn, when isinstance asks for their class."""

    class Lazy:
        @property
        def __class__(self) -> Any:
            raise AssertionError("asked")

    before, kept = alive(), [Lazy(), Value(1.0)]
    assert alive() == before + 1 == before + len(kept) - 1


def test_a_loop_without_an_end_is_stopped() -> None:
    with pytest.raises(TimeoutError), at_most(0.05):
        while True:
            pass
