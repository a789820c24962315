"""Tensors made once more, with other words in the place of some."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from .tensors import LEAVES, Tensor, Tensors, op_of

Args: TypeAlias = tuple[Tensor, ...]
Rule: TypeAlias = Callable[[Tensors, Tensor, Args], "Tensor | None"]


def again(
    x: Tensor,
    rules: Mapping[str, Rule],
    target: Tensors,
    made: dict[Tensor, Tensor],
) -> None:
    """A Tensor as ``target`` makes it, into ``made``, which has its operands.

    ``rules`` has, for some words, a function of the target, a Tensor and its new operands.  It gives what
    stands in the Tensor's place, or None where there is nothing better than the same word.
    """
    args = tuple(made[y] for y in x.args)
    rule = rules.get(x.word)
    other = rule(target, x, args) if rule else None
    made[x] = same(target, x, args) if other is None else other


def same(target: Tensors, x: Tensor, args: Args) -> Tensor:
    """The same word of new operands, through the builder's algebra."""
    if x.word in LEAVES:
        return leaf(target, x)
    op = op_of(x.word)
    if op is not None:
        return target.op(op.name, *args)
    if x.word in MADE:
        return MADE[x.word](target, x, args)
    return target.make(x.word, args, x.shape, x.data)


def leaf(target: Tensors, x: Tensor) -> Tensor:
    """A leaf has no operands."""
    if x.word == "const":
        return target.const(x.data)
    if x.word == "seed":
        return target.seed(x.data, x, x.rows)
    return target.leaf(x.word, x.data)


def part_of(
    target: Tensors, x: Tensor, axis: int, start: int, count: int
) -> Tensor:
    """A part, or all of an array that is the same along the axis."""
    return target.part(x, axis, start, count)


MADE: dict[str, Callable[[Tensors, Tensor, Args], Tensor]] = {
    "dot": lambda b, x, args: b.dot(*args, over=x.data),
    "sum": lambda b, x, args: b.sum(*args, over=x.data),
    "max": lambda b, x, args: b.max(*args, over=x.data),
    "rows": lambda b, x, args: b.over_rows(*args),
    "expand": lambda b, x, args: b.expand(*args, shape=x.shape),
    "refold": lambda b, x, args: b.refold(*args, shape=x.shape),
    "permute": lambda b, x, args: b.permute(*args, order=x.data),
    "join": lambda b, x, args: b.join(args, x.data),
    "part": lambda b, x, args: part_of(b, args[0], *x.data),
    "pick": lambda b, x, args: b.pick(*args, index=x.data),
    "spread": lambda b, x, args: b.spread(*args, shape=x.shape),
}


# ------------------------------------------------------------------------------------------- rules for the book
def one_for_seed(target: Tensors, x: Tensor, args: Args) -> Tensor:
    """The adjoint of an output by itself."""
    return target.number(1.0, x)


def mean_of_equals(target: Tensors, x: Tensor, args: Args) -> Tensor | None:
    """The mean over the rows of what is the same in all of them."""
    return None if args[0].rows else args[0]


def sigmoid_of(target: Tensors, x: Tensor, args: Args) -> Tensor | None:
    """1 / (1 + exp(-z)) is sigmoid(z), whose slope is right where exp overflows."""
    z = minus_logit(args[0])
    return None if z is None else target.op("sigmoid", target.neg(z))


def quotient_sigmoid(target: Tensors, x: Tensor, args: Args) -> Tensor | None:
    """exp(z) / (1 + exp(z)) too, and x / (1 + exp(-z)) is x times sigmoid(z).

    A number that was moved in front of a product stays there.
    """
    z = minus_logit(args[1])
    if z is None:
        return None
    factor, x = target.split(args[0])
    if x.word == "exp" and x.args == (z,):
        product = target.op("sigmoid", z)
    else:
        product = target.dot(x, target.op("sigmoid", target.neg(z)))
    return (
        product
        if factor is None
        else target.product(target.number(factor, product), product)
    )


def minus_logit(x: Tensor) -> Tensor | None:
    """z of 1 + exp(z), or of exp(z) + 1."""
    if x.word != "add":
        return None
    for one, power in (x.args, x.args[::-1]):
        if one.number == 1.0 and power.word == "exp" and power.shape == x.shape:
            return power.args[0]
    return None


SIGMOID: dict[str, Rule] = {"reciprocal": sigmoid_of, "div": quotient_sigmoid}


MEAN: dict[str, Rule] = {"seed": one_for_seed, "rows": mean_of_equals}
