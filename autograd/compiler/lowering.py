"""From a graph to groups of equal operations: passes that a reader can follow one by one.

    flatten    the graph as nodes, constants folded
    absorb     a tree of + over products becomes one sum of products; what no input reaches stands by itself
    group      nodes of equal (level, op, kinds of operands), operands before results

A number is constant, uniform (the same for every row of the table) or varying.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

from ..ops import add, mul
from ..value import Op, Value

# A result is of the largest of its operands' kinds.
CONSTANT, UNIFORM, VARYING = 0, 1, 2
# Which factor of a product stands on the left: weights before data.
LEFT = {UNIFORM: 0, CONSTANT: 1, VARYING: 2}
FEW = 3  # so few products of varying numbers, or single terms, are computed one by one
Row: TypeAlias = "tuple[Node, ...]"
Pair: TypeAlias = "tuple[Node, Node]"


class Node:
    """A number of the graph; a sum of products has ``pairs`` in place of args."""

    number, level, slot, uses = 0.0, 0, -1, 0
    pairs: list[Pair] | None = None

    def __init__(
        self, kind: int, name: str = "", op: Op | None = None, args: Row = ()
    ) -> None:
        self.kind, self.name, self.op, self.args = kind, name, op, args

    def operands(self) -> Row:
        return self.args if self.pairs is None else tuple(chain(*self.pairs))


def constant(x: float) -> Node:
    node = Node(CONSTANT)
    node.number = x
    return node


ONE = constant(1.0)


def flatten(order: Iterable[Any], leaves: dict[Value, Node]) -> dict[Value, Node]:
    """The Values in order as nodes, constants folded; ``leaves`` are the parameters' and the inputs'."""
    place = dict(leaves)
    for v in order:
        if v.form is not None:
            op, args = v.form.op, (v._x, v._y, v._w)[: len(v.form.op.operands)]
            args = tuple(
                [constant(x) if x.__class__ is float else place[x] for x in args]
            )
            kind = max([x.kind for x in args])
            for x in args:
                x.uses += 1
            new = Node(kind, v.name, op, args)
            place[v] = (
                new if kind else constant(op.evaluate(*[x.number for x in args]))
            )
        elif v not in place:
            place[v] = constant(v.data)
    return place


def absorb(nodes: Iterable[Node], roots: Sequence[Node]) -> list[Node]:
    """Finds the sums of products; gives the nodes that are left to compute, operands before results."""
    order, inside, left = [*nodes], set[Node](), list[Node]()
    for y in roots:
        y.uses += 1
    for v in reversed(order):
        if v.op is not None and v not in inside:
            left.append(v)
            if v.op is add:
                left += regroup(v, inside)
    return left[::-1]


def regroup(v: Node, inside: set[Node]) -> list[Node]:
    """Makes a tree of + a sum of few parts, mostly sums of products; gives the new nodes, last first."""
    products, terms, sums = addends(v)
    new, parts = parts_of(v, products, terms, inside)
    if not new:
        return []
    inside |= sums
    if len(parts) == 1:
        v.pairs = new.pop().pairs
        return new
    for part in parts[1:-1]:
        parts[0] = Node(max(parts[0].kind, part.kind), "", add, (parts[0], part))
        new.append(parts[0])
    v.args = parts[0], parts[-1]
    return new[::-1]


def parts_of(
    v: Node, products: Mapping[Node, None], terms: Sequence[Node], inside: set[Node]
) -> tuple[list[Node], list[Node]]:
    """The sums of products that are new, and all parts of the sum; ``inside`` gets what vanishes in them."""
    weights = [x for x in (*products, *terms) if is_weight(x, v.kind)]
    both = [x for x in products if x.args[0].kind == x.args[1].kind == VARYING]
    known = {*weights, *both}
    mixed, single = (
        [x for x in side if x not in known] for side in (products, terms)
    )
    new, parts = list[Node](), list[Node]()
    if v.kind == VARYING and len(weights) > 1:
        weights = [total(UNIFORM, weights, products, inside)]  # once for all rows
        new += weights
    for members, few in (
        (mixed + weights, 1 if mixed else FEW),
        (both, FEW),
        (single, FEW),
    ):
        if len(members) > few:
            members = [total(v.kind, members, products, inside)]
            new += members
        parts += members
    return new, parts


def total(
    kind: int,
    members: Sequence[Node],
    products: Mapping[Node, None],
    inside: set[Node],
) -> Node:
    """A sum of products; products of its own kind vanish in it."""
    node = Node(kind, op=add)
    vanish = {x for x in members if x in products and x.kind == kind}
    node.pairs = [
        pair(x, n, x in vanish, kind) for x, n in Counter(members).items()
    ]
    inside |= vanish
    return node


def addends(v: Node) -> tuple[dict[Node, None], list[Node], set[Node]]:
    """What a tree of + adds up: products, single terms and at most one constant; the sums that vanish."""
    products, terms, sums, stack, number = (
        list[Node](),
        list[Node](),
        set[Node](),
        [v],
        0.0,
    )
    while stack:
        for x in reversed(stack.pop().args):
            if x.op is add and x.uses == 1 and x.kind == v.kind:
                sums.add(x)
                stack.append(x)
            elif x.op is mul and x.uses == 1:
                products.append(x)
            elif x.kind == CONSTANT:
                number += x.number
            else:
                terms.append(x)
    terms += [constant(number)] * (number != 0)
    return dict.fromkeys(products[::-1]), terms[::-1], sums


def is_weight(x: Node, kind: int) -> bool:
    """Whether an addend of a sum is the same for many such sums: a bias, or a penalty beside a row's loss."""
    return x.kind == UNIFORM and (kind == VARYING or x.op is None)


def pair(x: Node, times: int, product: bool, kind: int) -> Pair:
    """An addend as a product of two, weights first."""
    if product:
        a, b = x.args
        return (b, a) if LEFT[a.kind] > LEFT[b.kind] else (a, b)
    factor = ONE if times == 1 else constant(times)
    return (x, factor) if x.kind == CONSTANT or is_weight(x, kind) else (factor, x)


def group(order: Iterable[Node]) -> list[list[Node]]:
    """Nodes of equal (level, op, kinds of operands), which are computed together; operands first."""
    groups: dict[Any, list[Node]] = defaultdict(list)
    for v in order:
        operands = v.operands()
        v.level = 1 + max([x.level for x in operands])
        pattern = v.op if v.pairs is None else len(v.pairs)
        groups[v.level, pattern, tuple([x.kind for x in operands])].append(v)
    return sorted(
        groups.values(), key=lambda members: (members[0].level, len(members))
    )
