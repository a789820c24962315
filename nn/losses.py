"""Losses with PyTorch's meaning, as means: ``loss(prediction, target)`` for one row or for a list of rows.

A prediction is what a model gives for a row, a Value or a list of them; a target is a number or a row of
numbers, for ``cross_entropy`` a class's index or one number a class.  The logarithm of a probability is
clamped at -100, so that 0·log 0 is 0.  All of them raise ValueError for targets that do not fit the
predictions, or that are no labels of the loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial, reduce, update_wrapper
from typing import Any, TypeAlias, cast

from autograd import Value, exp, log, maximum, relu, scope, softplus
from autograd.ieee import BOOL, REAL
from autograd.operators import Scalar, plus, times

__all__ = ["LOSSES", "Loss", "bce", "bce_with_logits", "cross_entropy", "cross_entropy_with_logits", "hinge"]
__all__ += ["mse"]

Domain: TypeAlias = "tuple[Callable[[float], bool], str]"  # which numbers are allowed, and how to say it
ANY: Domain = (lambda x: True, "")
UNIT: Domain = (lambda x: 0 <= x <= 1, "between 0 and 1")
WAY_OUT = 'probabilities, between 0 and 1 (by output="sigmoid", "softmax"; or take the loss _with_logits)'
PROBABILITY: Domain = (lambda x: 0 <= x <= 1 or x != x, WAY_OUT)  # of a nan, the loss itself tells
SIGN: Domain = (lambda x: x in (-1, 1), "-1 or 1")


class Loss:
    """The mean of a term over all pairs of a prediction and a target.

    ``domains`` say what a prediction and a target may be; above its ``thresholds`` each says yes, for the
    accuracy.
    """

    def __init__(
        self, term: Callable[[Any, Any], Scalar], domains: tuple[Domain, Domain] = (ANY, ANY),
        thresholds: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        self.term, self.domains, self.thresholds, self.name = term, domains, thresholds, term.__name__
        update_wrapper(self, term)

    def __call__(self, predictions: Any, targets: Any) -> Value:
        pairs = self.pairs(predictions, targets)
        with scope(self.name):
            total = cast("Value", sum(self.term(p, t) for p, t in pairs))
            return total / len(pairs) if len(pairs) > 1 else total

    def pairs(self, predictions: Any, targets: Any) -> list[tuple[Any, Any]]:
        """Every number that is compared with another, checked."""
        if is_scalar(predictions) and is_scalar(targets):
            return [(self.checked(0, predictions), self.checked(1, targets))]
        rows = matched(self.name, row_of(predictions), row_of(targets))
        return [pair for p, t in rows for pair in self.pairs(p, t)]

    def checked(self, side: int, x: Scalar) -> Scalar:
        """A prediction (side 0) or a target (side 1); a plain number as a float."""
        allowed, which = self.domains[side]
        if not allowed(plain(x)):
            what = ("predictions", "targets")[side]
            raise ValueError(f"{self.name}'s {what} are {which}, not {plain(x)}")
        return x if isinstance(x, Value) else float(x)

    def correct(self, prediction: Any, target: Any) -> bool:
        """Whether a prediction says what its target says."""
        if self.thresholds is None:
            raise ValueError(f"{self.name} compares numbers: it has no accuracy")
        threshold, label = self.thresholds
        return all((plain(p) > threshold) == (plain(t) > label) for p, t in self.pairs(prediction, target))

    def __repr__(self) -> str:
        return f"<loss {self.name}>"

    def __reduce__(self) -> str:
        return self.name


class ClassLoss(Loss):
    """A loss whose term takes a row of classes and how much of the target each one is."""

    def pairs(self, predictions: Any, targets: Any) -> list[tuple[Any, Any]]:
        """Every row of classes with its target's, checked."""
        if is_scalar(predictions):
            raise ValueError(f"{self.name} takes a row of classes, not one number: one output for each class")
        rows = row_of(predictions)
        if rows and is_scalar(rows[0]):
            return [([self.checked(0, p) for p in rows], self.share(targets, len(rows)))]
        return [pair for p, t in matched(self.name, rows, row_of(targets)) for pair in self.pairs(p, t)]

    def share(self, target: Any, classes: int) -> list[Scalar]:
        """A target as one number for every class: 1 for the index that it is, or as given."""
        row = row_of(target)
        if is_scalar(target) or len(row) == 1 < classes:
            index = plain(row[0])
            if index not in range(classes):
                raise ValueError(f"{self.name}: {index:.10g} is no class; they go from 0 to {classes - 1}")
            return [float(i == index) for i in range(classes)]
        shares = [self.checked(1, t) for _, t in matched(self.name, [0.0] * classes, row)]
        if not any(isinstance(t, Value) for t in shares) and abs(sum(map(plain, shares)) - 1) > 0.01:
            raise ValueError(f"{self.name}'s targets add up to 1, not {sum(map(plain, shares)):g}")
        return shares

    def correct(self, prediction: Any, target: Any) -> bool:
        """Whether the likeliest class is the target's."""
        [(row, shares)] = self.pairs(prediction, target)
        return largest(row) == largest(shares)


def is_scalar(x: Any) -> bool:
    """Whether x is one number or Value."""
    return isinstance(x, (Value, *REAL, *BOOL))


def row_of(x: Any) -> list[Any]:
    """A row as a list; a lone number is a row of one."""
    if isinstance(x, (str, bytes)) or not (is_scalar(x) or isinstance(x, Iterable)):
        raise TypeError(f"a loss takes numbers, Values and rows of them, not {type(x).__name__}")
    return [x] if is_scalar(x) else list(cast("Any", x))


def matched(name: str, predictions: Sequence[Any], targets: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Predictions with their targets; there are as many of each, and at least one."""
    if len(predictions) != len(targets) or not predictions:
        raise ValueError(f"{name}: {len(predictions)} predictions do not match {len(targets)} targets")
    return list(zip(predictions, targets, strict=True))


def plain(x: Scalar) -> float:
    """The number itself."""
    return x.data if isinstance(x, Value) else float(x)


def largest(row: Sequence[Scalar]) -> int:
    """The place of the largest number, the first of several."""
    return max(range(len(row)), key=lambda i: plain(row[i]))


def clamped_log(p: Scalar) -> Value:
    """log p, but never below -100."""
    return log(maximum(p, math.exp(-100)))


@partial(Loss)
def mse(p: Any, t: Any) -> Scalar:
    """The mean squared error."""
    return (p - t) ** 2


@partial(Loss, domains=(PROBABILITY, UNIT), thresholds=(0.5, 0.5))
def bce(p: Any, t: Any) -> Scalar:
    """The binary cross-entropy of probabilities.

    >>> round(bce([Value(0.8), Value(0.4)], [1, 0]).data, 4)
    0.367
    """
    return -plus(times(t, clamped_log(p)), times(1 - t, clamped_log(1 - p)))


@partial(Loss, domains=(ANY, UNIT), thresholds=(0.0, 0.5))
def bce_with_logits(z: Any, t: Any) -> Scalar:
    """The binary cross-entropy of sigmoid(z), accurate for every z."""
    return plus(times(t, softplus(-z)), times(1 - t, softplus(z)))


@partial(Loss, domains=(ANY, SIGN), thresholds=(0.0, 0.0))
def hinge(z: Any, t: Any) -> Scalar:
    """How far a score falls short of 1 on its label's side; labels are -1 and 1."""
    return relu(1 - t * z)


@partial(ClassLoss, domains=(PROBABILITY, UNIT))
def cross_entropy(row: Sequence[Any], shares: Sequence[Scalar]) -> Scalar:
    """The cross-entropy of a row of probabilities, one a class.

    >>> round(cross_entropy([0.1, 0.3, 0.6], 2), 4)
    0.5108
    """
    pairs = zip(row, shares, strict=True)
    return -reduce(plus, (times(t, clamped_log(p)) for p, t in pairs if isinstance(t, Value) or t))


@partial(ClassLoss, domains=(ANY, UNIT))
def cross_entropy_with_logits(row: Sequence[Any], shares: Sequence[Scalar]) -> Scalar:
    """The cross-entropy of softmax(row), which stays finite where softmax gives 0."""
    top = reduce(maximum, row)
    total = log(sum(exp(z - top) for z in row))
    return reduce(plus, (times(t, total + (top - z)) for z, t in zip(row, shares, strict=True)))


LOSSES = {x.name: x for x in (mse, bce, bce_with_logits, hinge, cross_entropy, cross_entropy_with_logits)}
