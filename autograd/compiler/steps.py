"""A plan's parts: buffers, and the steps that compute them, by words and strides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from .places import Array

Operand: TypeAlias = "Array | float"


class Step(NamedTuple):
    """A call: what it computes by which word, of what, into what."""

    word: str
    out: Array
    args: tuple[Operand, ...]
    data: Any = None


@dataclass
class Buffer:
    """So many slots; of one number or of n each."""

    slots: int
    rows: bool
    kind: str = "work"  # or theta, gradient, X, seeds, const: what lives as long as the plan
    data: Any = None
    ones: bool = False  # whether it is 1 at first, where no step writes


def arrays_of(step: Step) -> list[Array]:
    return [step.out, *[x for x in step.args if isinstance(x, Array)]]


class Memory(NamedTuple):
    """So many slots, of one number or of n each."""

    slots: int
    rows: bool


class Storage(NamedTuple):
    """Memories, and in which of them each buffer is that no other memory is set aside for."""

    memories: list[Memory]
    of: dict[int, int]


@dataclass
class Plan:
    """Steps on buffers; from ``turn`` on the adjoints."""

    parameters: int
    buffers: list[Buffer] = field(default_factory=list[Buffer])
    steps: list[Step] = field(default_factory=list[Step])
    turn: int = 0
    outputs: list[Array] = field(default_factory=list[Array])
    tables: list[tuple[list[int], Array]] = field(default_factory=list[Any])
    back: list[tuple[list[int], Array]] = field(default_factory=list[Any])
    storage: Storage = field(default_factory=lambda: Storage([], {}))
