"""What tests run beside themselves: a Python of its own, a stand-in for ``dot``, a clock for endless work."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SMALL_STACK = 256 * 1024  # bytes
if sys.version_info[:2] == (
    3,
    13,
):  # which frees ten thousand levels deep before it makes a queue of them
    SMALL_STACK = 2048 * 1024
posix = pytest.mark.skipif(
    os.name != "posix", reason="needs a script that is a program"
)
needs_docstrings = pytest.mark.skipif(
    sys.flags.optimize > 1, reason="python -OO leaves docstrings out"
)
GRAPH = """
from autograd import Value, composite, exp, log, sin

@composite
def f(x, w):
    return sin(x * w) + x

@composite
def g(x):
    return exp(x) * x, log(x)

x, w, b = Value(0.5, "a1"), Value(2.0, "w_in"), Value(3.0)
p, q = g(f(x, w) * b)
y = p * q / (p + q) + w**2
"""


def run(script: str, timeout: float = 60, **environment: str) -> bytes:
    """What a Python of its own prints."""
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        **environment,
    }
    command = [sys.executable, "-c", script]
    return subprocess.run(
        command, env=variables, capture_output=True, check=True, timeout=timeout
    ).stdout


def program(path: Path, answer: str = "<svg/>", end: str = "exit 0") -> Path:
    """A script that notes what it was asked, answers, and ends so: no real ``dot`` is made to fail."""
    path.write_text(
        f'#!/bin/sh\necho "$@" >> {path}.log\nprintf "{answer}"\n{end}\n'
    )
    path.chmod(0o755)
    return path


def asked(path: Path) -> str:
    """The arguments that such a script was given, a line for each time."""
    log_file = Path(f"{path}.log")
    return log_file.read_text() if log_file.exists() else ""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in what takes the processor longer, whatever else runs; nothing on Windows."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} seconds of the processor")

    if not hasattr(signal, "SIGVTALRM"):
        yield
        return
    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
