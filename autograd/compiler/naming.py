"""Names of arrays: from those of their Values, of composites, of the layer whose weights they read."""

from __future__ import annotations

import keyword
import re
from collections.abc import Container, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..value import Value
from .helpers import folded, reserved
from .phrases import real
from .tensors import Tensor

LONGEST = 24  # letters of a name
ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "elu", "gelu", "leaky_relu")
STEMS = {
    "exp": "e",
    "sum": "s",
    "max": "m",
    "maximum": "m",
    "minimum": "m",
    "log": "l",
    "sub": "u",
    "div": "q",
    "dot": "p",
    "rows": "s",
    "power": "r",
    "reciprocal": "r",
    "join": "v",
    "take": "rows",
    "pick": "picked",
}
LOSS_NAMES = ("loss", "entropy", "bce", "mse", "hinge", "error")


class Names:
    """The names of one function: each is given once.

    ``others`` are names that it must not hide, and ``told`` learns every name.
    """

    def __init__(
        self,
        taken: Iterable[str] = (),
        others: Container[str] = (),
        told: set[str] | None = None,
    ) -> None:
        self.taken, self.others = {*taken}, others
        self.told = set[str]() if told is None else told

    def fresh(self, stem: str) -> str:
        """The stem, or with the first number behind it that is free."""
        name = stem = folded(stem)
        count = 1
        joint = "_" if stem[-1:].isdigit() else ""
        while not self.free(name):
            count += 1
            name = f"{stem}{joint}{count}"
        self.taken.add(name)
        self.told.add(name)
        return name

    def free(self, name: str) -> bool:
        """Whether a name can be given."""
        return name not in self.taken and name not in self.others and usable(name)


def usable(name: str) -> bool:
    """Whether a text may name an array."""
    name = folded(name)
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and name not in reserved()
    )


def pieces(name: str) -> list[str]:
    """A name's runs of digits, and what stands between."""
    return re.findall(r"[0-9]+|[^0-9]+", name)


def stem(names: Iterable[str]) -> str:
    """What names have in common: w1_2_3 and w1_2_4 are of w1; \"\" if nothing.

    >>> stem(["w1_1_1", "w1_1_2", "w1_2_1"])
    'w1'
    >>> stem(["x1", "x2"])
    'x'
    """
    rows = [pieces(folded(name)) for name in names]
    if not rows or not all(rows) or len({*map(len, rows)}) > 1:
        return ""
    kept = ""
    for column in zip(*rows, strict=True):
        if len({*column}) == 1:
            kept += column[0]
        elif not all(piece.isdigit() for piece in column):
            return ""
        else:
            kept += "#"
    text = re.sub(r"_?#", "", kept).strip("_")
    return text[:LONGEST] if text.isidentifier() else ""


def stem_of(values: Iterable[Value | None]) -> str:
    """The stem of Values' names."""
    return stem([v.name if v is not None else "" for v in values])


def shorter(text: str) -> list[str]:
    """A name without the 1 that counts a neuron, first."""
    return [re.sub(r"_1$", "", text), text]


def weights_name(values: list[Value], rank: int, layer: int, names: Names) -> str:
    """Of parameters: a matrix begins with a capital, as W1."""
    text = stem_of(values)
    if not text:
        return names.fresh(f"W{layer}" if rank > 1 else f"w{layer}")
    if rank > 1:
        text = text[0].upper() + text[1:]
    second = ["U" + x[1:] for x in shorter(text)] if text[0] == "W" else []
    for name in [*shorter(text), *second]:
        if names.free(name):
            return names.fresh(name)
    return names.fresh(text)


# ---------------------------------------------------------------------------------------------------- constants
def constant_stem(numbers: NDArray[np.generic], rows: bool) -> str:
    """A name for numbers: hot has one 1 along an axis, a mask has zeros and ones."""
    if numbers.dtype.kind == "i":
        return "places"
    if numbers.dtype.kind == "b":
        return "mask"
    if numbers.ndim == 0:
        return {0.0: "zero", 1.0: "one"}.get(float(numbers), "c")
    flags = {*np.unique(numbers).tolist()} == {0.0, 1.0}
    if flags and any((numbers.sum(i) == 1).all() for i in range(numbers.ndim)):
        return "hot"
    if flags:
        return "mask"
    return "c" if numbers.ndim < 2 else "C" if rows else "data"


# ------------------------------------------------------------------------------------------------- what is made
class Namer:
    """Names for Tensors that get a line of their own.

    ``leaves`` has the leaves' names, ``values`` the Values of Tensors, ``of`` the Tensor of an adjoint.
    """

    def __init__(
        self,
        names: Names,
        known: dict[Tensor, str],
        values: Mapping[Tensor, NDArray[np.object_]],
        of: Mapping[Tensor, Tensor],
        order: Iterable[Tensor],
    ) -> None:
        self.names, self.known = names, known
        self.values, self.of = values, of
        self.layers: dict[Tensor, str] = {}
        for x in order:  # operands first, so that no search is deep
            self.layers[x] = self.find_layer(x)

    def invent(self, x: Tensor) -> str:
        """A name of its own."""
        return self.names.fresh(self.choose(x))

    def choose(self, x: Tensor) -> str:
        """The adjoint's, the Values', the layer's or the word's."""
        if x in self.of:
            return self.adjoint(real(self.of[x]))
        own = stem_of(self.values[x].ravel()) if x in self.values else ""
        if own and usable(own):
            return own
        layer = self.layer(x)
        if layer and x.word in ("add", "dot"):
            return f"z{layer}"
        if layer:
            return f"h{layer}" if layer[0].isdigit() else layer
        return "p" if is_softmax(x) else STEMS.get(x.word, x.word[0])

    def adjoint(self, x: Tensor) -> str:
        """dW1 of W1, dz1 of z1; of what has no name, by the name that it would have."""
        if x in self.known:
            return f"d{self.known[x]}"
        layer = self.layer(x)
        if layer:
            number = layer[0].isdigit()
            sign = "z" if x.word in ("add", "dot") else "h" if number else ""
            return f"d{sign}{layer}"
        return f"d{STEMS.get(x.word, '')}"

    def layer(self, x: Tensor) -> str:
        """The number of the layer whose weighted sum or activation this is."""
        return self.layers.get(real(x), "")

    def find_layer(self, x: Tensor) -> str:
        if x.word == "add":
            sums = [y for y in map(real, x.args) if y.word in ("add", "dot")]
            return next((n for n in map(self.layer, sums) if n), "")
        if x.word == "dot" and x.data:
            return self.weight(x)
        if x.word in ACTIVATIONS:
            return self.layer(real(x.args[0]))
        return ""

    def weight(self, x: Tensor) -> str:
        """The end of the name of the weights of a sum of products: 1 of W1."""
        for y in map(real, x.args):
            while y.word in ("permute", "refold", "part"):
                y = real(y.args[0])
            if y.word == "theta" and y in self.known:
                return layer_of(self.known[y])
        return ""


def layer_of(name: str) -> str:
    """What tells the weights of one layer from those of others: 1 of W1, f of Wf."""
    known = re.fullmatch(r"[WUVwuv]_?([0-9]\w*|[a-zA-Z])", name)
    return known[1] if known else ""


def is_softmax(x: Tensor) -> bool:
    """Whether it is exp(...) divided by its sum."""
    if x.word != "div":
        return False
    power, total = map(real, x.args)
    return (
        total.word == "sum" and power.word == "exp" and real(total.args[0]) is power
    )


def output_stem(value: Value | None, places: int, place: int) -> str:
    """y, or y1 and y2 of several; of one its own name, or loss where a composite says so."""
    if places > 1:
        return f"y{place + 1}"
    if value is None:
        return "y"
    own = folded(value.name)[:LONGEST]
    return own if usable(own) else "loss" if is_loss(value) else "y"


def is_loss(value: Value) -> bool:
    """Whether a composite that made it is called a loss."""
    scopes = value.scope.path() if value.scope else []
    return any(word in scope.name for scope in scopes for word in LOSS_NAMES)
