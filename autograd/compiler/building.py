"""Steps and buffers for Tensors: what every part of a plan is made with."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from .places import ONE, ROWS, Array, Dim, View, in_order, long, simplest
from .primitives import Primitives
from .steps import Buffer, Operand, Plan, Step
from .tensors import Axes, Tensor


class Builder:
    """A plan while it is made."""

    def __init__(self, code: Primitives, parameters: int) -> None:
        self.code, self.plan = code, Plan(parameters)
        self.views = dict[Tensor, View]()
        self.readers = dict[Tensor, list[Tensor]]()
        for z in code.order:
            for x in z.args:
                self.readers.setdefault(x, []).append(z)
        self.finals = dict[
            Tensor, View
        ]()  # what is computed where it stands in the gradient

    def buffer(
        self,
        slots: int,
        rows: bool,
        kind: str = "work",
        data: Any = None,
        *,
        ones: bool = False,
    ) -> int:
        self.plan.buffers.append(Buffer(slots, rows, kind, data, ones))
        return len(self.plan.buffers) - 1

    def new(self, x: Tensor, order: Sequence[int] = ()) -> View:
        """Room for a Tensor, its axes in this order; in the gradient, if it is one."""
        if x in self.finals:
            return self.finals[x]
        slots, strides = self.layout(x, order)
        buffer = self.buffer(slots, x.rows, ones=x in self.code.ones)
        return View(buffer, 0, x.shape, strides, x.rows)

    def layout(self, x: Tensor, order: Sequence[int] = ()) -> tuple[int, Axes]:
        """How many slots, and strides; the axis behind which a 1 stands is the first."""
        first = self.code.ones.get(x)
        if first is None:
            return x.size, in_order(x.shape, order)
        axes = (first, *[i for i in order if i != first])
        return x.size + x.size // x.shape[first], in_order(x.shape, axes)

    def first_meeting(self, z: Tensor) -> Tensor:
        """The same numbers in the axes in which another array is met."""
        readers = self.readers.get(z, [])
        while readers and readers[0].word == "expand":
            z = readers[0]
            readers = self.readers.get(z, [])
        return z

    def wished(self, z: Tensor) -> list[int]:
        """The order of the long axes in what a Tensor meets first, or none."""
        moved = self.first_meeting(z)
        readers = self.readers.get(moved, [])
        for x in [
            x for reader in readers for x in reader.args if reader.shape == x.shape
        ]:
            view = self.views.get(x)
            if view and moved.shape == x.shape and not view.repeats:
                places = dict(zip(long(x.shape), long(z.shape), strict=True))
                return [places[i] for i in view.order]
        return []

    def step(self, word: str, out: Array, *args: Operand, data: Any = None) -> None:
        self.plan.steps.append(Step(word, out, args, data))

    def whole(self, x: View) -> Array:
        """An array with all axes, the rows last."""
        dims = [x.dim(i) for i in range(len(x.shape))]
        return Array(x.buffer, x.base, (*dims, *[x.dim(ROWS)] * x.rows))

    def each(
        self, word: str, out: View, *args: View | float, data: Any = None
    ) -> None:
        """A step number by number, in as few axes as possible."""
        views = [x for x in (out, *args) if isinstance(x, View)]
        axes = [*out.order, *[ROWS] * out.rows]
        dims = simplest([[repeated(x, i) for i in axes] for x in views])
        arrays = iter(
            [
                Array(x.buffer, x.base, tuple(d))
                for x, d in zip(views, dims, strict=True)
            ]
        )
        target = next(arrays)
        operands = [next(arrays) if isinstance(x, View) else x for x in args]
        self.step(word, target, *operands, data=data)

    def copied_room(self, x: View, order: Sequence[int]) -> View:
        """Room for the same numbers as neighbours, the axes in this order."""
        strides = in_order(x.shape, [i for i in order if i != ROWS])
        buffer = self.buffer(prod(x.shape), x.rows)
        return View(buffer, 0, x.shape, strides, x.rows)

    def copied(self, x: View, order: Sequence[int] = ()) -> View:
        """The same numbers as neighbours, the axes in this order."""
        made = self.copied_room(x, order)
        self.each("copy", made, x)
        return made

    def flat(self, x: View) -> Array:
        """All numbers in one axis, before that of the rows."""
        array = x.matrix(tuple(range(len(x.shape))), *[(ROWS,)] * x.rows)
        assert array is not None
        return array


def repeated(x: View, axis: int) -> Dim:
    """An axis, of one where it is repeated."""
    dim = x.dim(axis)
    return dim if dim.step else ONE
