"""Sums of products as products of matrices, or of a stack of them, where the axes stand so; else by indices."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from .building import Builder
from .places import ROWS, Array, Dim, View, singles
from .tensors import Axes, Tensor


class Parts(NamedTuple):
    """The axes of a product by what has them."""

    both: list[int]  # of x, of y and of the result: a stack of matrices
    left: list[int]  # of x and the result
    right: list[int]  # of y and the result
    over: list[int]  # of x and y

    def turned(self) -> Parts:
        """Those of y·x."""
        return self._replace(left=self.right, right=self.left)


def among(axes: Sequence[int], some: Container[int]) -> list[int]:
    """Those of the axes that are some of these."""
    return [i for i in axes if i in some]


def but(axes: Sequence[int], some: Container[int]) -> list[int]:
    """Those of the axes that are none of these."""
    return [i for i in axes if i not in some]


def product_of(b: Builder, z: Tensor) -> View:
    """The steps of a contraction."""
    x, y = (b.views[a] for a in z.args)
    parts = parts_of(z, x, y)
    if parts.both:
        return stack_of(b, z, x, y, parts)
    if ROWS in parts.left or is_turned(b, z, parts):
        return matrix_of(b, z, y, x, parts.turned())
    return matrix_of(b, z, x, y, parts)


def is_turned(b: Builder, z: Tensor, parts: Parts) -> bool:
    """Whether the axes of y stand before those of x, where the result goes or in what it meets."""
    if ROWS in parts.right or not parts.left or not parts.right:
        return False
    order = b.finals[z].order if z in b.finals else b.wished(z)
    if order:
        return order.index(parts.right[0]) < order.index(parts.left[0])
    return b.code.ones.get(z) in parts.right


def parts_of(z: Tensor, x: View, y: View) -> Parts:
    """Which axes have which part in a product."""
    over = {*z.data[0], *[ROWS] * z.data[1]}
    both = among(x.axes, y.axes)
    left, right = but(x.axes, y.axes), but(y.axes, x.axes)
    return Parts(but(both, over), left, right, among(both, over))


def matrix_of(b: Builder, z: Tensor, x: View, y: View, parts: Parts) -> View:
    """One product of two matrices, or of a matrix and a vector, or of vectors."""
    out = room(b, z, (*parts.left, *parts.right))
    left, right = among(out.axes, parts.left), among(out.axes, parts.right)
    over = common_order(x, y, parts.over)
    first, second = operand(b, x, left, over), operand(b, y, over, right)
    target = grouped(out, left, right)
    if target is not None:
        b.step("dot", target, first, second)
        return out
    made = b.copied_room(out, (*left, *right))
    target = grouped(made, left, right)
    assert target is not None
    b.step("dot", target, first, second)
    b.each("copy", out, made)
    return out


def room(b: Builder, z: Tensor, order: Sequence[int]) -> View:
    """Where a product goes, its axes in this order."""
    axes = but(order, (ROWS,))
    return b.new(z, [*axes, *but(range(len(z.shape)), axes)])


def common_order(x: View, y: View, over: Sequence[int]) -> list[int]:
    """The order of the axes over which a product sums: one in which neither needs a copy, if there is one."""
    orders = among(x.axes, over), among(y.axes, over)
    fitting = (order for order in orders if x.group(order) and y.group(order))
    return next(fitting, orders[0])


def grouped(view: View, *groups: Sequence[int]) -> Array | None:
    """An axis for each group that has any."""
    return view.matrix(*filter(None, groups))


def operand(
    b: Builder, view: View, before: Sequence[int], behind: Sequence[int]
) -> Array:
    """A matrix whose rows or columns are neighbours, copied where it has none."""
    array = grouped(view, before, behind)
    if array is not None and is_fast(array.dims):
        return array
    groups = (before, behind)
    if ROWS in before and behind:  # the rows of a table stand last in every buffer
        groups = (behind, before)
    made = b.copied(view, but((*groups[0], *groups[1]), (ROWS,)))
    array = grouped(made, before, behind)
    if array is None:
        raise NotImplementedError(f"no matrix of {view} by {before} and {behind}")
    return array


def is_fast(dims: Sequence[Dim]) -> bool:
    """Whether a library for matrices takes it as it is: numbers of an axis are neighbours, and none repeat."""
    long = [dim for dim in dims if dim.size > 1 or dim.rows]
    if not all(dim.step for dim in long):
        return False
    near = [dim for dim in long if dim.step == 1 and not dim.wide]
    return len(long) < 2 or bool(near)


def stack_of(b: Builder, z: Tensor, x: View, y: View, parts: Parts) -> View:
    """A stack of products of matrices; by indices if the rows are stacked."""
    if ROWS in parts.both or bool(parts.left) != bool(parts.right):
        return by_indices(b, z, x, y)
    if ROWS in parts.left:
        x, y, parts = y, x, parts.turned()
    out = b.new(z) if parts.left else room(b, z, parts.both)
    left, right = among(out.axes, parts.left), among(out.axes, parts.right)
    both, over = singles(parts.both), common_order(x, y, parts.over)
    first = x.matrix(*both, *[left] * bool(left), over)
    second = y.matrix(*both, over, *[right] * bool(right))
    target = out.matrix(*both, *[left] * bool(left), *[right] * bool(right))
    if first is None or second is None or target is None:
        return by_indices(b, z, x, y, out)
    b.step("matmul" if left else "vecdot", target, first, second)
    return out


def by_indices(
    b: Builder, z: Tensor, x: View, y: View, out: View | None = None
) -> View:
    """Any other sum of products."""
    out = out or b.new(z, x.order if x.shape == z.shape else ())
    arrays = out.strided(), x.strided(), y.strided()
    words = [letters(v.axes) for v in (x, y, out)]
    b.step("einsum", *arrays, data=f"{words[0]},{words[1]}->{words[2]}")
    return out


def letters(axes: Sequence[int]) -> str:
    """An axis for each index; n are the rows."""
    return "".join("n" if i == ROWS else "abcdefghijklm"[i] for i in axes)


def total_of(b: Builder, z: Tensor, over: Axes) -> View | None:
    """A sum as a product with ones; None where that is no product of matrices."""
    view = b.views[z.args[0]]
    kept = but(view.axes, over)
    array = grouped(view, kept, among(view.axes, over))
    if array is None or not is_fast(array.dims):
        return None
    out = room(b, z, kept)
    target = grouped(out, kept)
    if target is None:
        return None
    size, rows = array.dims[-1].size, array.dims[-1].rows
    ones = b.buffer(size, rows, "const", ones=True)
    b.step("dot", target, array, Array(ones, 0, (Dim(size, 1, rows=rows),)))
    return out
