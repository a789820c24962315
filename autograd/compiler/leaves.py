"""The arrays of theta and X that a program reads: their names, the lines that read them, their gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..value import Value
from .constants import Constants
from .naming import Names, stem_of, usable, weights_name
from .packing import put_inputs_together, put_together
from .phrases import axes_of, real, sizes
from .tensors import Tensor
from .typesetting import block
from .unpacking import Theta, is_whole, places_of, read_inputs, taken_apart
from .wording import Wording

FEW = 2  # so many lines take theta apart in every function; more are a function of their own
Key = tuple[str, tuple[int, ...], bytes]


def key_of(leaf: Tensor) -> Key:
    """The same for the same numbers, whoever made the leaf."""
    return leaf.word, leaf.shape, leaf.data.tobytes()


def numbers_of(leaf: Tensor) -> list[int]:
    """The places of a leaf's numbers."""
    return leaf.data.ravel().tolist()


class Leaves:
    """What is read of theta and X."""

    def __init__(
        self,
        leaves: Sequence[Tensor],
        inputs: Sequence[Value],
        parameters: Sequence[Value],
        names: Names,
        constants: Constants,
    ) -> None:
        self.inputs, self.parameters = inputs, parameters
        self.names, self.declare = names, constants.declare
        self.of_theta = [x for x in leaves if x.word == "theta"]
        self.of_inputs = [x for x in leaves if x.word == "X"]
        self.theta = Theta(self.of_theta, len(parameters))
        self.known: dict[Key, str] = {}
        self.name_inputs()
        self.name_parameters()
        self.unpacking = taken_apart(
            self.theta, self.name, self.names.fresh, self.declare
        )
        self.reading = read_inputs(self.of_inputs, self.name, self.declare)

    def name(self, leaf: Tensor) -> str:
        """Of a leaf, also of another function's."""
        return self.known[key_of(leaf)]

    # ------------------------------------------------------------------------------------------------- names
    def name_inputs(self) -> None:
        """By their Values' names, else x; X if it is all of them."""
        for leaf in self.of_inputs:
            if is_whole(leaf, len(self.inputs)):
                name = "X"
            else:
                stem = stem_of([self.inputs[i] for i in numbers_of(leaf)])
                name = self.names.fresh(stem if usable(stem) else "x")
            self.known[key_of(leaf)] = name

    def name_parameters(self) -> None:
        """By their Values' names, else by the number of their block; theta if it is all of them."""
        layer, biases = 0, self.theta.biases()
        for leaf in sorted(self.of_theta, key=lambda x: numbers_of(x)[0]):
            if is_whole(leaf, len(self.parameters)):
                self.known[key_of(leaf)] = "theta"
                continue
            layer += leaf not in biases and leaf.size > 1
            name = self.parameter_name(leaf, layer, leaf in biases)
            self.known[key_of(leaf)] = name

    def parameter_name(self, leaf: Tensor, layer: int, bias: bool) -> str:
        values = [self.parameters[i] for i in sorted({*numbers_of(leaf)})]
        rank = places_of(leaf).ndim
        if not stem_of(values) and rank < 2 and (bias or leaf.size == 1):
            return self.names.fresh(f"b{layer}" if layer else "p")
        return weights_name(values, rank, layer, self.names)

    # ----------------------------------------------------------------------------------------------- reading
    @property
    def weights(self) -> list[str]:
        """theta's arrays, in the order in which they are taken apart."""
        names = {self.name(x) for x in self.of_theta} - {"theta"}
        words = " ".join(self.unpacking).replace(",", " ").split()
        return [word for word in dict.fromkeys(words) if word in names]

    @property
    def shared(self) -> str:
        """A function that takes theta apart, if it is long."""
        if len(self.unpacking) <= FEW:
            return ""
        lines = [*self.unpacking, f"return {', '.join(self.weights)}"]
        return f"def unpack(theta):\n{block(lines)}"

    @property
    def lines(self) -> list[str]:
        """The lines that give them their names."""
        if not self.shared:
            return [*self.unpacking, *self.reading]
        names = ", ".join(self.weights) + "," * (len(self.weights) == 1)
        return [f"{names} = unpack(theta)", *self.reading]

    # --------------------------------------------------------------------------------------------- gradients
    def by_theta(self, adjoints: Mapping[Tensor, Tensor], wording: Wording) -> str:
        """theta's gradient."""
        text, given = self.texts(self.of_theta, adjoints, wording)
        return put_together(self.theta, text, given, self.declare)

    def by_inputs(self, adjoints: Mapping[Tensor, Tensor], wording: Wording) -> str:
        """The gradient by X."""
        text, given = self.texts(self.of_inputs, adjoints, wording)
        size = len(self.inputs)
        mine = [x for x in self.of_inputs if x in given]
        return put_inputs_together(mine, text, size, self.declare)

    def texts(
        self,
        leaves: Sequence[Tensor],
        adjoints: Mapping[Tensor, Tensor],
        wording: Wording,
    ) -> tuple[Callable[[Tensor], str], set[Tensor]]:
        """A function that gives the text of a leaf's adjoint, and the leaves that have one."""
        found = {key_of(x): d for x, d in adjoints.items()}

        def text(leaf: Tensor) -> str:
            return self.adjoint(leaf, found[key_of(leaf)], wording)

        return text, {x for x in leaves if key_of(x) in found}

    def adjoint(self, leaf: Tensor, d: Tensor, wording: Wording) -> str:
        """The text of an adjoint in the shape of its leaf."""
        if real(d).number is not None:
            return f"full_like({self.name(leaf)}, {wording.text(d)})"
        if axes_of(d) == axes_of(leaf):
            return wording.text(d)
        text = wording.aligned(d, axes_of(leaf)) if axes_of(d) else wording.text(d)
        return f"broadcast_to({text}, ({', '.join(sizes(leaf))},))"
