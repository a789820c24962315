"""A slot for every number, chosen so that what a group reads is a strided view of a buffer.

Uniform and varying numbers have slots in two flat buffers.  A group reads arrays of slots: where these are
affine in their coordinates, and every slot stands there once or along a whole axis, they are views; what is
not is gathered first.  Every block of slots lies between two rows of ones, so that a bias is a weight more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, product
from math import prod
from os.path import commonprefix
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..terms import Tree
from ..value import Op
from .arrays import BUFFERS, Array, Expr, Ref, Slots, grid, steps
from .lowering import CONSTANT, ONE, VARYING, Node, Row
from .rowwise import usable

MOST = 8  # so many nodes are computed one by one rather than gathered


class Block(NamedTuple):
    """Neighbouring slots, between two rows of ones: what one group computes, or leaves."""

    name: str
    ref: Ref
    slots: range


class Elementwise(NamedTuple):
    """A formula computed for a whole block, and the partials towards its operands."""

    block: Block
    formula: Tree
    operands: dict[str, Expr]
    partials: dict[str, Tree]


class Contraction(NamedTuple):
    """Sums of products: out[b, i, j] = Σ left[b, i, k]·right[b, k, j] over k."""

    block: Block
    shape: tuple[int, ...]
    left: Ref
    right: Ref


class Gather(NamedTuple):
    """A copy of numbers that no view can take."""

    block: Block
    slots: Slots


Step: TypeAlias = Elementwise | Contraction | Gather


def strides(slots: Slots) -> tuple[int, ...] | None:
    """The step along every axis, if the slots are affine in their coordinates."""
    base, found = int(slots.flat[0]), list[int]()
    for axis, n in enumerate(slots.shape):
        found.append(
            int(slots[tuple([int(i == axis) for i in range(slots.ndim)])]) - base
            if n > 1
            else 0
        )
    same = np.array_equal(grid(base, tuple(found), slots.shape), slots)
    return tuple(found) if same else None


def fold(slots: Slots) -> tuple[int, ...]:
    """A shape of up to three axes under which a row of slots is affine; the plain one if there is none."""
    jumps = np.diff(slots)
    breaks = np.flatnonzero(jumps != jumps[:1])
    n = int(breaks[0]) + 1 if len(breaks) else len(slots)
    if n == len(slots) or len(slots) % n:
        return slots.shape
    shape = (*fold(slots[::n]), n)
    return (
        shape
        if len(shape) < 4 and strides(slots.reshape(shape)) is not None
        else slots.shape
    )


def families(pairs: Iterable[tuple[Row, Row]]) -> list[tuple[list[Row], list[Row]]]:
    """Left and right rows of which every pair is there; rights with the same lefts stand together."""
    partners: dict[Row, list[Row]] = defaultdict(list)
    for left, right in pairs:
        partners[right].append(left)
    found: dict[Any, list[Row]] = defaultdict(list)
    for right, lefts in partners.items():
        found[frozenset(lefts)].append(right)
    return [(partners[rights[0]], rights) for rights in found.values()]


def is_view(slots: Slots) -> bool:
    return strides(slots.reshape(fold(slots))) is not None


def column(nodes: Sequence[Node], i: int) -> Slots:
    return np.array([v.args[i].slot for v in nodes])


def array_of(nodes: Sequence[Node], i: int) -> NDArray[Any]:
    """The operands i."""
    return np.array([v.args[i] for v in nodes], object)


def in_order(
    nodes: Sequence[Node], operands: Sequence[int]
) -> tuple[int, list[Node]]:
    """The nodes in the order of the slots of one operand, if possible of one that is a view then; and which."""
    orders = [
        (i, sorted(nodes, key=lambda v, i=i: v.args[i].slot)) for i in operands
    ]
    return max(orders, key=lambda order: is_view(column(order[1], order[0])))


def by_slot(row: Row) -> list[int]:
    return [v.slot for v in row]


class Layout:
    """The slots of all nodes, given group by group, and the groups as steps."""

    def __init__(
        self,
        parameters: Sequence[Node],
        inputs: Sequence[Node],
        roots: Sequence[Node],
    ) -> None:
        for i, v in enumerate(parameters):
            v.slot = i
        n = len(parameters)
        self.places, self.roots = {v: i for i, v in enumerate(inputs)}, roots
        self.theta = Block("theta", Ref("values", 0, (n,), (1,), False), range(n))
        self.blocks: dict[str, list[Block]] = {"values": [self.theta], "rows": []}
        self.free, self.ones = (
            {"values": n + 1, "rows": 1},
            {"values": {n}, "rows": {0}},
        )
        self.tables: list[
            tuple[Block, list[int]]
        ] = []  # blocks of inputs, and their places in a row
        self.numbers: dict[
            Any, tuple[Ref, Array]
        ] = {}  # constants, and where they stand
        self.gathers: dict[Any, Ref] = {}
        self.counts = Counter[str]()
        self.steps: list[Step] = []

    def block(self, kind: int, name: str, shape: tuple[int, ...]) -> Block:
        """A new block."""
        buffer, row = BUFFERS[kind == VARYING], shape[-1] if len(shape) > 1 else 1
        self.counts[name] += 1
        start = self.free[buffer] + row
        slots = range(start, start + prod(shape))
        self.free[buffer] = slots.stop + row
        self.ones[buffer].update(
            range(start - row, start), range(slots.stop, slots.stop + row)
        )
        ref = Ref(buffer, start, shape, steps(shape), kind == VARYING)
        self.blocks[buffer].append(Block(f"{name}{self.counts[name]}", ref, slots))
        return self.blocks[buffer][-1]

    def place(
        self, nodes: Sequence[Node], name: str, shape: tuple[int, ...]
    ) -> Block:
        """A new block for the nodes, in this order."""
        stem = commonprefix([v.name for v in nodes]).rstrip("_0123456789")  # noqa: RUF071
        block = self.block(nodes[0].kind, stem if usable(stem) else name, shape)
        for v, slot in zip(nodes, block.slots, strict=True):
            v.slot = slot
        return block

    def place_inputs(self, nodes: Iterable[Node], row: int = 1) -> None:
        """Inputs get their slots from their first reader."""
        new = [v for v in dict.fromkeys(nodes) if v.slot < 0 and v in self.places]
        if new:
            matrix = row > 1 and len(new) % row == 0
            block = self.place(
                new, "x", (len(new) // row, row) if matrix else (len(new),)
            )
            self.tables.append((block, [self.places[v] for v in new]))

    def constants(self, numbers: Array) -> Ref:
        """Constants, in a block of their own."""
        key = numbers.shape, numbers.tobytes()
        if key not in self.numbers:
            self.numbers[key] = (
                self.block(CONSTANT, "c", numbers.shape).ref,
                numbers,
            )
        return self.numbers[key][0]

    def block_at(self, buffer: str, slot: int) -> Block:
        """The block that a slot, or a one behind it, belongs to."""
        blocks = self.blocks[buffer]
        return blocks[
            max(
                bisect_right(blocks, slot, key=lambda block: block.slots.start) - 1,
                0,
            )
        ]

    def at(self, v: Node) -> Ref:
        """Where one node is."""
        return Ref(
            BUFFERS[v.kind == VARYING], v.slot, (1,), (0,), v.kind == VARYING
        )

    def operand(self, nodes: NDArray[Any]) -> Ref:
        """An array of nodes as it is read."""
        flat: list[Node] = nodes.ravel().tolist()
        kind = max([v.kind for v in flat])
        if kind == CONSTANT:
            return self.constants(
                np.array([v.number for v in flat]).reshape(nodes.shape)
            )
        self.place_inputs(flat)
        for v in flat:
            if v.slot < 0 and v is not ONE:
                v.slot = self.constants(np.array([v.number])).base
        return self.readable(
            kind, np.array(by_slot(tuple(flat))).reshape(nodes.shape)
        )

    def readable(self, kind: int, slots: Slots) -> Ref:
        """The slots, if that is a view to which gradients can be sent; otherwise those of a copy."""
        if (slots < 0).any():
            slots = self.with_ones(BUFFERS[kind == VARYING], slots)
        step = strides(slots)
        if step is not None:
            found = Ref(
                BUFFERS[kind == VARYING],
                int(slots.flat[0]),
                slots.shape,
                step,
                kind == VARYING,
            )
            once = found.once().slots
            if len(np.unique(once)) == once.size:
                return found
        key = kind, slots.shape, slots.tobytes()
        if key not in self.gathers:
            block = self.block(kind, "g", slots.shape)
            self.steps.append(Gather(block, slots))
            self.gathers[key] = block.ref
        return self.gathers[key]

    def with_ones(self, buffer: str, slots: Slots) -> Slots:
        """Slots with -1 for ones: those before or behind a block where that makes a view of them."""
        for part, first in ((slots[:, :-1], 0), (slots[:, 1:], 1)):
            step = strides(part) if part.size and (part >= 0).all() else None
            if step is not None:
                row = step[1] if part.shape[1] > 1 else part.shape[2]
                found = grid(
                    int(part.flat[0]) - first * row,
                    (step[0], row, step[2]),
                    slots.shape,
                )
                new = found[found != slots]
                if new.size == (slots < 0).sum() and self.ones[buffer].issuperset(
                    new.tolist()
                ):
                    return found
        return np.where(slots < 0, min(self.ones[buffer]), slots)

    def add_op(self, nodes: list[Node]) -> None:
        """An op of the table, in the order of an operand's slots, if possible of one that is then a view."""
        first = nodes[0]
        leading = [i for i, x in enumerate(first.args) if x.kind == first.kind]
        self.place_inputs(v.args[i] for i in leading for v in nodes)
        i, nodes = in_order(nodes, leading)
        columns = [
            column(nodes, i) for i, x in enumerate(first.args) if x.kind != CONSTANT
        ]
        shape = self.shape_of(nodes, i, columns)
        if 1 < len(nodes) <= MOST and None in [
            strides(slots.reshape(shape)) for slots in columns
        ]:
            for v in nodes:
                self.add_op([v])
        else:
            self.add_elementwise(nodes, shape)

    def shape_of(
        self, nodes: Sequence[Node], i: int, columns: Sequence[Slots]
    ) -> tuple[int, ...]:
        """The shape under which the operands are views; that of the block before, where one axis is enough."""
        shape = max(map(fold, columns), key=len)
        buffer = BUFFERS[nodes[0].kind == VARYING]
        above = self.block_at(buffer, nodes[0].args[i].slot).ref.shape
        return above if len(shape) == 1 and prod(above) == len(nodes) else shape

    def add_elementwise(
        self, nodes: Sequence[Node], shape: tuple[int, ...]
    ) -> None:
        """The op of the nodes as one step."""
        first: Any = nodes[0]
        op: Op = first.op
        reads = [array_of(nodes, i).reshape(shape) for i in range(len(first.args))]
        operands = {
            x: self.number(read) for x, read in zip(op.operands, reads, strict=True)
        }
        form = op.form(*[x.kind != CONSTANT for x in first.args])
        trees = zip(form.inner, form.partials, strict=True)
        partials = {
            op.operands[i]: tree for i, tree in trees if i or not op.selects
        }
        block = self.place(nodes, op.name, shape)
        self.steps.append(Elementwise(block, op.tree, operands, partials))

    def number(self, nodes: NDArray[Any]) -> Expr:
        """An operand of an op: equal constants as the number."""
        first = nodes.flat[0]
        # -0.0 is not 0.0.
        equal = (
            first.kind == CONSTANT
            and len({repr(v.number) for v in nodes.flat}) == 1
        )
        return first.number if equal else self.operand(nodes)

    def add_products(self, nodes: list[Node]) -> None:
        """Matrix products, where the nodes are all pairs of some rows: as many at once as are alike."""
        rows: dict[Node, Any] = {
            v: tuple(zip(*v.pairs or (), strict=True)) for v in nodes
        }
        at = {pair: v for v, pair in rows.items()}
        alike: dict[Any, list[Any]] = defaultdict(list)
        for lefts, rights in families(at):
            alike[len(lefts), len(rights)].append((lefts, rights))
        for found in alike.values():
            self.contract(found, at)
        for v, pair in rows.items():
            v.slot = at[pair].slot

    def contract(self, found: list[Any], at: dict[Any, Node]) -> None:
        """Matrix products of left rows and right rows."""
        self.place_operands(found)
        blocks = in_slots(found)
        left, right = (
            np.array([sides[i] for sides in blocks], dtype=object) for i in (0, 1)
        )
        order = np.argsort(by_slot(tuple(left[0, 0])), kind="stable")
        nodes = [
            at[pair] for lefts, rights in blocks for pair in product(lefts, rights)
        ]
        x = self.operand(left[..., order])
        y = self.operand(right[..., order].swapaxes(1, 2))
        shape = len(blocks), left.shape[1], right.shape[1]
        block = self.place(nodes, "z", tuple([n for n in shape if n > 1]) or (1,))
        self.steps.append(Contraction(block, shape, x, y))

    def place_operands(self, found: Sequence[Any]) -> None:
        """Slots for inputs that are read here first: columns of a matrix, where every one is read once."""
        rights = [*chain(*[rights for _, rights in found])]
        columns = [*chain(*zip(*rights, strict=True))]
        if len(set(columns)) == len(columns):
            self.place_inputs(columns, len(rights))
        else:
            self.place_inputs(chain(*rights))
        self.place_inputs(chain(*[row for lefts, _ in found for row in lefts]))


def in_slots(found: Sequence[Any]) -> list[Any]:
    """The rows in the order of their slots, and the blocks in that of their first rows."""
    blocks = [tuple(sorted(side, key=by_slot) for side in sides) for sides in found]
    return sorted(blocks, key=lambda sides: by_slot(sides[0][0]))
