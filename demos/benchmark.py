"""How fast this engine is, beside hand-written NumPy, PyTorch, JAX, CasADi, micrograd and microgpt's node.

    python -m demos.benchmark

You will see one table: two ways through the same task, the median time of each, their ratio, and what it is
to reach.  Everything runs in one process on one thread, the ways in turn, round by round.  Before a way is
timed its loss and gradient are compared with those of the scalar graph; what is wrong gets no ratio.  The
extra [benchmark] brings the other engines; those that are not installed are left out.
"""

import gc
import math
import os
import platform
import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module, metadata, util
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from autograd import Value, compile

from .graphs import LocalGradients, net
from .rivals import Way
from .workloads import (
    ANY,
    EAGER,
    MICROGRAD,
    PACKAGES,
    QUICK,
    Goal,
    Size,
    Workload,
    compiled_graphs,
    eager_way,
    installed,
    workloads,
)

ONE = {  # thread
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    ),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}
OUT = Path(__file__).parent / "out"
OURS, MICROGPT = "autograd", "microgpt-style node"
MOST = 200  # bytes a node
NET = (2, 64, 32, 16, 1)  # the net of which the time of a node is taken
UNITS = ((1, "s "), (1e-3, "ms"), (1e-6, "µs"), (0, "ns"))
COLOURS = {"reached": "#009E73", "missed": "#D55E00", "": "#999999"}


@dataclass(frozen=True)
class Row:
    """A line of the table; ``part``: the ratio is at most what is to be reached, else at least."""

    what: str
    ours: str
    theirs: str
    ratio: float
    reach: float = ANY
    part: bool = False

    @property
    def verdict(self) -> str:
        """Whether the ratio is as it is to be; a ratio that is no number stands for a wrong result."""
        if math.isnan(self.ratio):
            return "WRONG"
        if math.isnan(self.reach):
            return ""
        return (
            "reached"
            if (self.ratio <= self.reach if self.part else self.ratio >= self.reach)
            else "missed"
        )

    def cells(self) -> tuple[str, ...]:
        """The line's texts."""
        goal = (
            ""
            if math.isnan(self.reach)
            else f"{'≤' if self.part else '≥'} {self.reach:,g}"
        )
        ratio = f"{self.ratio:,.{2 if self.ratio < 100 else 0}f}"
        return self.what, self.ours, self.theirs, ratio, goal, self.verdict


def kinds() -> dict[str, type[Any]]:
    """The engines of scalar nodes."""
    found: dict[str, type[Any]] = {OURS: Value, MICROGPT: LocalGradients}
    if installed(MICROGRAD):
        found[MICROGRAD] = import_module("micrograd.engine").Value
    return found


def nodes(widths: tuple[int, ...]) -> Workload:
    """Build and backward of a net, by engine."""
    parameters = sum(n * m + m for n, m in pairwise(widths))
    rng = random.Random(3)
    numbers = [rng.uniform(-0.2, 1) for _ in range(parameters)]
    ways: dict[str, Way] = {}
    for name, kind in kinds().items():
        weights = [kind(x) for x in numbers]
        ways[name] = eager_way(
            lambda weights=weights, kind=kind: net(weights, kind, widths), weights
        )
    goals = [Goal(OURS, MICROGRAD, 2.2), Goal(OURS, MICROGPT, 1.4)]
    return Workload("build and backward, a node", ways, goals, 2 * parameters)


def memory(kind: type[Any], n: int = 20_000) -> float:
    """Bytes that a node of a chain of products holds."""
    x = y = kind(1.0)
    tracemalloc.start()
    for _ in range(n):
        y = y * x
    held = tracemalloc.get_traced_memory()[0] / n
    tracemalloc.stop()
    return held


def memories() -> Iterator[Row]:
    """Bytes a node, by engine."""
    held = {name: memory(kind) for name, kind in kinds().items()}
    ours = f"{OURS} {held[OURS]:.0f}"
    yield Row(
        "bytes a node, built",
        ours,
        f"{MOST} allowed",
        held[OURS] / MOST,
        1,
        part=True,
    )
    for name in list(held)[1:]:
        yield Row(
            "bytes a node, built",
            ours,
            f"{name} {held[name]:.0f}",
            held[OURS] / held[name],
            part=True,
        )


def chain(n: int) -> Iterator[Row]:
    """A chain of products: the time of a node must not grow with its length."""

    def run(length: int) -> float:
        x = y = Value(1.0)
        start = time.perf_counter()
        for _ in range(length):
            y = y * x
        y.backward()
        assert x.grad == length + 1
        return time.perf_counter() - start

    few = n // 10
    short, long = median(run(few) / few for _ in range(3)), run(n) / n
    ours, theirs = f"{n:,} nodes {shown(long)}", f"{few:,} nodes {shown(short)}"
    yield Row("a chain, time a node", ours, theirs, long / short, 2, part=True)


def compiling(size: Size) -> Iterator[Row]:
    """Up to the first gradient, in passes of the scalar graph; and the memory that it takes."""
    for name, build, parts in compiled_graphs(size):
        eager: list[float] = []
        ours: list[float] = []
        gc.collect()
        gc.freeze()
        for _ in range(min(size.rounds, 5)):
            eager.append(timed(lambda build=build: build().backward(), 1))
            y = build()
            ours.append(timed(lambda y=y, parts=parts: first_gradient(y, parts), 1))
        gc.unfreeze()
        y = build()
        tracemalloc.start()
        first_gradient(y, parts)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        took, passes = (
            f"{shown(median(ours))}, {peak:.0f} MB",
            f"{EAGER} pass {shown(median(eager))}",
        )
        yield Row(
            f"compiling, {name}", took, passes, paired(ours, eager), 3, part=True
        )


def first_gradient(y: Value, parts: dict[str, Any]) -> None:
    """Compiles a graph and runs it once."""
    inputs = parts.get("inputs", [])
    compile(y, **parts).value_and_grad([[0.5] * len(inputs)] if inputs else None)


def timed(step: Callable[[], object], times: int) -> float:
    """Seconds that a step takes, run so many times."""
    start = time.perf_counter()
    for _ in range(times):
        step()
    return (time.perf_counter() - start) / times


def paired(ours: list[float], theirs: list[float]) -> float:
    """The median of the ratios of a round."""
    return median(a / b for a, b in zip(ours, theirs, strict=False))


def wrong(workload: Workload) -> dict[str, float]:
    """The ways that do not agree with the first, and by how much."""
    results = {name: way.result() for name, way in workload.ways.items()}
    true_loss, true = next(iter(results.values()))
    scale = np.abs(true).max()
    found: dict[str, float] = {}
    for name, (loss, gradient) in results.items():
        error = max(
            abs(loss - true_loss) / max(abs(true_loss), 1e-300),
            np.abs(gradient - true).max() / scale,
        )
        if not error <= workload.ways[name].tolerance:
            found[name] = error
    return found


def measured(workload: Workload, size: Size) -> dict[str, list[float]]:
    """Seconds by way and round; a slow way skips rounds."""
    ways = {
        name: way
        for name, way in workload.ways.items()
        if name not in workload.untimed
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    gc.freeze()  # what one engine keeps does not slow down another's collections
    counts = {name: enough(way.step, size.span) for name, way in ways.items()}
    for i in range(size.rounds):
        for name, way in ways.items():
            if (
                not times[name] or i * times[name][0] * counts[name] < 3
            ):  # seconds, about
                times[name].append(timed(way.step, counts[name]))
    gc.unfreeze()
    return times


def enough(step: Callable[[], object], span: float) -> int:
    """How often a step runs in such a span, once it is warm; the first one may be slow."""
    step()
    count = 1
    while (taken := timed(step, count) * count) < span:
        count = 2 * count if taken < span / 3 else math.ceil(count * span / taken)
    return count


def compared(workload: Workload, size: Size) -> Iterator[Row]:
    """The workload's lines."""
    errors = wrong(workload)
    times = measured(workload, size)
    for goal in workload.goals:
        if goal.theirs not in times:
            continue
        pair = [times[name] for name in (goal.ours, goal.theirs)]
        ratio = paired(*(pair if goal.part else pair[::-1]))
        texts: dict[str, str] = {}
        for name, each in zip((goal.ours, goal.theirs), pair, strict=True):
            error = f" is off by {errors[name]:.0e}" if name in errors else ""
            texts[name] = f"{name} {shown(median(each) / workload.per)}{error}"
        ratio = math.nan if errors.keys() & texts.keys() else ratio
        yield Row(
            workload.title,
            texts[goal.ours],
            texts[goal.theirs],
            ratio,
            goal.reach,
            goal.part,
        )


def shown(seconds: float) -> str:
    """A time in three digits."""
    scale, unit = next(pair for pair in UNITS if seconds >= pair[0])
    number = seconds / (scale or 1e-9)
    return (
        f"{number:.{max(0, 2 - int(math.log10(max(number, 1))))}f} {unit}".rstrip()
    )


def versions() -> str:
    """What is compared."""
    found = [f"CPython {platform.python_version()}", f"NumPy {np.__version__}"]
    found += [
        f"{engine} {metadata.version(name)}"
        for engine, name in PACKAGES.items()
        if installed(engine)
    ]
    return ", ".join(found)


def rows(size: Size) -> Iterator[Row]:
    """All lines, each as soon as it is measured."""
    yield from compared(nodes(NET if size is not QUICK else size.widths), size)
    yield from memories()
    yield from chain(size.chain)
    for workload in workloads(size):
        yield from compared(workload, size)
    yield from compiling(size)


def line(cells: tuple[str, ...]) -> str:
    """Texts in columns."""
    what, ours, theirs, ratio, goal, verdict = cells
    return (
        f"{what:49} {ours:27} {theirs:29} {ratio:>8}  {goal:8} {verdict}".rstrip()
    )


def picture(found: list[Row]) -> Any:
    """Every ratio as a bar, at 1 where both are equal; longer is better for this engine."""
    figure: Any = import_module("matplotlib.figure").Figure(
        (11, 1 + 0.21 * len(found)), layout="constrained"
    )
    axes, good = (
        figure.subplots(),
        [row for row in found[::-1] if not math.isnan(row.ratio)],
    )
    gains = [1 / row.ratio if row.part else row.ratio for row in good]
    goals = [1 / row.reach if row.part else row.reach for row in good]
    axes.set_xscale("log")
    bars = [gain - 1 for gain in gains]
    axes.barh(
        range(len(good)), bars, left=1, color=[COLOURS[row.verdict] for row in good]
    )
    axes.scatter(
        goals,
        range(len(good)),
        marker="|",
        s=60,
        color="black",
        zorder=3,
        label="to reach",
    )
    texts = [f"{row.what}: {row.ours}, {row.theirs}" for row in good]
    axes.set_yticks(range(len(good)), texts, fontsize=6)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_ylim(-1, len(good))
    axes.set_title("How many times as fast (or as small)")
    axes.legend(loc="lower right")
    return figure


def main(size: Size = Size()) -> list[Row]:  # noqa: B008
    """Prints the table and draws it; returns its lines."""
    for engine in PACKAGES:
        if not installed(engine):
            print(f"{engine} is not installed: it is left out")
    print(
        f"{versions()}; {platform.machine()}, one thread; medians of {size.rounds} rounds"
    )
    print("PyTorch and JAX in 32 bits, as they come; all others in 64")
    print(line(("", "this engine", "another", "ratio", "to reach", "")))
    found: list[Row] = []
    for row in rows(size):
        found.append(row)
        print(line(row.cells()), flush=True)
    if util.find_spec("matplotlib") is None:
        print("matplotlib is not installed: the table is not drawn")
    else:
        OUT.mkdir(exist_ok=True)
        for suffix in ("svg", "png"):
            picture(found).savefig(OUT / f"benchmark.{suffix}", dpi=150)
        print(f"pictures in {OUT}: benchmark")
    return found


if __name__ == "__main__":
    if any(
        os.environ.get(name) != value for name, value in ONE.items()
    ):  # read when NumPy is imported
        sys.exit(
            subprocess.call(
                [sys.executable, "-m", "demos.benchmark"], env=os.environ | ONE
            )
        )
    sys.setrecursionlimit(10_000)  # for the recursive engines
    sys.exit(any(row.verdict == "WRONG" for row in main()))
