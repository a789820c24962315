"""From a graph to groups of equal operations, each laid out so that the next one reads it in strides.

    flatten    the graph as nodes: constants folded, what is written twice computed once
    absorb     chains of + over single-use × become sums of products
    group      nodes of equal (level, op, kinds of operands), operands before results
    Layout     a slot for every node; sums of products over a grid of rows become matrix products

A number is constant, uniform (the same for every row of the table) or varying.  Uniform and varying numbers
have slots in two flat buffers, and what a group reads is an array of slots.  Where that is affine in its
coordinates, it is a strided view of the buffer.
"""

from __future__ import annotations

import gc
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain, pairwise, takewhile
from keyword import iskeyword
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .arrays import arithmetic
from .ops import add, mul
from .value import Form, Op, Value, postorder

CONSTANT, UNIFORM, VARYING = range(3)
LEFT = (1, 0, 2)  # by kind, which factor of a product stands on the left: weights before data
FEW = 3  # so few products that nothing shares are computed one by one
Slots: TypeAlias = NDArray[np.intp]
Row: TypeAlias = "tuple[Node, ...]"


@contextmanager
def no_collecting() -> Generator[None]:
    """A block without the garbage collector, which would look through all that is made, again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Node:
    """A number of the graph; a sum of products has ``products`` and single ``terms`` in place of args."""

    number, name, level, slot = 0.0, "", 0, -1
    products: list[tuple[Node, Node]] | None = None
    terms: Sequence[Node] = ()

    def __init__(self, kind: int, op: Op | None = None, args: Row = ()) -> None:
        self.kind, self.op, self.args = kind, op, args

    def operands(self) -> Sequence[Node]:
        """What it reads."""
        return self.args if self.products is None else [*chain(*self.products), *self.terms]


ONE = Node(CONSTANT)
ONE.number = 1.0


def flatten(order: Iterable[Any], leaves: dict[Value, Node]) -> dict[Value, Node]:
    """The Values in order as nodes; ``leaves`` are the parameters' and the inputs'."""
    place, known = dict(leaves), dict[Any, Node]()

    def constant(x: float) -> Node:
        node = known.setdefault(repr(x), Node(CONSTANT))
        node.number = x
        return node

    for v in order:
        if v in place:
            continue
        if v.form is None:
            place[v] = constant(v.data)
            continue
        operands = (v._x, v._y, v._w)[: len(v.form.op.operands)]
        args = tuple([constant(x) if x.__class__ is float else place[x] for x in operands])
        key = v.form.op, args
        node = known.get(key)
        if node is None:
            kind = max([x.kind for x in args])
            node = Node(kind, *key) if kind else constant(v.op.evaluate(*[x.number for x in args]))
            known[key] = node
            if v.name:
                node.name = v.name
        place[v] = node
    return place


def absorb(nodes: Iterable[Node], roots: Sequence[Node]) -> list[Node]:
    """Finds the sums of products; gives the nodes that are left to compute, operands before results."""
    order, inside, left = [*nodes], set[Node](), list[Node]()
    uses = Counter(chain(roots, *[v.args for v in order]))
    for v in reversed(order):
        if v.op is None or v in inside:
            continue
        left.append(v)
        if v.op is add:
            products, terms, absorbed = addends(v, uses)
            if not products and len(terms) > FEW:  # a long sum is a product with ones
                products = [(t, ONE) if t.kind == UNIFORM else (ONE, t) for t in terms if t.kind == v.kind]
                terms = [t for t in terms if t.kind != v.kind]
            if len(products) > 1 or len(products) + len(terms) > 2:
                v.products, v.terms = products, terms
                inside |= absorbed
                left += hoist(v, products)
    return left[::-1]


def addends(v: Node, uses: Counter[Node]) -> tuple[list[tuple[Node, Node]], list[Node], set[Node]]:
    """What a chain of + adds up, products and single terms, and the nodes that vanish in it."""
    products, terms, absorbed, stack = list[tuple[Node, Node]](), list[Node](), set[Node](), [v]
    while stack:
        for x in reversed(stack.pop().args):
            if x.op is add and uses[x] == 1 and x.kind == v.kind:
                absorbed.add(x)
                stack.append(x)
            elif x.op is mul and uses[x] == 1:
                absorbed.add(x)
                a, b = x.args
                products.append((b, a) if LEFT[a.kind] > LEFT[b.kind] else (a, b))
            elif x.kind != CONSTANT or x.number != 0:
                terms.append(x)
    return products[::-1], terms[::-1], absorbed


def hoist(v: Node, products: list[tuple[Node, Node]]) -> list[Node]:
    """The uniform products of a varying sum, as a sum of their own that is computed once for all rows."""
    varying = [p for p in products if VARYING in (p[0].kind, p[1].kind)]
    uniform = [p for p in products if VARYING not in (p[0].kind, p[1].kind)]
    if v.kind != VARYING or not uniform:
        return []
    part = Node(UNIFORM, add)
    part.products, part.terms = uniform, [t for t in v.terms if t.kind == UNIFORM]
    v.products = varying
    v.terms = [*(t for t in v.terms if t.kind != UNIFORM), part]
    return [part]


def group(order: Sequence[Node], roots: Sequence[Node]) -> list[list[Node]]:
    """Nodes of equal (level, op, kinds of operands), which are computed together; operands first."""
    groups: dict[Any, list[Node]] = defaultdict(list)
    for v in order:
        operands = v.operands()
        v.level = 1 + max([x.level for x in operands])
        pattern = v.op if v.products is None else len(v.products)
        groups[v.level, pattern, tuple([x.kind for x in operands])].append(v)
    home = {v: key for key, members in groups.items() for v in members}

    def reads(key: Any) -> list[Any]:
        return [*dict.fromkeys(home[x] for v in groups[key] for x in v.operands() if x.level)]

    return [groups[key] for key in postorder([home[y] for y in roots if y.level], reads)]


class Operand(NamedTuple):
    """What a group reads: slots of uniform or varying numbers, or constants."""

    kind: int
    slots: Slots
    numbers: NDArray[np.float64] | None = None

    def reshape(self, shape: tuple[int, ...]) -> Operand:
        numbers = None if self.numbers is None else self.numbers.reshape(shape)
        return Operand(self.kind, self.slots.reshape(shape), numbers)


@dataclass(eq=False)
class Block:
    """Neighbouring slots, between two rows of ones: what one group computes, or a part of the inputs."""

    kind: int
    start: int
    shape: tuple[int, ...]
    name: str

    @property
    def slots(self) -> range:
        return range(self.start, self.start + prod(self.shape))

    @property
    def row(self) -> int:
        """How many slots its last axis has, if it is a matrix."""
        return self.shape[1] if len(self.shape) > 1 else 1


@dataclass(eq=False)
class Elementwise:
    """A formula computed for a whole block, and the partials towards its operands."""

    block: Block
    shape: tuple[int, ...]
    formula: str
    operands: dict[str, Operand]
    partials: dict[str, str]

    def reads(self) -> list[Operand]:
        """What it may send gradients to."""
        return [self.operands[x] for x in self.partials]


@dataclass(eq=False)
class Contraction:
    """A block of sums of products: sums over k of left·right, each with its axes, and single terms."""

    block: Block
    axes: str
    runs: list[tuple[tuple[Operand, str], tuple[Operand, str]]]
    terms: list[Operand]

    def reads(self) -> list[Operand]:
        """What it may send gradients to."""
        return [*self.terms, *[side for run in self.runs for side, _ in run]]


def strides(slots: Slots) -> tuple[int, ...] | None:
    """The step along every axis, if the slots are affine in their coordinates."""
    base, steps = int(slots.flat[0]), list[int]()
    for axis, n in enumerate(slots.shape):
        steps.append(int(slots[tuple(int(i == axis) for i in range(slots.ndim))]) - base if n > 1 else 0)
    grid = base + sum(s * i for s, i in zip(steps, np.indices(slots.shape, sparse=True), strict=True))
    return tuple(steps) if np.array_equal(np.broadcast_to(grid, slots.shape), slots) else None


def fold(slots: Slots) -> tuple[int, ...]:
    """A shape of up to three axes under which a row of slots is affine; the plain one if there is none."""
    jumps = np.diff(slots)
    breaks = np.flatnonzero(jumps != jumps[:1])
    n = int(breaks[0]) + 1 if len(breaks) else len(slots)
    if n == len(slots) or len(slots) % n:
        return slots.shape
    shape = (*fold(slots[::n]), n)
    return shape if len(shape) < 4 and strides(slots.reshape(shape)) is not None else slots.shape


def affine(slots: Sequence[int]) -> bool:
    """Whether a row of slots is a view in some shape."""
    array = np.array(slots)
    return strides(array.reshape(fold(array))) is not None


def stem(nodes: Sequence[Node], otherwise: str) -> str:
    """What the nodes' own names have in common."""
    common = prefix([v.name for v in nodes])
    common = common if len(nodes) == 1 else common.rstrip("0123456789_")
    return common if usable(common) else otherwise


def prefix(names: Sequence[str]) -> str:
    """What all of them begin with."""
    pairs = zip(min(names), max(names), strict=False)
    return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


@cache
def partials_of(form: Form) -> list[str]:
    """The partials towards the operands that are Values, as text; a TypeError if they ask for data."""
    form.partial_texts("z", form.op.operands)
    return form.traced(1.5, "z", form.op.operands)


def halved(terms: list[str]) -> str:
    """A sum in brackets of halves, so that no parser or reader goes deep."""
    half = len(terms) // 2
    return f"({halved(terms[:half])} + {halved(terms[half:])})" if half else terms[0]


def usable(name: str) -> bool:
    """Whether a name can stand in source as it is."""
    return name.isascii() and name.isidentifier() and not iskeyword(name) and name != "__debug__"


class Layout:
    """The slots of all nodes, given group by group, and the groups as steps."""

    def __init__(self, parameters: Sequence[Node], inputs: Sequence[Node], roots: Sequence[Node]) -> None:
        for i, v in enumerate(parameters):
            v.slot = i
        self.parameters, self.theta = parameters, Block(UNIFORM, 0, (len(parameters),), "theta")
        self.places = {v: i for i, v in enumerate(inputs)}
        self.free = {UNIFORM: len(parameters) + 1, VARYING: 0}
        self.blocks: dict[int, list[Block]] = {UNIFORM: [self.theta], VARYING: []}
        self.tables: list[tuple[Block, list[int]]] = []  # blocks of inputs, and their places in a row
        self.counts, self.roots, self.plain = Counter[str](), roots, True
        self.steps: list[Elementwise | Contraction] = []

    def place(self, nodes: Sequence[Node], name: str, shape: tuple[int, ...]) -> Block:
        """A new block for the nodes, in this order."""
        name, kind = stem(nodes, name), nodes[0].kind
        self.counts[name] += 1
        own = nodes[0].name == name and self.counts[name] == 1
        block = Block(kind, 0, shape, name if own else f"{name}{self.counts[name]}")
        block.start = self.free[kind] + block.row
        self.free[kind] = block.slots.stop + block.row
        for v, slot in zip(nodes, block.slots, strict=True):
            v.slot = slot
        self.blocks[kind].append(block)
        return block

    def place_inputs(self, nodes: Iterable[Node], row: int = 1) -> None:
        """Inputs get their slots from their first reader."""
        new = [v for v in dict.fromkeys(nodes) if v.slot < 0 and v in self.places]
        if new:
            matrix = row > 1 and len(new) % row == 0
            block = self.place(new, "x", (len(new) // row, row) if matrix else (len(new),))
            self.tables.append((block, [self.places[v] for v in new]))

    def block_at(self, kind: int, slot: int) -> Block:
        """The block that a slot, or a one beside it, belongs to."""
        blocks = self.blocks[kind]
        return blocks[max(bisect_right(blocks, slot, key=lambda block: block.start - block.row) - 1, 0)]

    def weights(self, lo: int, hi: int) -> str:
        """The name of parameters that are read together."""
        nodes = self.parameters[lo:hi]
        common = prefix([v.name for v in nodes if v.name[:1] == nodes[0].name[:1]])
        if len(nodes) > 1:
            common = common.split("_")[0].upper()  # the bias is one of them, under another letter
        self.counts["W"] += not usable(common)
        return common if usable(common) else f"W{self.counts['W']}"

    def operand(self, nodes: Any) -> Operand:
        """An array of nodes as it is read."""
        array = np.asarray(nodes, dtype=object)
        flat: list[Node] = array.ravel().tolist()
        for v in flat:
            if v.slot < 0 and v in self.places:
                self.place_inputs(flat)
        numbers = np.array([v.number for v in flat]) if flat[0].kind == CONSTANT else None
        return Operand(flat[0].kind, np.array([v.slot for v in flat]), numbers).reshape(array.shape)

    def add(self, nodes: list[Node]) -> None:
        """The next group."""
        if nodes[0].products is None:
            self.add_op(nodes)
        elif not self.add_products(nodes):
            self.add_sum(nodes)

    def add_op(self, nodes: list[Node]) -> None:
        """An op of the table, element by element."""
        op, args = nodes[0].op, nodes[0].args
        assert op is not None
        form = op.form(*[x.kind != CONSTANT for x in args])
        texts = partials_of(form)
        partials = {op.operands[i]: text for i, text in zip(form.inner, texts, strict=True)}
        if op.selects:
            partials.pop("x", "")
        operands: dict[str, Row] = dict(
            zip(op.operands, zip(*[v.args for v in nodes], strict=True), strict=True)
        )
        self.elementwise(nodes, op.name, op.text(*op.operands), partials, operands)

    def add_sum(self, nodes: list[Node]) -> None:
        """Sums of a few products that nothing shares, element by element."""
        count = 2 * len(nodes[0].products or ())
        operands = {f"x{i}": x for i, x in enumerate(zip(*[v.operands() for v in nodes], strict=True))}
        names = [*operands]
        pairs, terms = [*zip(names[:count:2], names[1:count:2], strict=True)], names[count:]
        partials = dict([*pairs, *((y, x) for x, y in pairs), *((t, "1.0") for t in terms)])
        text = halved([f"{x} * {y}" for x, y in pairs] + terms)
        self.elementwise(nodes, "sum", text, partials, operands)

    def elementwise(
        self, nodes: list[Node], name: str, formula: str, partials: dict[str, str], operands: dict[str, Row]
    ) -> None:
        """A block in the order of an operand's slots, of one that is then a view if there is one."""
        kind = max(column[0].kind for column in operands.values())
        columns = [column for column in operands.values() if column[0].kind == kind]
        self.place_inputs(chain(*columns))
        ranks = [sorted(range(len(nodes)), key=lambda i, column=column: column[i].slot) for column in columns]
        pairs = [*zip(columns, ranks, strict=True)]
        first, rank = next((pair for pair in pairs if affine([pair[0][i].slot for i in pair[1]])), pairs[0])
        found = {x: self.operand([column[i] for i in rank]) for x, column in operands.items()}
        shape = max((fold(x.slots) for x in found.values() if x.kind != CONSTANT), key=len)
        above = self.block_at(first[0].kind, first[rank[0]].slot).shape
        if len(shape) == 1 and prod(above) == len(nodes):
            shape = above
        self.plain &= all(map(arithmetic, (formula, *partials.values())))
        block = self.place([nodes[i] for i in rank], name, shape if len(shape) == 2 else (len(nodes),))
        found = {x: operand.reshape(shape) for x, operand in found.items()}
        kept = {x: text for x, text in partials.items() if found[x].kind != CONSTANT}
        self.steps.append(Elementwise(block, shape, formula, found, kept))

    def add_products(self, nodes: list[Node]) -> bool:
        """Matrix products, where the nodes are all pairs of some rows, or row by row; False for a few."""
        rows: dict[Node, Any] = {v: tuple(zip(*(v.products or ()), strict=True)) or ((), ()) for v in nodes}
        at, grids, count = (
            {pair: v for v, pair in rows.items()},
            families(rows.values()),
            len(rows[nodes[0]][0]),
        )
        if count < 2 or (count <= FEW and all(len(a) == len(b) == 1 for a, b in grids)):
            return False
        if len(grids) > 16 or len(grids) == len(nodes) > 1 or len(at) < len(nodes):
            self.contract(nodes, "i", "ik", [rows[v][0] for v in nodes], "ik", [rows[v][1] for v in nodes])
            return True
        for lefts, rights in grids:
            by_column = [*chain(*zip(*rights, strict=True))]
            distinct = len(set(by_column)) == len(by_column)
            self.place_inputs(by_column if distinct else chain(*rights), len(rights) if distinct else 1)
            self.place_inputs(chain(*lefts))
            lefts, rights = (sorted(side, key=lambda row: [v.slot for v in row]) for side in (lefts, rights))
            if len(rights) == 1:
                self.contract([at[a, rights[0]] for a in lefts], "i", "ik", lefts, "k", rights[0])
            else:
                grid = [[at[a, b] for b in rights] for a in lefts]
                self.contract(grid, "ij", "ik", lefts, "kj", [*zip(*rights, strict=True)])
        return True

    def contract(self, nodes: Any, axes: str, a: str, left: Any, b: str, right: Any) -> None:
        """Nodes as sums of products of left and right rows, over runs of columns that are views."""
        grid, left, right = (np.array(x, dtype=object) for x in (nodes, left, right))
        flat: list[Node] = grid.ravel().tolist()
        columns = zip(*[v.terms for v in flat], strict=True)
        terms = [self.operand(column).reshape(grid.shape) for column in columns]
        first = right[0] if b == "ik" else right if b == "k" else right[:, 0]
        self.place_inputs([*left.ravel(), *right.ravel()])
        runs: list[Any] = []
        for lo, hi in cuts(left[0], first):
            part = right[:, lo:hi] if b == "ik" else right[lo:hi]
            runs.append(((self.operand(left[:, lo:hi]), a), (self.operand(part), b)))
        if len(terms) == 1 and b != "ik" and self.add_bias(runs, terms[0]):
            terms = []
        self.steps.append(Contraction(self.place(flat, "z", grid.shape), axes, runs, terms))

    def add_bias(self, runs: list[Any], bias: Operand) -> bool:
        """A term that is the same along a row is one more weight, before or behind the others, times 1."""
        column = bias.slots.reshape(len(bias.slots), -1)
        (left, a), (right, b) = runs[0]
        if bias.kind != UNIFORM or left.kind != UNIFORM or (column != column[:, :1]).any():
            return False
        for before in (True, False):
            weights, ones = beside(left.slots, column[:, :1], before, 1), self.with_ones(right, before)
            if ones and strides(weights) is not None:
                runs[0] = (Operand(UNIFORM, weights), a), (ones, b)
                return True
        return False

    def with_ones(self, right: Operand, before: bool) -> Operand | None:
        """The right rows with a one more each, if ones lie beside them."""
        kind, slots, numbers = right
        if numbers is not None:
            return Operand(
                kind, beside(slots, slots[:1], before), beside(numbers, numbers[:1] * 0 + 1, before)
            )
        n, block = prod(slots.shape[1:]), self.block_at(kind, int(slots.flat[0]))
        first = block.start - n if before else block.slots.stop
        slots = beside(slots, np.arange(first, first + n).reshape(1, *slots.shape[1:]), before)
        return Operand(kind, slots) if first >= 0 and n <= block.row and strides(slots) is not None else None


def families(pairs: Iterable[tuple[Row, Row]]) -> list[tuple[list[Row], list[Row]]]:
    """Left and right rows of which every pair is there; rights with the same lefts stand together."""
    partners: dict[Row, list[Row]] = defaultdict(list)
    for left, right in pairs:
        partners[right].append(left)
    found: dict[Any, list[Row]] = defaultdict(list)
    for right, lefts in partners.items():
        found[frozenset(lefts)].append(right)
    return [([*partners[rights[0]]], rights) for rights in found.values()]


def cuts(left: Sequence[Node], right: Sequence[Node]) -> list[tuple[int, int]]:
    """Where to part the columns: where kinds change and, if that is not too often, where strides do."""
    kinds = [(a.kind, b.kind) for a, b in zip(left, right, strict=True)]
    places = [(a.slot, b.slot) for a, b in zip(left, right, strict=True)]
    steps = [(c - a, d - b) for (a, b), (c, d) in pairwise(places)]
    hard = [k for k in range(1, len(kinds)) if kinds[k] != kinds[k - 1]]
    soft, lo, edges = list[int](), 0, set(hard)
    for k in range(1, len(kinds)):
        if k in edges or (k > lo + 1 and steps[k - 1] != steps[lo]):
            soft.append(k)
            lo = k
    return [*pairwise([0, *(soft if len(soft) < 4 else hard), len(kinds)])]


def beside(array: NDArray[Any], more: NDArray[Any], before: bool, axis: int = 0) -> NDArray[Any]:
    """The array with one more row or column."""
    return np.concatenate((more, array) if before else (array, more), axis)


def lower(
    order: Sequence[Value], outputs: Sequence[Value], inputs: Sequence[Value], parameters: Sequence[Value]
) -> tuple[list[list[Node]], Layout]:
    """The first passes over a graph in topological order: the groups, and where they will be laid out."""
    leaves = {v: Node(UNIFORM) for v in parameters} | {v: Node(VARYING) for v in inputs}
    for v, node in leaves.items():
        node.name = v.name
    place = flatten(order, leaves)
    roots = [place[y] for y in outputs]
    groups = group(absorb(dict.fromkeys(place.values()), roots), roots)
    return groups, Layout([leaves[v] for v in parameters], [leaves[v] for v in inputs], roots)
