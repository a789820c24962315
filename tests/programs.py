"""Random programs, flat lists of ops over all earlier numbers; and random graphs, of whatever makes a node.

Sharing and dead nodes come by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from autograd import OPS, Op, Value
from tests.jets import KNOWN
from tests.oracle import EDGES, ORACLES, Program, exact

ARITY = {name: len(oracle.partials) for name, oracle in ORACLES.items()}
NAMES = sorted(KNOWN)
STRAIGHT = [
    "add",
    "sub",
    "mul",
    "neg",
    "absolute",
    "relu",
    "maximum",
    "minimum",
    "where",
]  # these keep to them
PLAIN = [0.0, 1.0, -1.0, 2.0, 0.5, 3.0]  # numbers that tie
FINITE = [x for x in EDGES if math.isfinite(x)]


@dataclass(frozen=True)
class Case:
    """A program, the numbers of its leaves, the places of its outputs, and three directions.

    ``row`` has other numbers for the same leaves.
    """

    program: Program
    leaves: tuple[float, ...]
    outputs: tuple[int, ...]
    directions: tuple[tuple[float, ...], ...]
    row: tuple[float, ...]

    @property
    def places(self) -> int:
        return len(self.leaves) + len(self.program)

    def build(
        self, ops: Mapping[str, Op] = OPS, leaves: Sequence[Value] | None = None
    ) -> list[Value]:
        """Every number as a Value, the leaves first."""
        nodes = [*(leaves or map(Value, self.leaves))]
        for name, *operands in self.program:
            nodes.append(
                ops[name](
                    *[nodes[x] if isinstance(x, int) else x for x in operands]
                )
            )
        return nodes


def number(rng: Random, kind: str) -> float:
    """A leaf or a constant: moderate, from a few that tie, or any float at all."""
    if kind == "plain" or rng.random() < 0.2:
        return rng.choice(PLAIN)
    if kind == "moderate" or rng.random() < 0.5:
        return rng.uniform(-3, 3)
    return rng.choice(
        [*FINITE, math.ldexp(rng.uniform(-1, 1), rng.randint(-1074, 1023))]
    )


def operands(rng: Random, places: int, arity: int, kind: str) -> list[int | float]:
    """Earlier places, mostly late ones; often the same twice, now and then a constant among them."""
    back = [
        min(rng.choice([0, 1, 2, 3, 5, 8, rng.randrange(places)]), places - 1)
        for _ in range(arity)
    ]
    found: list[int | float] = [places - 1 - i for i in back]
    if arity > 1 and rng.random() < 0.25:
        found[1] = found[0]
    elif arity > 1 and rng.random() < 0.3:
        found[rng.randrange(arity)] = number(rng, kind)
    return found


def gentle(name: str, numbers: Sequence[float]) -> bool:
    """Whether the op has a value of moderate size here, and moderate partials."""
    found = [
        exact(f, numbers) for f in (ORACLES[name].value, *ORACLES[name].partials)
    ]
    return all(z is not None and abs(z) < 1e3 for z in found) and (
        not found[0] or abs(found[0]) > 1e-3
    )


def random_case(rng: Random, most: int, guarded: bool = True) -> Case:
    """A program of up to so many ops; guarded, all its numbers and partials are moderate."""
    kind = rng.choice(
        ["moderate", "plain"] if guarded else ["any", "any", "moderate", "plain"]
    )
    leaves = tuple(number(rng, kind) for _ in range(rng.randint(1, 4)))
    directions = tuple(
        tuple(rng.choice([1.0, -1.0, 2.0, 0.5]) for _ in leaves) for _ in range(3)
    )
    numbers, program = [*leaves], list[tuple[str, *tuple[int | float, ...]]]()
    sums = 0  # so many more terms of a sum
    for _ in range(rng.randint(1, rng.choice([most, max(most // 4, 3)]))):
        name = (
            "add"
            if sums
            else rng.choice(
                STRAIGHT if kind == "plain" and rng.random() < 0.7 else NAMES
            )
        )
        chosen = operands(rng, len(numbers), ARITY[name], kind)
        if sums and isinstance(chosen[1], int):
            chosen[0] = len(numbers) - 1
        sums = sums - 1 if sums else rng.randint(2, 9) * (rng.random() < 0.05)
        given = [numbers[x] if isinstance(x, int) else x for x in chosen]
        if guarded and not gentle(name, given):
            name = ["tanh", "minimum", "where"][ARITY[name] - 1]
        value = exact(ORACLES[name].value, given) if guarded else 0.0
        numbers.append(float(value or 0.0))
        program.append((name, *chosen))
    places = range(len(leaves), len(numbers))
    outputs = (
        *{rng.choice(places) for _ in range(rng.randint(0, 2))} - {places[-1]},
        places[-1],
    )
    return Case(
        program,
        leaves,
        outputs,
        directions,
        tuple(number(rng, kind) for _ in leaves),
    )


def grown(
    rng: Random,
    leaves: Sequence[Value],
    makers: Sequence[Callable[..., Any]],
    size: int,
    recent: int = 0,
    constants: Sequence[float] = (),
) -> list[Value]:
    """The leaves and so many nodes more, each made of earlier ones: the first of them recent, if so many are.

    A maker takes two of them; the second may be a constant.
    """
    nodes = [*leaves]
    for _ in range(size):
        x, y = rng.choice(nodes[-recent:]), rng.choice([*nodes, *constants])
        nodes.append(rng.choice(makers)(x, y))
    return nodes
