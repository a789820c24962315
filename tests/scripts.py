"""A graph for scripts that a Python of its own runs, as tests of equal output under other hash seeds do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SMALL_STACK = 256 * 1024  # bytes
if sys.version_info[:2] == (3, 13):  # which frees ten thousand levels deep before it makes a queue of them
    SMALL_STACK = 2048 * 1024
needs_docstrings = pytest.mark.skipif(sys.flags.optimize > 1, reason="python -OO leaves docstrings out")
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
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **environment}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=variables, capture_output=True, check=True, timeout=timeout).stdout
