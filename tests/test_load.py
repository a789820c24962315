"""Load: deep, wide and shared graphs through every public function; what stays behind; one bit pattern."""

from __future__ import annotations

import copy
import gc
import hashlib
import json
import math
import pickle
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import autograd
import nn
from autograd import OPS, Op, Value
from tests.programs import grown
from tests.scripts import SMALL_STACK, run

BUILT_IN = {*OPS}


# Every public function, on any graph of one leaf

Use = Callable[[Value, Value], Any]  # of the root and the leaf


def rounded(y: Value) -> Value:
    """A probability that depends on the whole graph."""
    return autograd.sigmoid(y * 0.0)


def computed(y: Value, x: Value) -> None:
    program = autograd.compile(y, [x])
    program([[1.0]])
    program.vjp([[1.0]])
    assert program.source


def pulled(y: Value, x: Value) -> None:
    y.grad = 1.0
    for v in reversed(autograd.toposort(y)):
        v._backward()


def trained(y: Value, x: Value) -> None:
    y.backward()
    nn.SGD(1e-300).step([x])
    y.forward()


READ: dict[str, Use] = {  # what works on a graph of any size
    "backward": lambda y, x: y.backward(),
    "forward": lambda y, x: y.forward(),
    "ledger": lambda y, x: sum(1 for _ in autograd.ledger(y)),
    "toposort": lambda y, x: len(autograd.toposort(y)),
    "zero_grad": lambda y, x: autograd.zero_grad(y, x),
    "grad": lambda y, x: autograd.grad(y, x),
    "vjp": lambda y, x: autograd.vjp(y, [x], 2.0),
    "jvp": lambda y, x: autograd.jvp(y, {x: 1.0}),
    "hvp": lambda y, x: autograd.hvp(y, [x], [1.0]),
    "jacobian": lambda y, x: autograd.jacobian([y], [x]),
    "hessian": lambda y, x: autograd.hessian(y, [x]),
    "compile": computed,
    "locate_nonfinite": lambda y, x: autograd.locate_nonfinite(y),
    "compile: pickle": lambda y, x: pickle.loads(
        pickle.dumps(autograd.compile(y, [x]))
    ),
    "repr": lambda y, x: f"{y!r} {y} {y:.3f}",
    "hash": lambda y, x: (hash(y), y == x, y < x, y <= x, y > x, y >= x),
    "copy": lambda y, x: copy.copy(y),
    "deepcopy": lambda y, x: copy.deepcopy(y),
    "pickle": lambda y, x: pickle.loads(pickle.dumps(y)),
    "detach": lambda y, x: y.detach(),
    "data": lambda y, x: (setattr(x, "data", x.data), y.forward()),
    "parts": lambda y, x: (y.op, y.args, y.inner, y._prev, y._op, y.data),
    "notebook": lambda y, x: (y._repr_mimebundle_(), y._mime_()),
    "ops": lambda y, x: [op(*[y] * len(op.operands)) for op in OPS.values()],
    "operators": lambda y, x: (
        y + 1,
        1 + y,
        1 - y,
        2 * y,
        1 / y,
        2**y,
        +y,
        -y,
        abs(y),
        sum([y, y]),
    ),
    "_backward": pulled,
    "name": lambda y, x: (setattr(y, "label", y.name), setattr(y, "name", y.label)),
    "NumPy": lambda y, x: (
        np.exp(y),
        np.maximum(y, x),
        np.float64(2) * y,
        np.where(y, x, y),
    ),
    "losses": lambda y, x: [
        loss([rounded(y)] * 2, [0.0, 1.0]) for loss in (nn.mse, nn.bce)
    ],
    "logits": lambda y, x: [nn.hinge(y, 1), nn.bce_with_logits(y, 1)],
    "classes": lambda y, x: [
        nn.cross_entropy([rounded(y)] * 2, 1),
        nn.cross_entropy_with_logits([y, y], 1),
    ],
    "softmax": lambda y, x: nn.softmax([y, x]),
    "modules": lambda y, x: (
        nn.Neuron(1)(y),
        nn.Layer(1, 2)(y),
        nn.MLP(2, [2, 1])([y, x]),
    ),
    "SGD": trained,
}
DRAWN: dict[str, Use] = {  # what is refused where nobody could read it
    "draw": lambda y, x: autograd.draw(y),
    "to_dot": lambda y, x: autograd.to_dot(y, style="textbook"),
    "labels": lambda y, x: autograd.labels(y),
    "formula": lambda y, x: autograd.formula(y),
    "latex": lambda y, x: autograd.latex(y),
    "mathml": lambda y, x: autograd.mathml(y),
    "steps": lambda y, x: autograd.steps(y),
    "to_html": lambda y, x: autograd.to_html(y),
    "explain": lambda y, x: y.explain(),
}
USES = READ | DRAWN
ALIAS = {
    **dict.fromkeys(("mse", "bce"), "losses"),
    **dict.fromkeys(("hinge", "bce_with_logits"), "logits"),
    **dict.fromkeys(("cross_entropy", "cross_entropy_with_logits"), "classes"),
    **dict.fromkeys(("Neuron", "Layer", "MLP", "Module"), "modules"),
    **dict.fromkeys(("__lt__", "__le__", "__gt__", "__ge__", "__hash__"), "hash"),
    **dict.fromkeys(("__copy__", "__deepcopy__"), "copy"),
    **dict.fromkeys(("op", "args", "inner", "_prev", "_op"), "parts"),
    **dict.fromkeys(("__repr__", "__format__"), "repr"),
    **{
        f"__{name}__": "operators"
        for name in ("radd", "rsub", "rmul", "rtruediv", "rpow", "pos")
    },
    **dict.fromkeys(("__reduce__", "__setstate__"), "pickle"),
    **dict.fromkeys(("__array_ufunc__", "__array_function__"), "NumPy"),
    "label": "name",
    **dict.fromkeys(("_repr_mimebundle_", "_mime_"), "notebook"),
    "Program": "compile",
}
NO_GRAPH = {
    "Value",
    "Op",
    "Frame",
    "Page",
    "Drawing",
    "Step",
    "History",
    "Loss",
    "parameter",
    "fit",
}
NO_GRAPH |= {
    "composite",
    "scope",
    "no_grad",
    "StaleGraphError",
    "GraphvizMissingError",
    "LayoutTimeoutError",
}
NO_GRAPH |= {
    "gradcheck",
    "record_lines",
    "Checked",
    "GradcheckError",
    "Nonfinite",
}  # for functions and blocks
NO_GRAPH |= {
    "__init__",
    "__bool__",
    "__float__",
}  # which refuse every Value, or make one


def public() -> set[str]:
    """Every public function of the packages, and every method and property of a Value."""
    packages = [
        (name, x) for package in (autograd, nn) for name, x in vars(package).items()
    ]
    members = [
        (name, x)
        for name, x in vars(Value).items()
        if isinstance(x, property) or callable(x)
    ]
    found = {
        name
        for name, x in packages
        if callable(x) and name[0] != "_" and not isinstance(x, Op)
    }
    ops = [op.call for op in OPS.values()]
    return found | {name for name, x in members if x not in ops}


def test_no_public_function_is_left_out() -> None:
    assert {ALIAS.get(name, name) for name in public()} - NO_GRAPH <= {*USES}


# Shapes


def chain(n: int) -> tuple[Value, Value]:
    """n nodes, one after the other."""
    x = y = Value(1.0, "x")
    for i in range(n):
        y = y * x if i % 10 == 0 else y + 0.5
    return y, x


def ladder(n: int) -> tuple[Value, Value]:
    """Nodes that are used twice each: 2^(n/2) paths."""
    x = y = Value(1.0, "x")
    for _ in range(n // 2):
        y = (y + y) * 0.5
    return y, x


def fan_in(n: int) -> tuple[Value, Value]:
    """A sum of n leaves."""
    x, *others = [Value(1.0) for _ in range(n + 1)]
    return sum(others, start=x * x), x


def fan_out(n: int) -> tuple[Value, Value]:
    """A leaf that n nodes read, and their sum."""
    x = Value(1.0, "x")
    return sum((x * float(i % 3) for i in range(n)), start=x * x), x


SHAPES = {shape.__name__: shape for shape in (chain, ladder, fan_in, fan_out)}


def outcome(use: Use, y: Value, x: Value) -> tuple[str, float]:
    """ "" or what was raised, and the seconds it took."""
    start = time.perf_counter()
    try:
        use(y, x)
        why = ""
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    return why, time.perf_counter() - start


def in_a_small_thread(work: Callable[[], None]) -> None:
    before = threading.stack_size(SMALL_STACK)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    threading.stack_size(before)


def use_all(shape: str, n: int) -> None:
    """Prints every outcome; for a Python of its own, where recursion is 200 deep and the stack is small."""
    found: dict[str, tuple[str, float]] = {}

    def work() -> None:
        y, x = SHAPES[shape](n)
        found.update({name: outcome(use, y, x) for name, use in USES.items()})
        start = time.perf_counter()
        del y, x
        gc.collect()  # a Program knows itself, and holds the graph
        SHAPES[shape](n)  # freed without it
        found["free"] = "", time.perf_counter() - start

    gc.disable()
    sys.setrecursionlimit(200)
    in_a_small_thread(work)
    print(json.dumps(found))


def outcomes(shape: str, n: int) -> dict[str, tuple[str, float]]:
    script = f"from tests.test_load import use_all; use_all({shape!r}, {n})"
    return json.loads(run(script, timeout=60 + n // 500))


def check_outcomes(found: dict[str, tuple[str, float]], n: int) -> None:
    assert {
        name: why for name, (why, _) in found.items() if name not in DRAWN and why
    } == {}
    assert found.keys() == {*USES, "free"}
    for name in DRAWN:
        why = found[name][0]
        assert why.startswith("ValueError: ") and "Recursion" not in why
        assert "nodes" in why and (
            "too many to draw" in why or "write smaller parts" in why
        )


@pytest.mark.parametrize(
    ("shape", "n"),
    [("chain", 20_000), ("ladder", 6000), ("fan_in", 6000), ("fan_out", 6000)],
)
def test_every_public_function_on_a_large_graph(shape: str, n: int) -> None:
    check_outcomes(outcomes(shape, n), n)


# What stays behind


def small() -> tuple[Value, Value]:
    x, w = Value(0.3, "x"), Value(-2.0, "w")
    return (x * w + 1 / x).tanh().exp() + autograd.maximum(
        x, w
    ) ** 2 + autograd.log(autograd.exp(x) * w * w), x


def trained_twice(y: Value, x: Value) -> None:
    data: dict[str, Any] = {
        "X": [1.0, 2.0],
        "y": [1.0, 0.0],
        "loss": "mse",
        "optimizer": nn.SGD(0.1),
    }
    for engine in ("eager", "compiled"):
        nn.fit(nn.MLP(1, [2, 1]), **data, epochs=2, engine=engine)


CYCLES: dict[
    str, Use
] = {  # a Program and its buffers know each other, and so do a training and its way
    "compile": lambda y, x: autograd.compile(y, [x]).value_and_grad([[1.0]] * 3),
    "compile: many rows": lambda y, x: autograd.compile(y, [x]).vjp([[1.0]] * 1000),
    "compile: pickle": USES["compile: pickle"],
    "fit": trained_twice,
}
SLOW = {"to_html", "explain", "notebook"}  # which run a program, dot
TREES = {
    name: use
    for name, use in USES.items()
    if name not in CYCLES and name not in SLOW
}
TREES |= {
    "draw: numbers": lambda y, x: autograd.draw(
        y, style="textbook", labels="number"
    ),
    "gradient of a gradient": lambda y, x: autograd.grad(autograd.grad(y, x), x),
    "gradient of a gradient, drawn": lambda y, x: autograd.to_dot(
        autograd.grad(autograd.grad(y, x), x)
    ),
}


def alive() -> int:
    """The Values there are; isinstance would ask every object of every package for its ``__class__``."""
    return sum(issubclass(type(x), Value) for x in gc.get_objects())


def left_behind(use: Use, rounds: int, warm: int = 3) -> tuple[int, int, int]:
    """After so many graphs: what waits for the garbage collector, and what is more: Values, blocks."""
    for _ in range(warm):
        use(*small())
    gc.collect()
    values, blocks = alive(), sys.getallocatedblocks()
    for _ in range(rounds):
        use(*small())
    waiting = gc.collect()
    return waiting, alive() - values, sys.getallocatedblocks() - blocks


@pytest.mark.parametrize("name", TREES)
def test_graphs_leave_nothing_for_the_garbage_collector(
    name: str, no_gc: None
) -> None:
    """To the last object, so that few rounds show what many would."""
    waiting, values, _ = left_behind(TREES[name], 25)
    assert (waiting, values) == (0, 0)


@pytest.mark.parametrize("name", CYCLES)
def test_programs_leave_nothing_but_cycles(name: str, no_gc: None) -> None:
    waiting, values, blocks = left_behind(CYCLES[name], 20, warm=20)
    assert waiting > 0 == values
    assert blocks / 20 < 40  # a few caches, of ops and of shapes, which are bounded


# Work per node


def work(make: Callable[[int], tuple[Value, Value]], use: Use, n: int) -> int:
    """The calls, of Python's functions and of C's, that it takes to build and use a graph of n nodes."""
    calls = Counter[str]()

    def counted() -> None:
        sys.setprofile(lambda frame, event, arg: calls.update([event]))
        try:
            use(*make(n))
        finally:
            sys.setprofile(None)

    thread = threading.Thread(target=counted)  # with a profiler of its own
    thread.start()
    thread.join()
    return calls["call"] + calls["c_call"]


LINEAR = sorted(READ.keys() - SLOW)


def growth(shape: str, name: str) -> float:
    """How many times the calls per node from 100 to 200 nodes those to 400 take: 1 if they do not grow."""
    _, few, some, many = (
        work(SHAPES[shape], READ[name], n) for n in (8, 100, 200, 400)
    )
    return (many - some - 20) / (2 * max(some - few, 1))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LINEAR)
def test_the_work_per_node_does_not_grow(shape: str, name: str) -> None:
    assert growth(shape, name) <= 1.05


# One bit pattern


def bounded(name: str, x: Value, y: Value) -> Value:
    """An op in a scope of its name, of operands that are inside of every domain."""
    operands = [x.sigmoid() + 0.25, y.sigmoid() + 0.25, (x * y).sigmoid() + 0.25]
    with autograd.scope(name):
        return OPS[name](*operands[: len(OPS[name].operands)])


MAKERS = [partial(bounded, name) for name in sorted(BUILT_IN)]


def tangle(seed: int) -> tuple[Value, list[Value]]:
    """A graph of all ops in which everything is used many times over, and its leaves."""
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(0.1, 1.0), f"x{i}") for i in range(4)]
    nodes = grown(rng, leaves, MAKERS, 16, 12)
    return sum(nodes[1:], start=nodes[0]), leaves


def fingerprint(seed: int) -> str:
    """All numbers and texts of a tangle, as one."""
    y, xs = tangle(seed)
    y.backward()
    found: list[Any] = [x.grad.hex() for x in xs]
    found += [[g.data.hex() for g in row] for row in autograd.hessian(y, xs[:2])]
    found += [
        autograd.jvp(y, {xs[0]: 1.0}).data.hex(),
        *[step.contribution.hex() for step in autograd.ledger(y)],
    ]
    found += [
        autograd.to_dot(y, collapse=()),
        autograd.to_dot(y, style="textbook", collapse=1),
        str(autograd.latex(y)),
    ]
    program = autograd.compile([y, xs[0] * y], xs[:2], xs[2:])
    table = [[0.1 * i, 1.0] for i in range(20)]
    found += [
        program.source,
        program(table).tobytes().hex(),
        *[x.tobytes().hex() for x in program.vjp(table)],
    ]
    found += [
        pickle.loads(pickle.dumps(y)).forward().data.hex(),
        copy.deepcopy(y).data.hex(),
    ]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def rebuilt(count: int) -> set[str]:
    """The fingerprints of one graph, built at ever other addresses."""
    seen, kept = set[str](), list[Any]()
    for i in range(count):
        kept.append([Value(float(i)) for _ in range(i % 7)])
        seen.add(fingerprint(1))
    return seen


def under_hash_seeds(count: int) -> set[bytes]:
    script = "from tests.test_load import fingerprint; print([fingerprint(i) for i in range(3)])"
    return {run(script, PYTHONHASHSEED=str(seed)) for seed in range(count)}


def in_threads(count: int, graphs: int) -> tuple[list[str], list[str]]:
    """The fingerprints from so many threads at once, which take turns as fast as may be; and one by one."""
    found: dict[int, list[str]] = {}
    threads = [
        threading.Thread(
            target=lambda i=i: found.update(
                {i: [fingerprint(i + k) for k in range(graphs)]}
            )
        )
        for i in range(count)
    ]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    alone = [fingerprint(i + k) for i in range(count) for k in range(graphs)]
    return [x for i in range(count) for x in found.get(i, [])], alone


def test_rebuilds_have_one_fingerprint() -> None:
    assert len(rebuilt(4)) == 1
    assert fingerprint(1) != fingerprint(2)


def test_the_hash_seed_has_no_influence() -> None:
    (text,) = under_hash_seeds(2)
    assert text.decode().strip() == str([fingerprint(i) for i in range(3)])


def test_eight_threads_are_bit_equal_to_one() -> None:
    together, alone = in_threads(8, 1)
    assert together == alone


# Figures


def per_node(n: int) -> float:
    """The microseconds of a processor that it takes to build a node, to sweep over it and to free it."""

    def once() -> float:
        start = time.process_time()
        for _ in range(max(1, 10**4 // n)):
            chain(n)[0].backward()
        return (time.process_time() - start) / max(n, 10**4) * 1e6

    return min(once() for _ in range(3))


def large(shape: str, n: int) -> tuple[str, str, str]:
    found = outcomes(shape, n)
    check_outcomes(found, n)
    name, (_, seconds) = max(found.items(), key=lambda item: item[1][1])
    politely = sum(bool(why) for why, _ in found.values())
    tried = f"{shape}, {n:,} nodes: every public function, recursion limit 200, stack of 256 KiB"
    return (
        tried,
        f"{len(USES)} uses, {politely} refused in a sentence",
        f"slowest: {name}, {seconds:.0f} s",
    )


def behind(rounds: int) -> tuple[str, str, str]:
    gc.disable()
    found = {name: left_behind(use, rounds) for name, use in TREES.items()}
    cycles = {
        name: left_behind(use, rounds // 10, 20) for name, use in CYCLES.items()
    }
    gc.enable()
    left = [
        name for name, (waiting, values, _) in found.items() if waiting or values
    ]
    stay = sum(values for _, values, _ in cycles.values())
    worst = f"left by {left or 'none'}; cycles in {', '.join(cycles)}, of which {stay} Values stay"
    return (
        "objects left without the garbage collector",
        f"{len(found)} uses × {rounds:,} graphs",
        worst,
    )


def figures(n: int = 10**6, rounds: int = 1000) -> list[tuple[str, str, str]]:
    """What was tried, how many, and the worst that was found."""
    rows = [
        large("chain", n),
        *[large(shape, n // 10) for shape in ("ladder", "fan_in", "fan_out")],
        behind(rounds),
    ]
    worst, name = max(
        (growth(shape, name), f"{name}, {shape}")
        for shape in SHAPES
        for name in LINEAR
    )
    rows.append(
        (
            "calls per node, of 200 and of 400 nodes",
            f"{len(LINEAR) * len(SHAPES)}",
            f"× {worst:.2f}: {name}",
        )
    )
    sizes = [10**k for k in range(3, 1 + round(math.log10(n)))]
    times = ", ".join(f"{per_node(size):.2f}" for size in sizes)
    rows.append(
        (
            "µs per node, built, swept and freed",
            f"{sizes[0]:,} to {sizes[-1]:,} nodes",
            times,
        )
    )
    together, alone = in_threads(8, rounds // 100)
    unequal = sum(x != y for x, y in zip(together, alone, strict=True))
    rows.append(
        (
            "eight threads, bit-equal to one",
            f"{len(alone)} graphs",
            f"{unequal} unlike",
        )
    )
    rows.append(
        (
            "rebuilds of one graph",
            f"{rounds // 5}",
            f"{len(rebuilt(rounds // 5))} bit pattern",
        )
    )
    rows.append(
        (
            "hash seeds",
            f"{rounds // 100}",
            f"{len(under_hash_seeds(rounds // 100))} bit pattern",
        )
    )
    return rows
