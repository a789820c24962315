"""Formulas as sums of products: what an op's formula becomes when its operands are formulas.

An Expr gathers equal terms, equal factors, signs and numbers.  It never multiplies out, factors, or looks
into brackets.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

from ..ieee import PYTHON
from ..terms import ARITHMETIC

Number: TypeAlias = "Fraction | float"
Call: TypeAlias = "tuple[str, tuple[Expr, ...]]"  # as exp(-x)
Base: TypeAlias = "str | Expr | Call"  # a name, a sum in brackets, a call
Factor: TypeAlias = "tuple[Base, Expr]"  # a base and its power
Product: TypeAlias = "tuple[Number, tuple[Factor, ...]]"  # a term of a sum
EXACT = 1e15  # coefficients up to here stay exact fractions


class Expr(tuple["Product", ...]):
    """A sum of terms in their order of arrival, with the operators that an op's formula needs; () is 0."""

    def plus(self, *others: Any) -> Expr:
        """The sum; terms with the same factors are added up."""
        terms: dict[frozenset[Factor], Product] = {}
        for coefficient, factors in chain(self, *map(expr, others)):
            earlier, first = terms.get(frozenset(factors), (0, factors))
            terms[frozenset(factors)] = earlier + coefficient, first
        return Expr(term for term in terms.values() if term[0])

    def __mul__(self, y: Any) -> Expr:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The product; equal bases add their powers, and a sum of several terms counts as one base."""
        (c, left), (d, right) = self.as_term(), expr(y).as_term()
        coefficient, factors = product(c, d), gathered(left + right)
        single = alone(coefficient, factors)
        if isinstance(single, Expr):
            return single  # 1·(a + b) needs no brackets
        return Expr([(coefficient, factors)]) if coefficient else ZERO

    def __pow__(self, y: Any) -> Expr:
        """The power; anything to the power 0 is 1."""
        power = expr(y)
        if power.number() == 0:
            return ONE
        if power.number() > 0 and not self.as_term()[0]:
            return ZERO
        return self.raised(power)

    def raised(self, power: Expr) -> Expr:
        """A power other than 0: a whole one of every factor, any other of a plain factor or of the whole."""
        c, factors = self.as_term()
        k = power.number()
        if is_spread(c, factors, k):
            powers = tuple((base, n * power) for base, n in factors)
            return Expr([(c ** int(k), powers)])
        single = alone(c, factors)
        base = self if single is None else single
        return Expr([(Fraction(1), ((base, power),))])

    # fmt: off
    def __add__(self, y: Any) -> Expr: return self.plus(y)  # pyright: ignore[reportIncompatibleMethodOverride]
    def __radd__(self, x: Any) -> Expr: return expr(x) + self
    def __rmul__(self, x: Any) -> Expr: return expr(x) * self  # pyright: ignore[reportIncompatibleMethodOverride]
    def __rpow__(self, x: Any) -> Expr: return expr(x) ** self
    def __neg__(self) -> Expr: return self * -1
    def __sub__(self, y: Any) -> Expr: return self + -expr(y)
    def __rsub__(self, x: Any) -> Expr: return expr(x) - self
    def __truediv__(self, y: Any) -> Expr: return self * expr(y) ** -1
    def __rtruediv__(self, x: Any) -> Expr: return expr(x) / self
    # fmt: on

    def as_term(self) -> Product:
        """As one term: several go into brackets, with a minus that all of them share in front."""
        if not self:
            return Fraction(0), ()
        return self[0] if len(self) == 1 else self.in_brackets()

    def in_brackets(self) -> Product:
        """Several terms as one."""
        if all(c < 0 for c, _ in self):
            return Fraction(-1), ((self.opposite(), ONE),)
        return Fraction(1), ((self, ONE),)

    def opposite(self) -> Expr:
        """All terms with the other sign."""
        return Expr((-c, factors) for c, factors in self)

    def number(self) -> Number:
        """The number that it is; nan if it is none."""
        c, factors = self.as_term()
        return math.nan if factors else c


def product(c: Number, d: Number) -> Number:
    """The product of two coefficients, which is exact up to a limit."""
    return c * d if abs(c * d) < EXACT else float(c) * float(d)


def gathered(factors: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """Factors with the powers of equal bases added up."""
    powers: dict[Base, Expr] = defaultdict(Expr)
    for base, power in factors:
        powers[base] += power
    return tuple((base, power) for base, power in powers.items() if power)


def alone(coefficient: Number, factors: tuple[Factor, ...]) -> Base | None:
    """The base of a product that is nothing else."""
    plain = coefficient == 1 and [power for _, power in factors] == [ONE]
    return factors[0][0] if plain else None


def is_spread(c: Number, factors: tuple[Factor, ...], k: Number) -> bool:
    """Whether every factor takes the power k by itself; 1/3.14159 stays."""
    if not is_short(c, k):
        return False
    return bool(factors) or k > 0 or isinstance(c, Fraction)


def is_short(c: Number, k: Number) -> bool:
    """Whether k is whole and c^k has few digits."""
    return k % 1 == 0 and c != 0 and abs(k * math.log10(abs(c))) < math.log10(EXACT)


def expr(x: Base | float) -> Expr:
    """A base or a number as an Expr.  Whole numbers stay exact, so that x/2 and 0.5·x stay apart."""
    if isinstance(x, Expr):
        return x
    if isinstance(x, str | tuple):
        return Expr([(Fraction(1), ((x, ONE),))])
    return constant(x)


def constant(x: float) -> Expr:
    """A number as an Expr; ∞ and nan are names."""
    if x == 0:
        return ZERO
    if not math.isfinite(x):
        return expr(f"{x:g}".replace("inf", "∞"))
    return Expr([(Fraction(x) if x == int(x) else x, ())])


def call(word: str, *args: Any) -> Expr:
    """A call of formulas."""
    return expr((word, tuple(map(expr, args))))


def letters(e: Expr) -> Iterator[str]:
    """Every name in an expression."""
    for base, power in chain(*[factors for _, factors in e]):
        yield from letters_of(base)
        if power != ONE:
            yield from letters(power)


def letters_of(base: Base) -> Iterator[str]:
    """Every name in a base."""
    match base:
        case str():
            yield base
        case Expr():
            yield from letters(base)
        case _, args:
            yield from chain(*map(letters, args))


ZERO, ONE = Expr(), Expr([(Fraction(1), ())])
SYMBOLIC: dict[str, Callable[..., Any]] = {
    **{word: partial(call, word) for word, x in PYTHON.items() if callable(x)},
    **ARITHMETIC,
    "pow": pow,
}
