"""[W | b] · [x | 1]: a bias that stands beside its weights in theta is one more column of them.

The product is one, and so is its gradient, [dW | db] = dz · [x | 1].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .tensors import Axes, Shape, Tensor, Tensors

MOVED = ("expand",)


class Layer(NamedTuple):
    """Weights and a bias that are one leaf."""

    weights: Tensor
    bias: Tensor
    both: Tensor
    owner: Tensor  # what the weights are multiplied by
    axis: int  # along which, in both


class Beside:
    """The layers with a bias, and behind which arrays and axes a 1 stands for it."""

    def __init__(self, b: Tensors) -> None:
        self.b, self.layers = b, list[Layer]()
        self.ones = dict[Tensor, int]()

    def with_one(self, v: Tensor, axis: int) -> Tensor | None:
        """[v | 1] along an axis; None if v cannot have it."""
        owner, at = owner_of(v), axis
        if owner.word in (
            "theta",
            "seed",
            "part",
            "permute",
            "refold",
            "spread",
            "pick",
            "ones",
        ):
            return None
        at = long(owner.shape)[long(v.shape).index(axis)]
        if self.ones.setdefault(owner, at) != at:
            return None
        return self.ones_of(v, axis)

    def ones_of(self, v: Tensor, axis: int) -> Tensor:
        shape = (*v.shape[:axis], v.shape[axis] + 1, *v.shape[axis + 1 :])
        return self.b.make("ones", (v,), shape, axis)

    def gradients(
        self, pairs: list[tuple[Tensor, Tensor]]
    ) -> list[tuple[Tensor, Tensor]]:
        """The leaves' adjoints, those of weights and bias as one where they are one product."""
        adjoints = dict(pairs)
        for layer in self.layers:
            if layer.weights in adjoints and layer.bias in adjoints:
                both = self.gradient(
                    layer, adjoints[layer.weights], adjoints[layer.bias]
                )
                if both is not None:
                    del adjoints[layer.weights], adjoints[layer.bias]
                    adjoints[layer.both] = both
        return [*adjoints.items()]

    def gradient(self, layer: Layer, dW: Tensor, db: Tensor) -> Tensor | None:
        """[dW | db], if dW is a product of what db is the sum of."""
        product, total = owner_of(dW), owner_of(db)
        if product.word != "contract" or total.word != "sum":
            return None
        for dz, v in (product.args, product.args[::-1]):
            if owner_of(v) is layer.owner and same_sum(product, dz, total):
                axis = long(v.shape)[
                    long(layer.owner.shape).index(self.ones[layer.owner])
                ]
                if axis in product.data[0] or product.shape[axis] == 1:
                    return None
                wide = self.ones_of(v, axis)
                shape = (
                    *product.shape[:axis],
                    wide.shape[axis],
                    *product.shape[axis + 1 :],
                )
                both = self.b.make(
                    "contract", (dz, wide), shape, product.data, rows=False
                )
                return fitted(self.b, both, layer, axis)
        return None


def fitted(b: Tensors, both: Tensor, layer: Layer, axis: int) -> Tensor | None:
    """In the axes of the leaf, if they are the same but for axes of one."""
    sizes = [n for n in both.shape if n > 1]
    if sizes != [n for n in layer.both.shape if n > 1]:
        return None
    place = [i for i in long(both.shape)].index(axis)
    if long(layer.both.shape)[place] != layer.axis:
        return None
    return (
        both
        if both.shape == layer.both.shape
        else b.make("expand", (both,), layer.both.shape)
    )


def owner_of(x: Tensor) -> Tensor:
    """What has the numbers, without axes of one more or fewer."""
    while x.word == "expand":
        x = x.args[0]
    return x


def long(shape: Shape) -> list[int]:
    return [i for i, n in enumerate(shape) if n > 1]


def same_sum(product: Tensor, dz: Tensor, total: Tensor) -> bool:
    """Whether ``total`` adds up dz over what ``product`` adds up."""
    [summed] = total.args
    if owner_of(summed) is not owner_of(dz):
        return False
    axes, rows = product.data
    kinds = [
        [i in over for i in long(x.shape)]
        for x, over in ((dz, axes), (summed, total.data[0]))
    ]
    return kinds[0] == kinds[1] and (rows and dz.rows) == total.data[1]


# ------------------------------------------------------------------------------------------------- forward
def with_bias(
    beside: Beside,
    new: Mapping[Tensor, Tensor],
    readers: Counter[Tensor],
    z: Tensor,
) -> Tensor | None:
    """A sum of W·v and b as [W | b]·[v | 1]; None if it is no such sum."""
    if z.word != "add":
        return None
    for e, bias in (z.args, z.args[::-1]):
        product = owner_of(new[e])
        if product.word == "contract" and readers[e] == 1 and z.shape == e.shape:
            found = joined(beside, product, new[e], new[bias])
            if found is not None:
                return found
    return None


def joined(
    beside: Beside, product: Tensor, e: Tensor, bias: Tensor
) -> Tensor | None:
    """The product with the bias in it, in the axes of the sum."""
    (axes, rows), b = product.data, owner_of(bias)
    if b.word != "theta" or len(axes) != 1 or rows:
        return None
    for W, v in (product.args, product.args[::-1]):
        leaf = owner_of(W)
        if leaf.word == "theta" and v.shape[axes[0]] > 1:
            places = both_places(leaf, W, b, bias, e, product, axes[0])
            if places is not None:
                return in_one(beside, places, W, v, product, e, (leaf, b))
    return None


def both_places(
    leaf: Tensor,
    W: Tensor,
    b: Tensor,
    bias: Tensor,
    e: Tensor,
    product: Tensor,
    axis: int,
) -> np.ndarray | None:
    """The places of weights and bias, as one regular array; None if they do not stand beside."""
    lengths = dict.fromkeys(range(len(product.shape)), 1)
    lengths.update(
        zip(
            long(product.shape), [bias.shape[i] for i in long(e.shape)], strict=True
        )
    )
    shape = tuple(lengths.values())
    places = leaf.data.reshape(W.shape)
    if shape != (*W.shape[:axis], 1, *W.shape[axis + 1 :]) or W.shape[axis] < 2:
        return None
    last, before = places.take([-1], axis), places.take([-2], axis)
    bias_places = b.data.reshape(shape)
    if (bias_places - last != last - before).any():
        return None
    return np.concatenate([places, bias_places], axis)


def in_one(
    beside: Beside,
    places: np.ndarray,
    W: Tensor,
    v: Tensor,
    product: Tensor,
    e: Tensor,
    leaves: tuple[Tensor, Tensor],
) -> Tensor | None:
    axes: Axes = product.data[0]
    wide = beside.with_one(v, axes[0])
    if wide is None:
        return None
    b, leaf = beside.b, leaves[0]
    at = long(leaf.shape)[long(W.shape).index(axes[0])]
    shape = (*leaf.shape[:at], leaf.shape[at] + 1, *leaf.shape[at + 1 :])
    both = b.leaf("theta", places.reshape(shape))
    beside.layers.append(Layer(*leaves, both, owner_of(v), at))
    weights = (
        both
        if both.shape == places.shape
        else b.make("expand", (both,), places.shape)
    )
    z = b.make(
        "contract", (weights, wide), product.shape, product.data, rows=product.rows
    )
    return z if z.shape == e.shape else b.make("expand", (z,), e.shape)
