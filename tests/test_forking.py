"""Forked processes: what a thread of the parent holds does not stop the child."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from autograd import forking
from tests.scripts import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

SCRIPT = """
import gc, os, signal, threading, warnings
import numpy as np
from autograd import Value, compile, draw, exp, sweeps
from autograd.compiler import program

warnings.simplefilter("ignore")  # newer Pythons warn of a fork beside threads, which is what is tried here
x, w = Value(2.0, "x"), Value(3.0, "w")
y = exp(w * x)
known = compile(y, [x], [w])
known([[1.0]] * 50)
ready, done = threading.Event(), threading.Event()

def held():
    {hold}

def wait():
    ready.set()
    done.wait()

thread = threading.Thread(target=held)
thread.start()
assert ready.wait(60)
child = os.fork()
if not child:
    signal.alarm(20)  # ends a child that hangs
    vars(known).pop("sweep", None)
    y.backward()
    assert np.allclose([x.grad, w.grad], [3.0 * y.data, 2.0 * y.data])
    assert np.allclose(known([[2.0]] * 50), y.data)
    assert np.allclose(compile(y, [x], [w]).vjp([[2.0]])[0], w.grad)
    assert draw(y).pipe("svg").startswith(b"<")
    assert gc.isenabled()
    os._exit(7)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
done.set()
thread.join()
print(status)
"""
HOLDS = {
    "backward": "with sweeps.LOCK: wait()",
    "a program": "with known.lock: wait()",
    "a program's sweep": "known.sweep = lambda *_: wait() or np.zeros(1); known([[1.0]])",
    "a compilation": "with program.no_collecting(): wait()",
}


@pytest.mark.parametrize("hold", HOLDS)
def test_a_child_does_not_wait_for_a_thread_that_it_has_not(hold: str) -> None:
    script = SCRIPT.format(hold=HOLDS[hold])
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert (done.stdout.strip(), done.stderr) == ("7", "")


def test_the_collector_stays_off_where_the_user_had_it_off() -> None:
    script = "import gc, os; import autograd; gc.disable(); pid = os.fork(); "
    script += "pid or os._exit(gc.isenabled()); print(os.waitpid(pid, 0)[1])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0"


def test_where_there_is_no_fork_nothing_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork")
    forking.after_fork(lambda: None)
