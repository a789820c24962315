"""What every test and doctest starts with, and leaves as it was: their order has no influence."""

import gc
import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def same_ops() -> Iterator[None]:
    """The op table is afterwards what it was before."""
    from autograd import (
        OPS,
    )  # not above: tests.mutation imports an engine of its own

    before = {**OPS}
    yield
    OPS.clear()
    OPS.update(before)


def settings() -> dict[str, Any]:
    """What a process has one of, so that a test that leaves it changed would change others.

    Its environment is not among it: packages set variables for themselves when they are first imported.
    """
    from autograd.value import SCOPE

    return {
        "garbage collector": gc.isenabled(),
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "profiler": (sys.getprofile(), threading.getprofile()),
        "stack of a thread": threading.stack_size(),
        "errors of NumPy": np.geterr(),
        "folder": Path.cwd(),
        "scope": SCOPE.get(),
    }


@pytest.fixture(autouse=True)
def same_settings() -> Iterator[None]:
    """A test that leaves the process changed fails."""
    before = settings()
    yield
    now = settings()
    assert now == before, (
        f"left changed: {', '.join(name for name in before if now[name] != before[name])}"
    )


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Python's random numbers are the same in every run (pytest-randomly has seeds of its own)."""
    random.seed(0)


@pytest.fixture(autouse=True)
def own_folder(same_settings: None, request: pytest.FixtureRequest) -> None:
    """A doctest, which may write files as a reader would, runs in an empty folder."""
    if isinstance(request.node, pytest.DoctestItem):
        folder: Path = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").chdir(folder)
