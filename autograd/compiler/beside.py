"""[W | b] · [x | 1]: a bias that stands beside its weights in theta is one more column of them.

The product is one, and so is its gradient, [dW | db] = dz · [x | 1].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .places import long
from .tensors import Shape, Tensor, Tensors, without

Places: TypeAlias = NDArray[np.int64]
# What has no room of its own behind which a 1 could stand.
NO_ROOM = ("theta", "seed", "part", "permute", "refold", "spread", "pick", "ones")


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
        if owner.word in NO_ROOM:
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

    def gradient(
        self, layer: Layer, d_weights: Tensor, db: Tensor
    ) -> Tensor | None:
        """[dW | db], if the first is a product of what the second is the sum of."""
        product, total = owner_of(d_weights), owner_of(db)
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
    place = long(both.shape).index(axis)
    if long(layer.both.shape)[place] != layer.axis:
        return None
    return in_axes(b, both, layer.both.shape)


def owner_of(x: Tensor) -> Tensor:
    """What has the numbers, without axes of one more or fewer."""
    while x.word == "expand":
        x = x.args[0]
    return x


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
    axes, rows = product.data
    if owner_of(bias).word != "theta" or len(axes) != 1 or rows:
        return None
    for weights, v in (product.args, product.args[::-1]):
        if owner_of(weights).word == "theta" and weights.shape[axes[0]] > 1:
            affine = Affine(product, e, weights, v, bias, axes[0])
            found = affine.in_one(beside)
            if found is not None:
                return found
    return None


class Affine(NamedTuple):
    """Σ weights·v along an axis, in the axes of e, and a bias."""

    product: Tensor
    e: Tensor
    weights: Tensor
    v: Tensor
    bias: Tensor
    axis: int

    def places(self) -> Places | None:
        """Those of weights and bias as one regular array; None if they do not stand beside."""
        lengths = dict.fromkeys(range(len(self.product.shape)), 1)
        wide = [self.bias.shape[i] for i in long(self.e.shape)]
        lengths.update(zip(long(self.product.shape), wide, strict=True))
        shape = tuple(lengths.values())
        if shape != without(self.weights.shape, (self.axis,)):
            return None
        places: Places = owner_of(self.weights).data.reshape(self.weights.shape)
        behind: Places = owner_of(self.bias).data.reshape(shape)
        last, before = places.take([-1], self.axis), places.take([-2], self.axis)
        regular = bool((behind - last == last - before).all())
        return np.concatenate([places, behind], self.axis) if regular else None

    def in_one(self, beside: Beside) -> Tensor | None:
        """The same as one product; None if there is none."""
        places = self.places()
        wide = None if places is None else beside.with_one(self.v, self.axis)
        if places is None or wide is None:
            return None
        b, leaf, product = beside.b, owner_of(self.weights), self.product
        at = long(leaf.shape)[long(self.weights.shape).index(self.axis)]
        shape = (*leaf.shape[:at], leaf.shape[at] + 1, *leaf.shape[at + 1 :])
        both = b.leaf("theta", places.reshape(shape))
        layer = Layer(leaf, owner_of(self.bias), both, owner_of(self.v), at)
        beside.layers.append(layer)
        args = in_axes(b, both, places.shape), wide
        z = b.make("contract", args, product.shape, product.data, rows=product.rows)
        return in_axes(b, z, self.e.shape)


def in_axes(b: Tensors, x: Tensor, shape: Shape) -> Tensor:
    """With axes of one more or fewer."""
    return x if x.shape == shape else b.make("expand", (x,), shape)
