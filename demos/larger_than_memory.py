"""A net is trained over a table that is larger than the memory of those who compute: Dask makes it part by part.

You will see a cluster of two processes on this machine, what it holds at once, and the loss of three epochs.
It needs dask.distributed (pip install "dask[distributed]") and is skipped where that is missing.
"""

import logging
import os
import random
import sys
from collections.abc import Mapping
from importlib import import_module, util
from typing import Any

import numpy as np

from autograd import Program, Value, compile
from nn import MLP

from .gallery import Demo, chart, run

STORY = """The table has 3.2 million rows of 32 numbers and a target, 845 MB. Two processes compute, and each
may hold 400 MB. No one ever has the table: Dask has only its recipe, makes a part of 20,000 rows where it is
needed, and forgets it.

A mean over all rows is a sum over the parts. Each process is sent the program and theta, computes its part's
share of the loss and of the gradient, and sends back 138 numbers. The step is taken here. Of a Dask table, the
program itself is lazy: it gives an output for each of the rows, and only their mean is computed."""
ROWS, COLUMNS, PART = 3_200_000, 32, 20_000
WORKERS, LIMIT = 2, 400  # MB
EPOCHS, RATE = 3, 0.2
MB = 1e6
MISSING = 'skipped: it needs dask.distributed; pip install "dask[distributed]"'


def with_target(part: Any) -> Any:
    """The last column becomes what is to be learned: it bends along the sum of the others."""
    part[:, -1] = abs(part[:, :-1].sum(axis=1)) / 3
    return part


def lazy_table() -> Any:
    """Numbers between -1 and 1, and a target; a recipe, no number is made."""
    da: Any = import_module("dask.array")
    shape, chunks = (ROWS, COLUMNS + 1), (PART, COLUMNS + 1)
    X = da.random.default_rng(1).uniform(-1, 1, shape, chunks=chunks)
    return X.map_blocks(with_target, meta=np.zeros((0, 0)))


def squared_error() -> Program:
    """The loss of a row as a program of its numbers and the target."""
    random.seed(1)
    inputs = [Value(0.0, f"x{i}") for i in range(1, COLUMNS + 1)]
    target = Value(0.0, "t")
    model = MLP(COLUMNS, [4, 1])
    output = model(inputs)
    program = compile((output - target) ** 2, [*inputs, target], model.parameters())
    program.theta = program.theta * 0.2
    return program


def epoch(program: Program, parts: list[Any], theta: Any) -> tuple[float, Any]:
    """The mean loss over all rows and its gradient: the sums of the parts' shares."""
    dask: Any = import_module("dask")
    shared = dask.delayed(program)  # once for all parts
    shares = [shared.value_and_grad(part, theta, 1 / ROWS) for part in parts]
    found = dask.compute(*shares)
    return sum(loss for loss, _ in found), np.sum([g for _, g in found], axis=0)


def train(program: Program, parts: list[Any]) -> tuple[list[float], Any]:
    """The loss of every epoch, and theta after the last."""
    losses, theta = list[float](), program.theta
    for _ in range(EPOCHS):
        loss, gradient = epoch(program, parts, theta)
        losses.append(loss)
        theta = theta - RATE * gradient
    return losses, theta


def peak() -> float:
    """The most memory that this process has held, in MB; Linux counts in KB, Windows and macOS in bytes."""
    if sys.platform == "win32":
        return import_module("psutil").Process().memory_info().peak_wset / MB
    resource: Any = import_module("resource")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (MB if sys.platform == "darwin" else MB / 1024)


def bars(sizes: Mapping[str, float]) -> Any:
    """A panel of sizes in MB."""

    def paint(axes: Any) -> None:
        axes.bar_label(
            axes.barh([*sizes], [*sizes.values()]), fmt="%.0f", padding=3
        )
        axes.set_xmargin(0.2)

    return paint


def on_cluster(demo: Demo, client: Any) -> None:
    """What the demo shows, computed by the client's workers."""
    table, program = lazy_table(), squared_error()
    parts = [part for [part] in table.to_delayed()]
    before = client.run(os.getpid)
    summed = epoch(program, parts[:2], program.theta)[1]
    held = np.concatenate(client.gather(client.compute(parts[:2])))
    whole = program.value_and_grad(held, weights=1 / ROWS)[1]
    few = whole[:3].tolist(), summed[:3].tolist()
    demo.check("gradient of two parts", *few, "both parts in memory", 1e-12)
    losses, theta = train(program, parts)
    losses.append(float(program(table, theta).mean().compute()))
    texts = [f"{loss:.6f}" for loss in losses]
    demo.check("losses", sorted(texts, reverse=True), texts, "sorted")
    size, most = table.nbytes / MB, max(client.run(peak).values())
    facts = {
        f"{size:.0f} MB are more than both limits": size > WORKERS * LIMIT,
        "no process was started anew": client.run(os.getpid) == before,
    }
    for what, fact in facts.items():
        demo.check(what, True, fact, "the workers")
    sizes = {"table": size, "both limits": WORKERS * LIMIT, "one limit": LIMIT}
    sizes |= {"a process's peak": most, "a part": size * PART / ROWS}
    curve = [(range(EPOCHS + 1), losses, "o-", "")]
    losses_drawn = chart(("loss by epoch", curve))
    demo.picture("larger-than-memory", losses_drawn, "Three epochs over 845 MB")
    memory = chart(("MB", bars(sizes)))
    demo.picture("larger-than-memory-mb", memory, "What is held at once")


def main() -> Demo:
    """A cluster, a table, a net; the cluster is closed at the end."""
    demo = Demo("A table larger than memory", STORY)
    if util.find_spec("distributed") is None:
        demo.skipped = MISSING
        return demo
    distributed: Any = import_module("distributed")
    with (
        distributed.LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            memory_limit=f"{LIMIT}MB",
            dashboard_address=":0",
            silence_logs=logging.ERROR,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        on_cluster(demo, client)
    return demo


if __name__ == "__main__":
    sys.exit(run(main))
