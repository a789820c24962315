"""An op costs one line and a loss one function: in a copy of the tree, with nothing else changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from autograd import OPS

ROOT = Path(__file__).resolve().parent.parent
LINES = {  # the first of these that is not there already
    "asinh": 'asinh = Op("asinh", "asinh", "asinh(x)", (lambda z, x: 1 / sqrt(1 + x * x),))\n',
    "degrees": 'degrees = Op("degrees", "degrees", "degrees(x)", (lambda z, x: 180 / math.pi,))\n',
}
NAME = next(name for name in LINES if name not in OPS)
SLIP = {"1 / sqrt(": "1.000001 / sqrt(", "180 /": "180.0001 /"}
LOSS = '''

@partial(Loss)
def huber(p: Any, t: Any) -> Scalar:
    """The squared error where it is small, and the absolute error beyond."""
    error = abs(p - t)
    return maximum(error, 1) - 0.5 + 0.5 * (maximum(1 - error, 0) ** 2 - 2 * maximum(1 - error, 0))
'''
FILES = [
    "test_ops.py",
    "test_edges.py",
    "test_modules.py",
    "test_bad_inputs.py",
    "test_losses.py",
]
FILES += ["test_ufuncs.py", "test_size.py"]
CONCERNED = f"{NAME} or huber or table_of or has_an_oracle or as_many or is_there or one_line or sitting"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the tests need."""
    for name in ("autograd", "nn", "tests"):
        shutil.copytree(
            ROOT / name,
            tmp_path / name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def add(path: Path, line: str, before: str) -> None:
    """The line goes in at one place of the file."""
    text = path.read_text("utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, line + before), "utf-8")


def run(
    tree: Path, files: Sequence[str] = FILES
) -> subprocess.CompletedProcess[str]:
    """The tests of the copy that are about the new op, the new loss, and the tables."""
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "--tb=line",
        "-k",
        CONCERNED,
    ]
    return python(
        tree, "-m", "pytest", *options, *[f"tests/{name}" for name in files]
    )


def python(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A Python of its own, in the copy."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, *words]
    return subprocess.run(
        command,
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


SHOW = f"""
import nn, autograd
x = autograd.Value(0.0)
nn.MLP(1, [2, 1], activation={NAME!r})([x])
nn.fit(nn.MLP(1, [1]), [[0.0]], [1.0], loss="huber", optimizer=nn.SGD(0.1), epochs=1)
print(x.{NAME}().op, nn.huber, "huber" in nn.__all__, {NAME!r} in autograd.__all__)
"""


def test_an_op_by_one_line_and_a_loss_by_one_function(tree: Path) -> None:
    add(tree / "autograd/ops.py", LINES[NAME], before="# fmt: on\n")
    losses = tree / "nn/losses.py"
    losses.write_text(losses.read_text("utf-8") + LOSS, "utf-8")
    done = run(tree)
    assert done.returncode == 0, done.stdout[-3000:]
    shown = python(tree, "-c", SHOW)
    assert shown.stdout == f"Op({NAME!r}) <loss huber> True True\n", shown.stderr


def test_a_wrong_slope_in_that_line_is_noticed(tree: Path) -> None:
    wrong = LINES[NAME]
    for right, slipped in SLIP.items():
        wrong = wrong.replace(right, slipped)
    add(tree / "autograd/ops.py", wrong, before="# fmt: on\n")
    done = run(tree, FILES[:3])
    assert done.returncode == 1
    for file in FILES[:3]:
        assert f"tests/{file}" in done.stdout
