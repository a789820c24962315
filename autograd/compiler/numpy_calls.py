"""A plan as calls of NumPy on arrays for a number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..defining import define
from ..forking import unforked
from .arrays import Array as Floats, function_of
from .places import Array
from .steps import Buffer, Operand, Plan, Step

Call = tuple[
    Callable[..., Any], tuple[Any, ...], bool
]  # whether the last is named out


def raw(function: Any) -> Callable[..., Any]:
    """The inner function, which does not look for __array_function__."""
    return getattr(function, "_implementation", function)


COPY = raw(np.copyto)


class Calls:
    """A plan on buffers for n rows; the same face as Bound's."""

    def __init__(self, plan: Plan, n: int) -> None:
        self.plan, self.n, self.numpy = plan, n, unforked()
        self.memories = [
            np.zeros(m.slots * (n if m.rows else 1)) for m in plan.storage.memories
        ]
        self.flat = [self.memory(i, b) for i, b in enumerate(plan.buffers)]
        kinds = {b.kind: x for b, x in zip(plan.buffers, self.flat, strict=True)}
        self.theta, self.gradient = kinds["theta"], kinds["gradient"]
        self.varying = any(b.rows for b in plan.buffers if b.kind == "seeds")
        width = n if self.varying else 1
        self.seeds = kinds["seeds"].reshape(len(plan.outputs), width)
        self.seen: Floats | None = None
        self.tables = [(columns(p), self.array(x)) for p, x in plan.tables]
        self.outputs = [self.array(x) for x in plan.outputs]
        self.adjoints = [(columns(p), self.array(x)) for p, x in plan.back]
        self.forward, self.backward = self.functions()

    def memory(self, i: int, buffer: Buffer) -> Floats:
        """The numbers of a buffer in one axis."""
        width = self.n if buffer.rows else 1
        if i in self.plan.storage.of:
            return self.memories[self.plan.storage.of[i]]
        made = np.full(buffer.slots * width, float(buffer.ones))
        if buffer.data is not None:
            made[: len(buffer.data) * width] = np.repeat(buffer.data, width)
        return made

    def array(self, x: Array) -> Floats:
        """The array of a place."""
        n, buffer = self.n, self.plan.buffers[x.buffer]
        shape = [dim.size * (n if dim.rows else 1) for dim in x.dims]
        strides = [8 * dim.step * (n if dim.wide else 1) for dim in x.dims]
        start = x.base * (n if buffer.rows else 1)
        return as_strided(self.flat[x.buffer][start:], shape, strides)

    # -------------------------------------------------------------------------------------------------- calls
    def functions(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        """Two functions of no arguments: the values, and the adjoints."""
        known, halves = dict[str, Any](), list[list[str]]()
        turn = self.plan.turn
        for steps in (self.plan.steps[:turn], self.plan.steps[turn:]):
            calls = [call for step in steps for call in self.calls(step)]
            halves.append([self.line(known, *call) for call in calls] or ["pass"])
        body = [
            line
            for name, lines in zip(("forward", "backward"), halves, strict=True)
            for line in (f"def {name}():", *["    " + line for line in lines])
        ]
        text = "\n".join([*body, "return forward, backward"])
        return define("program", [], text, known, {})()

    def line(
        self,
        known: dict[str, Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        by_name: bool,
    ) -> str:
        """A call as text; its function and arrays become known names."""
        names = [name_of(known, x) for x in (function, *args)]
        if by_name:
            names[-1] = f"out={names[-1]}"
        return f"{names[0]}({', '.join(names[1:])})"

    def calls(self, step: Step) -> Iterator[Call]:
        """The calls of a step."""
        out = self.array(step.out)
        args = [
            self.array(x) if isinstance(x, Array) else np.array(x)
            for x in step.args
        ]
        if step.word in SPECIAL:
            yield from SPECIAL[step.word](step, out, *args)
        elif step.word == "where" and self.is_known(step.args[0]):
            yield COPY, (out, args[2]), False
            yield COPY, (out, args[1], "same_kind", args[0] != 0), False
        elif step.word == "maximum" and repr(step.args[1]) == "0.0":
            yield np.maximum, (*args, out), True
            yield np.add, (out, args[1], out), False
        elif (
            step.word == "power"
            and isinstance(step.args[1], float)
            and step.args[1] != 0.5
        ):
            yield np.power, (*args, out), False
        else:
            function = function_of(step.word)
            yield function, (*args, out), not isinstance(function, np.ufunc)

    def is_known(self, x: Operand) -> bool:
        """Whether no step and no run writes it."""
        return isinstance(x, Array) and self.plan.buffers[x.buffer].kind == "const"

    # --------------------------------------------------------------------------------------------------- runs
    def run(
        self, theta: Floats, rows: Floats, seeds: Floats, out: Floats, back: Floats
    ) -> Floats:
        """Writes the outputs and, from seeds, the gradients by the inputs; gives that by the parameters."""
        self.theta[:] = theta
        for places, values in self.tables:
            values[:] = rows.T[places]
        self.forward()
        for i, array in enumerate(self.outputs):
            out[:, i] = array
        if not seeds.shape[1]:
            return np.zeros(len(theta))
        if seeds is not self.seen:  # those of a mean are always the same
            self.seeds[:] = seeds.T if self.varying else seeds.sum(axis=0)[:, None]
            self.seen = seeds
        self.backward()
        if back.shape[1]:
            self.give_back(back)
        return self.gradient

    def give_back(self, back: Floats) -> None:
        """The gradients by the inputs; what several arrays have read is added up."""
        back[:] = 0.0
        for places, adjoints in self.adjoints:
            if isinstance(places, slice):
                back.T[places] += adjoints
            else:
                np.add.at(back.T, places, adjoints)


def columns(places: list[int]) -> slice | list[int]:
    """Columns of a table, as a slice if they are neighbours."""
    near = slice(places[0], places[-1] + 1)
    return near if places == [*range(near.start, near.stop)] else places


def name_of(known: dict[str, Any], x: Any) -> str:
    """A name for what a call reads."""
    kind: str = getattr(x, "__name__", "a")
    name = f"{kind}_{id(x)}"
    known[name] = x
    return name


# -------------------------------------------------------------------------------------------------- by words
def dot(step: Step, out: Floats, x: Floats, y: Floats) -> Iterator[Call]:
    function = np.dot if out.flags.c_contiguous else np.matmul
    if function is np.matmul and 1 in (x.ndim, y.ndim) and out.ndim == 0:
        function = np.dot
    yield raw(function), (x, y, out), False


def matmul(step: Step, out: Floats, x: Floats, y: Floats) -> Iterator[Call]:
    yield np.matmul, (x, y, out), False


def einsum(step: Step, out: Floats, x: Floats, y: Floats) -> Iterator[Call]:
    from numpy._core.multiarray import c_einsum

    yield c_einsum, (step.data, x, y, out), True


def vecdot(step: Step, out: Floats, x: Floats, y: Floats) -> Iterator[Call]:
    yield np.vecdot, (x, y, out), False


def copy(step: Step, out: Floats, x: Any) -> Iterator[Call]:
    yield COPY, (out, x), False


def take(step: Step, out: Floats, x: Floats) -> Iterator[Call]:
    yield raw(np.take), (x, np.array(step.data), 0, out, "clip"), False


def scatter(step: Step, out: Floats, x: Floats) -> Iterator[Call]:
    yield np.add.at, (out, np.array(step.data), x), False


def zero(step: Step, out: Floats) -> Iterator[Call]:
    yield out.__setitem__, (np.array(step.data), 0.0), False


def total(step: Step, out: Floats, x: Floats) -> Iterator[Call]:
    yield np.add.reduce, (x, -1, None, out), False


def greatest(step: Step, out: Floats, x: Floats) -> Iterator[Call]:
    yield np.maximum.reduce, (x, -1, None, out), False


SPECIAL: dict[str, Callable[..., Iterator[Call]]] = {
    "dot": dot,
    "matmul": matmul,
    "einsum": einsum,
    "copy": copy,
    "take": take,
    "scatter": scatter,
    "zero": zero,
    "sum": total,
    "max": greatest,
    "vecdot": vecdot,
}
