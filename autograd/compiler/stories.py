"""What one function of a text tells: the outputs and their adjoints, with what is known of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .gradients import Sealing
from .phrases import real
from .reverse import Adjoints
from .rewriting import SIGMOID, Args, Rule, again
from .tensors import Tensor, Tensors


def squeezed(target: Tensors, x: Tensor, args: Args) -> Tensor:
    """A leaf without axes of one, so that the same numbers are the same leaf."""
    places = x.data.reshape([n for n in x.shape if n > 1])
    return target.expand(target.leaf(x.word, places), x.shape)


PREPARED: dict[str, Rule] = {**SIGMOID, "theta": squeezed, "X": squeezed}


@dataclass
class Story:
    """Tensors of one function: the outputs, the adjoints, and what is known of them."""

    tensors: Tensors
    outputs: list[Tensor]
    values: dict[Tensor, NDArray[np.object_]]
    adjoints: Adjoints

    def again(self, rules: Mapping[str, Rule]) -> Story:
        """The same Tensors by rules."""
        target, made = Sealing(), dict[Tensor, Tensor]()
        for x in self.tensors.order:
            again(x, rules, target, made)
            if self.is_sealed(x):
                target.sealed.add(made[x])
        outputs = [made[x] for x in self.outputs]
        values = {made[x]: v for x, v in self.values.items() if x in made}
        return Story(target, outputs, values, self.renewed(made))

    def is_sealed(self, x: Tensor) -> bool:
        """Whether no number is taken out of it."""
        return isinstance(self.tensors, Sealing) and x in self.tensors.sealed

    def renewed(self, made: Mapping[Tensor, Tensor]) -> Adjoints:
        """The adjoints, of what has been made again."""
        old = self.adjoints
        ends = [made[x].at for x in self.tensors.order[: old.turn]]
        return Adjoints(
            max(ends, default=-1) + 1,
            [made[x] for x in old.seeds],
            {made[x]: made[d] for x, d in old.theta.items()},
            {made[x]: made[d] for x, d in old.X.items()},
            {made[d]: made[x] for d, x in old.of.items()},
        )

    def bundle(self) -> Tensor | None:
        """The vector whose numbers, in order, are all outputs; None if there is none."""
        parts = [*map(real, self.outputs)]
        if len(parts) < 2 or any(x.word != "part" for x in parts):
            return None
        whole = parts[0].args[0]
        order = [(x.args[0], *x.data) for x in parts]
        alike = order == [(whole, 0, i, 1) for i in range(len(parts))]
        return whole if alike and whole.shape == (len(parts),) else None
