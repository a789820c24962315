"""A plan as calls of NumPy on arrays for a number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..defining import define
from ..forking import unforked
from .arrays import Array as Floats, function_of
from .bound import Block, Runner, columns
from .places import Array
from .steps import Buffer, Operand, Plan, Step

# A function, what it takes, and whether the last is named out.
Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], bool]


def raw(function: Any) -> Callable[..., Any]:
    """The inner function, which does not look for __array_function__."""
    return getattr(function, "_implementation", function)


COPY, DOT, TAKE = raw(np.copyto), raw(np.dot), raw(np.take)


class Calls(Runner):
    """A plan on buffers for n rows."""

    def __init__(self, plan: Plan, n: int) -> None:
        self.plan, self.n, self.numpy = plan, n, unforked()
        self.memories = [
            np.zeros(self.width(m.slots, m.rows)) for m in plan.storage.memories
        ]
        self.flat = [self.memory(i, b) for i, b in enumerate(plan.buffers)]
        kinds = {b.kind: i for i, b in enumerate(plan.buffers)}
        self.theta = self.flat[kinds["theta"]]
        self.gradient = self.flat[kinds["gradient"]]
        # without rows in the seeds, one number of an output is for all rows
        self.varying = plan.buffers[kinds["seeds"]].rows
        shape = len(plan.outputs), self.width(1, self.varying)
        self.given = self.flat[kinds["seeds"]].reshape(shape)
        self.tables = self.blocks(plan.tables)
        self.adjoints = self.blocks(plan.back)
        self.outputs = [self.array(x) for x in plan.outputs]
        self.forward, self.backward = self.functions()

    def width(self, slots: int, rows: bool) -> int:
        """How many numbers so many slots have."""
        return slots * self.n if rows else slots

    def blocks(self, pairs: Sequence[tuple[list[int], Array]]) -> list[Block]:
        """Columns of a table, and arrays."""
        return [(columns(places), self.array(x)) for places, x in pairs]

    def memory(self, i: int, buffer: Buffer) -> Floats:
        """The numbers of a buffer in one axis."""
        if i in self.plan.storage.of:
            return self.memories[self.plan.storage.of[i]]
        made = np.full(self.width(buffer.slots, buffer.rows), float(buffer.ones))
        if buffer.data is not None:  # numbers, which have no rows
            made[: len(buffer.data)] = buffer.data
        return made

    def array(self, x: Array) -> Floats:
        """The array of a place."""
        shape = [self.width(dim.size, dim.rows) for dim in x.dims]
        strides = [8 * self.width(dim.step, dim.wide) for dim in x.dims]
        start = self.width(x.base, self.plan.buffers[x.buffer].rows)
        return as_strided(self.flat[x.buffer][start:], shape, strides)

    # -------------------------------------------------------------------------------------------------- calls
    def functions(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        """Two functions of no arguments: the values, and the adjoints."""
        known, steps, turn = dict[str, Any](), self.plan.steps, self.plan.turn
        lines = [
            *self.lines("forward", steps[:turn], known),
            *self.lines("backward", steps[turn:], known),
            "return forward, backward",
        ]
        return define("program", [], "\n".join(lines), known, {})()

    def lines(
        self, name: str, steps: Sequence[Step], known: dict[str, Any]
    ) -> Iterator[str]:
        """The steps as the text of a function; its functions and arrays become known names."""
        yield f"def {name}():"
        yield "    pass"
        for call in chain.from_iterable(map(self.calls, steps)):
            yield f"    {text_of(call, known)}"

    def calls(self, step: Step) -> Iterator[Call]:
        """The calls of a step."""
        args = [self.operand(x) for x in step.args]
        return SPECIAL.get(step.word, by_word)(step, self.array(step.out), *args)

    def operand(self, x: Operand) -> Floats:
        return self.array(x) if isinstance(x, Array) else np.array(x)

    # --------------------------------------------------------------------------------------------------- runs
    def write(self, seeds: Floats) -> None:
        self.given[:] = seeds.T if self.varying else seeds.sum(axis=0)[:, None]

    def give_back(self, back: Floats) -> None:
        """The gradients by the inputs; what several arrays have read is added up."""
        back[:] = 0.0
        for places, adjoints in self.adjoints:
            if isinstance(places, slice):
                back.T[places] += adjoints
            else:
                np.add.at(back.T, places, adjoints)


def text_of(call: Call, known: dict[str, Any]) -> str:
    """A call as text; what it names becomes known."""
    function, args, by_name = call
    names = list[str]()
    for x in (function, *args):
        kind: str = getattr(x, "__name__", "a")
        names.append(f"{kind}_{id(x)}")
        known[names[-1]] = x
    if by_name:
        names[-1] = f"out={names[-1]}"
    return f"{names[0]}({', '.join(names[1:])})"


# -------------------------------------------------------------------------------------------------- by words
def by_word(step: Step, out: Floats, *args: Floats) -> Iterator[Call]:
    """Number by number, by the table of words."""
    function = function_of(step.word)
    yield function, (*args, out), not isinstance(function, np.ufunc)


def maximum(step: Step, out: Floats, x: Floats, y: Floats) -> Iterator[Call]:
    """With 0.0 it is 0.0 of -0.0."""
    if repr(step.args[1]) != "0.0":
        yield from by_word(step, out, x, y)
        return
    yield np.maximum, (x, y, out), True
    yield np.add, (out, y, out), False


def power(step: Step, out: Floats, x: Floats, y: Floats) -> Iterator[Call]:
    """NumPy takes the square root for an exponent of 0.5 alone."""
    if not isinstance(step.args[1], float) or step.args[1] == 0.5:
        yield from by_word(step, out, x, y)
        return
    yield np.power, (x, y, out), False


def masked(
    step: Step, out: Floats, mask: Floats, x: Floats, y: Floats
) -> Iterator[Call]:
    """One of two numbers, where it is known which."""
    yield COPY, (out, y), False
    yield COPY, (out, x, "same_kind", mask != 0), False


def dot(step: Step, out: Floats, x: Floats, y: Floats) -> Iterator[Call]:
    yield DOT if out.flags.c_contiguous else np.matmul, (x, y, out), False


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
    yield TAKE, (x, np.array(step.data), 0, out, "clip"), False


def scatter(step: Step, out: Floats, x: Floats) -> Iterator[Call]:
    yield np.add.at, (out, np.array(step.data), x), False


def zero(step: Step, out: Floats) -> Iterator[Call]:
    yield out.__setitem__, (np.array(step.data), 0.0), False


def total(step: Step, out: Floats, x: Floats) -> Iterator[Call]:
    yield np.add.reduce, (x, -1, None, out), False


def greatest(step: Step, out: Floats, x: Floats) -> Iterator[Call]:
    yield np.maximum.reduce, (x, -1, None, out), False


SPECIAL: dict[str, Callable[..., Iterator[Call]]] = {
    "maximum": maximum,
    "power": power,
    "masked": masked,
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
