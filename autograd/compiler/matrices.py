"""Sums of products as products of matrices, or of a stack of them, where the axes stand so; else by indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .building import Builder
from .places import ROWS, Array, Dim, View
from .tensors import Axes, Tensor


class Axis(NamedTuple):
    """The axes of a product by what has them."""

    both: list[int]  # of x, of y and of the result: a stack of matrices
    left: list[int]  # of x and the result
    right: list[int]  # of y and the result
    over: list[int]  # of x and y


def axes_of(x: View) -> list[int]:
    """The axes along which there is more than one number, those with the largest steps first."""
    return [*x.order, *[ROWS] * x.rows]


def product_of(b: Builder, z: Tensor) -> View:
    """The steps of a contraction."""
    x, y = (b.views[a] for a in z.args)
    axes = sorted_axes(z, x, y)
    if axes.both:
        return stack_of(b, z, x, y, axes)
    if ROWS in axes.left or wants_left(b, z, axes):
        x, y = y, x
        axes = axes._replace(left=axes.right, right=axes.left)
    return matrix_of(b, z, x, y, axes)


def wants_left(b: Builder, z: Tensor, axes: Axis) -> bool:
    """Whether the axes of y stand before those of x, where the result goes or what it meets is."""
    if ROWS not in axes.right and axes.left and axes.right:
        order = b.finals[z].order if z in b.finals else b.wished(z)
        if order:
            return order.index(axes.right[0]) < order.index(axes.left[0])
    first = b.code.ones.get(z)
    return first is not None and first in axes.right and ROWS not in axes.right


def sorted_axes(z: Tensor, x: View, y: View) -> Axis:
    """Which axes have which part in a product."""
    over = {*z.data[0], *[ROWS] * z.data[1]}
    of_x, of_y = axes_of(x), axes_of(y)
    # a stack's matrices should stand one behind the other in the operand that is larger
    both = [i for i in of_x if i in of_y]
    return Axis(
        [i for i in both if i not in over],
        [i for i in of_x if i not in of_y],
        [i for i in of_y if i not in of_x],
        [i for i in both if i in over],
    )


def matrix_of(b: Builder, z: Tensor, x: View, y: View, axes: Axis) -> View:
    """One product of two matrices, or of a matrix and a vector, or of vectors."""
    out = room(b, z, (*axes.left, *axes.right))
    left, right = (
        [i for i in out_order(out) if i in part] for part in (axes.left, axes.right)
    )
    over = common_order(x, y, axes.over)
    first = operand(b, x, left, over, first=True)
    second = operand(b, y, over, right, first=False)
    target = grouped(out, left, right)
    if target is None:
        made = b.copied_room(out, (*left, *right))
        target = grouped(made, left, right)
        assert target is not None
        b.step("dot", target, first, second)
        b.each("copy", out, made)
        return out
    b.step("dot", target, first, second)
    return out


def room(b: Builder, z: Tensor, order: Sequence[int]) -> View:
    """Where a product goes, its axes in this order."""
    axes = [i for i in order if i != ROWS]
    return b.new(z, [*axes, *[i for i in range(len(z.shape)) if i not in axes]])


def out_order(out: View) -> list[int]:
    return [*out.order, *[ROWS] * out.rows]


def common_order(x: View, y: View, over: Sequence[int]) -> list[int]:
    """The order of the axes over which a product sums: one in which neither needs a copy, if there is one."""
    for view in (x, y):
        order = [i for i in axes_of(view) if i in over]
        if x.group(order) and y.group(order):
            return order
    return [i for i in axes_of(x) if i in over]


def grouped(view: View, *groups: Sequence[int]) -> Array | None:
    """An axis for each group that has any."""
    return view.matrix(*[g for g in groups if g])


def operand(
    b: Builder,
    view: View,
    before: Sequence[int],
    behind: Sequence[int],
    *,
    first: bool,
) -> Array:
    """A matrix whose rows or columns are neighbours, copied where it has none."""
    array = grouped(view, before, behind)
    if array is not None and fast(array.dims):
        return array
    order = [i for i in (*before, *behind) if i != ROWS]
    if ROWS in before and behind:  # rows stand last in every buffer
        order = [
            *[i for i in behind if i != ROWS],
            *[i for i in before if i != ROWS],
        ]
    made = b.copied(view, order)
    array = grouped(made, before, behind)
    return array if array is not None else by_rows(b, view, before, behind)


def by_rows(
    b: Builder, view: View, before: Sequence[int], behind: Sequence[int]
) -> Array:
    raise NotImplementedError(f"no matrix of {view} by {before} and {behind}")


def fast(dims: Sequence[Dim]) -> bool:
    """Whether a library for matrices takes it as it is: numbers of an axis are neighbours, and none repeat."""
    if any(dim.step == 0 for dim in dims if dim.size > 1 or dim.rows):
        return False
    return (
        len(dims) < 2
        or any(dim.step == 1 and not dim.wide for dim in dims)
        or any(dim.size == 1 and not dim.rows for dim in dims)
    )


def stack_of(b: Builder, z: Tensor, x: View, y: View, axes: Axis) -> View:
    """A stack of products of matrices; by indices if the rows are stacked."""
    if ROWS in axes.both:
        return by_indices(b, z, x, y)
    if not axes.left and not axes.right:
        return stack_of_vectors(b, z, x, y, axes)
    if not (axes.left and axes.right):
        return by_indices(b, z, x, y)
    if ROWS in axes.left:
        x, y, axes = y, x, axes._replace(left=axes.right, right=axes.left)
    out = b.new(z)
    left, right = (
        [i for i in out_order(out) if i in part] for part in (axes.left, axes.right)
    )
    both = [[i] for i in axes.both]
    over = common_order(x, y, axes.over)
    first, second = x.matrix(*both, left, over), y.matrix(*both, over, right)
    target = out.matrix(*both, left, right)
    if first is None or second is None or target is None:
        return by_indices(b, z, x, y, out)
    b.step("matmul", target, first, second)
    return out


def stack_of_vectors(b: Builder, z: Tensor, x: View, y: View, axes: Axis) -> View:
    """A sum of products for each of what a stack has."""
    over = common_order(x, y, axes.over)
    both = [[i] for i in axes.both]
    first, second = x.matrix(*both, over), y.matrix(*both, over)
    if first is None or second is None:
        return by_indices(b, z, x, y)
    out = room(b, z, axes.both)
    target = out.matrix(*both)
    assert target is not None
    b.step("vecdot", target, first, second)
    return out


def by_indices(
    b: Builder, z: Tensor, x: View, y: View, out: View | None = None
) -> View:
    """Any other sum of products."""
    out = out or b.new(z, x.order if x.shape == z.shape else ())
    letters = {i: chr(ord("a") + i) for i in range(len(z.shape))} | {ROWS: "n"}
    axes = [axes_of(v) for v in (x, y)]
    kept = out_order(out)
    target, first, second = (
        v.matrix(*[(i,) for i in order])
        for v, order in zip((out, x, y), (kept, *axes), strict=True)
    )
    assert target and first and second
    words = ["".join(letters[i] for i in order) for order in (*axes, kept)]
    b.step(
        "einsum", target, first, second, data=f"{words[0]},{words[1]}->{words[2]}"
    )
    return out


def total_of(b: Builder, z: Tensor, over: Axes) -> View | None:
    """A sum as a product with ones; None where that is no product of matrices."""
    view = b.views[z.args[0]]
    axes = axes_of(view)
    summed = [i for i in axes if i in over]
    kept = [i for i in axes if i not in over]
    array = grouped(view, kept, summed)
    if array is None or not fast(array.dims):
        return None
    out = room(b, z, kept)
    target = grouped(out, kept)
    dim = array.dims[-1]
    ones = Array(b.buffer(dim.size, dim.rows, "const", ones=True), 0, (units(dim),))
    if target is None:
        return None
    b.step("dot", target, array, ones)
    return out


def units(dim: Dim) -> Dim:
    """An axis of neighbours, as long as another."""
    return Dim(dim.size, 1, rows=dim.rows)
