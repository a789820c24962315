"""Forked processes: what a thread of the parent holds does not stop the child."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import cached_property

import pytest

from autograd import forking
from autograd.forking import Kept
from tests.scripts import ROOT, run

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="this system does not fork"
)

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
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.stdout.strip(), done.stderr) == ("7", "")


def test_the_collector_stays_off_where_the_user_had_it_off() -> None:
    script = "import gc, os; import autograd; gc.disable(); pid = os.fork(); "
    script += "pid or os._exit(gc.isenabled()); print(os.waitpid(pid, 0)[1])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "0"


def test_where_there_is_no_fork_nothing_is_renewed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "register_at_fork")
    forking.after_fork(lambda: None)


BEGIN = """
import os, random, signal, threading, time, warnings
import numpy as np
import autograd, nn
from autograd import OPS, Op, Value, compile, sin

warnings.simplefilter("ignore")
signal.alarm(60)  # ends this process if it hangs

def in_child(work, seconds=10):
    child = os.fork()
    if not child:
        signal.alarm(seconds)  # ends a child that hangs
        work()
        os._exit(7)
    return child

def code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""
FIRST_TIME = """
def all_ops():
    for op in OPS.values():
        if op.name != "slow":
            operands = [Value(0.5 + i / 4) for i in range(len(op.operands))]
            op(*operands).backward()
            op(operands[0], *[0.75] * (len(operands) - 1)).backward()

inside, go = threading.Event(), threading.Event()

def partial(z, x):
    inside.set()
    go.wait()
    return 1.0

slow = Op("slow", "slow", "x", (partial,))
thread = threading.Thread(target=lambda: slow(Value(1.0)).{first})
thread.start()
assert inside.wait(60)
print(code(in_child(all_ops)))
go.set()
thread.join()
"""
INSIDE = """
from autograd.compiler.program import Program
from autograd.compiler.rowwise import Rowwise
from autograd.forking import Kept
from autograd.value import Form

x, w = Value(2.0, "x"), Value(3.0, "w")

def new():
    known = compile(sin(w * x), [x], [w])
    return {{"Form": Form(OPS["sin"], (True,)), "Rowwise": known.rowwise, "Program": known}}["{owner}"]

def tried(name, kept):
    compute, held, inside, go = kept.func, new(), threading.Event(), threading.Event()

    def waits(owner):
        inside.set()
        go.wait()
        return compute(owner)

    def others():
        kept.func = compute
        getattr(new(), name), getattr(held, name)

    kept.func = waits
    thread = threading.Thread(target=lambda: getattr(held, name))
    thread.start()
    assert inside.wait(60)
    kind = code(in_child(others, 3))
    kept.func = compute
    go.set()
    thread.join()
    return kind

print(*[name for name, x in [*vars({owner}).items()] if isinstance(x, Kept) and tried(name, x) != 7])
"""
BESIDE = """
stop = threading.Event()

def until_stopped():
    while not stop.is_set():
        {work}

def node_by_node():
    v = x = Value(0.5)
    for i in range(1000):
        v = sin(v * x) + i
    compile(v, [x])([[0.1], [0.2]])

def large_matrices():
    net = nn.MLP(40, [64, 64, 1])
    inputs = [Value(0.0) for _ in range(40)]
    known = compile(net(inputs), inputs, net.parameters())
    X = np.ones((4000, 40))
    while not stop.is_set():
        known.value_and_grad(X)

X = np.random.default_rng(0).normal(size=(200, 3))
y = X.sum(axis=1)

def fitted(seed):
    net = nn.MLP(3, [4, 1])
    nn.fit(net, X, y, loss="mse", optimizer=nn.SGD(0.01), epochs=3)
    return len(net.parameters())

def use():
    fitted(0)
    x = Value(2.0)
    assert compile(x * x, [x]).vjp([[3.0], [np.nan], [4.0]])[1].tolist()[::2] == [[6.0], [8.0]]

thread = threading.Thread(target=until_stopped)
thread.start()
try:
    {fork}
finally:
    stop.set()
    thread.join()
"""
FORKS = """codes = []
    for _ in range(12):
        time.sleep(random.random() / 50)
        codes.append(code(in_child(use)))
    print({*codes})"""
POOL = """import multiprocessing
    signal.alarm(60)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print({*pool.map_async(fitted, range(4)).get(30)})"""
WORKS = {
    "programs": "node_by_node()",
    "fits": "fitted(0)",
    "matrices": "large_matrices()",
}


@pytest.mark.parametrize(
    "first", ["backward()", "form.pull", "form.local(1.0, 1.0)"]
)
def test_a_child_differentiates_by_ops_whose_first_time_it_is(first: str) -> None:
    assert run(BEGIN + FIRST_TIME.format(first=first)) == b"7\n"


@pytest.mark.parametrize("owner", ["Form", "Rowwise", "Program"])
def test_a_child_computes_what_a_thread_that_it_has_not_was_computing(
    owner: str,
) -> None:
    """Prints the properties that it does not."""
    assert run(BEGIN + INSIDE.format(owner=owner)) == b"\n"


@pytest.mark.parametrize("work", WORKS)
def test_a_child_trains_and_compiles_while_its_parent_does(work: str) -> None:
    assert run(BEGIN + BESIDE.format(work=WORKS[work], fork=FORKS), 300) == b"{7}\n"


@pytest.mark.parametrize("work", WORKS)
def test_a_pool_trains_while_its_parent_does(work: str) -> None:
    assert run(BEGIN + BESIDE.format(work=WORKS[work], fork=POOL), 300) == b"{21}\n"


def test_nothing_is_imported_later() -> None:
    """A thread in an import holds its lock; a child would wait for it."""
    script = "import sys; before = {*sys.modules}\n" + BESIDE.partition("thread =")[
        0
    ].format(work="pass")
    script += "node_by_node(); use(); print({*sys.modules} - before)"
    assert run(BEGIN + script) == b"set()\n"


def test_properties_are_kept_without_locks() -> None:
    modules = [
        module
        for name, module in sys.modules.items()
        if name.split(".")[0] in ("autograd", "nn")
    ]
    owners = [
        x
        for module in modules
        for x in vars(module).values()
        if isinstance(x, type)
    ]
    assert len(owners) > 20
    assert not [
        (x, name)
        for x in owners
        for name, p in vars(x).items()
        if isinstance(p, cached_property)
    ]


def test_a_property_is_computed_once_and_kept() -> None:
    counts: list[int] = []

    class Owner:
        @Kept
        def size(self) -> int:
            """The size."""
            counts.append(len(counts))
            return len(counts)

    owner = Owner()
    assert (owner.size, owner.size, Owner().size, counts) == (1, 1, 2, [0, 1])
    assert isinstance(Owner.size, Kept) and Owner.size.__doc__ == "The size."


def test_two_threads_that_compute_a_property_agree_on_the_first_result() -> None:
    both, found = threading.Barrier(2), list[object]()

    class Owner:
        @Kept
        def thing(self) -> object:
            both.wait(60)
            return object()

    owner = Owner()
    threads = [
        threading.Thread(target=lambda: found.append(owner.thing)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1] is owner.thing
