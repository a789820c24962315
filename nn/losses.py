"""Losses with PyTorch's meaning, as means: ``loss(prediction, target)`` for one row or for a list of rows.

A prediction is what a model gives for a row, a Value or a list of them; a target is a number or a row of
numbers, for ``cross_entropy`` a class's index or one number a class.  The logarithm of a probability is
clamped at -100, so that 0·log 0 is 0.  All of them raise ValueError for targets that do not fit the
predictions, or that are no labels of the loss.

To add a loss, write one decorated function: its term for one prediction and one target.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial, reduce, update_wrapper
from typing import Any, TypeAlias, cast

from autograd import Value, exp, log, maximum, relu, scope, softplus, stop_gradient
from autograd.flows import plus, times
from autograd.ieee import BOOL, number
from autograd.value import Scalar, plain

# Every loss below is filed and exported as it is made.
EXPORTED = [
    "LOSSES",
    "Loss",
]
__all__ = EXPORTED  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]
LOSSES: dict[str, "Loss"] = {}

# Which numbers, their middle, how to say it.
Domain: TypeAlias = tuple[Callable[[float], bool], float, str]
ANY: Domain = (lambda x: True, 0.0, "")
UNIT: Domain = (lambda x: 0 <= x <= 1, 0.5, "between 0 and 1")
WAY_OUT = 'probabilities, between 0 and 1 (by output="sigmoid", "softmax"; or take the loss _with_logits)'
# A nan is taken: the loss itself is nan then.
PROBABILITY: Domain = (
    lambda x: 0 <= x <= 1 or x != x,
    0.5,
    WAY_OUT,
)
SIGN: Domain = (lambda x: x in (-1, 1), 0.0, "-1 or 1")


class Loss:
    """The mean of a term over all pairs of a prediction and a target, which have a domain each.

    Above the middles of their domains, a prediction and a target say yes: so much for the accuracy.
    """

    def __init__(
        self,
        term: Callable[..., Any],
        prediction: Domain = ANY,
        target: Domain = ANY,
    ) -> None:
        self.term, self.name = term, term.__name__
        self.domains = {"predictions": prediction, "targets": target}
        update_wrapper(self, term)
        if term.__module__ == __name__:
            LOSSES[self.name] = self
            EXPORTED.append(self.name)

    def __call__(self, predictions: Any, targets: Any) -> Value:
        pairs = self.pairs(predictions, targets)
        with scope(self.name):
            total: Any = sum(self.term(p, t) for p, t in pairs)
            return total / len(pairs) if len(pairs) > 1 else total

    def pairs(self, predictions: Any, targets: Any) -> list[tuple[Any, Any]]:
        """Every number that is compared with another, checked."""
        p, t = nested(predictions), nested(targets)
        if isinstance(p, list) or isinstance(t, list):
            # of numbers, in any loss
            pairs = partial(Loss.pairs, self)
            return self.matched(row_of(p), row_of(t), pairs)
        self.check_domain("predictions", p)
        self.check_domain("targets", t)
        return [(p, t)]

    def check_domain(self, what: str, x: Scalar) -> None:
        """Raises ValueError for a number outside of the domain of what it is."""
        allowed, _, which = self.domains[what]
        if not allowed(plain(x)):
            raise ValueError(f"{self.name}'s {what} are {which}, not {plain(x)}")

    def matched(
        self, ps: list[Any], ts: list[Any], pairs: Callable[[Any, Any], list[Any]]
    ) -> list[Any]:
        """The pairs in every prediction and its target; there are as many of each, and at least one."""
        if len(ps) != len(ts) or not ps:
            counts = f"{len(ps)} predictions do not match {len(ts)} targets"
            raise ValueError(f"{self.name}: {counts}; give one for each")
        return [pair for p, t in zip(ps, ts, strict=True) for pair in pairs(p, t)]

    def correct(self, prediction: Any, target: Any) -> bool:
        """Whether a prediction says what its target says."""
        if self.domains["targets"] is ANY:
            raise ValueError(f"{self.name} compares numbers: it has no accuracy")
        _, middle, _ = zip(*self.domains.values(), strict=True)
        return all(
            (p > middle[0]) == (t > middle[1])
            for p, t in self.pairs(prediction, target)
        )

    def __repr__(self) -> str:
        return f"<loss {self.name}>"

    def __reduce__(self) -> str:
        return self.name


class ClassLoss(Loss):
    """A loss whose term takes a row of classes and how much of the target each one is."""

    def pairs(self, predictions: Any, targets: Any) -> list[tuple[Any, Any]]:
        """Every row of classes with its target's, checked."""
        row, target = nested(predictions), nested(targets)
        if isinstance(row, (Value, float)):
            raise ValueError(
                f"{self.name} takes a row of classes, not one number: one output for each class"
            )
        if not row or isinstance(row[0], list):
            return self.matched(row, row_of(target), self.pairs)
        row, shares = zip(
            *super().pairs(row, self.shares(target, len(row))), strict=True
        )
        return [(row, shares)]

    def shares(self, target: Any, classes: int) -> list[Any]:
        """A target as one number for every class: 1 for the index that it is, or as given."""
        row = row_of(target)
        if isinstance(target, list) and not len(row) == 1 < classes:
            self.check_total(row)
            return row
        index = plain(row[0])
        if index not in range(classes):
            raise ValueError(
                f"{self.name}: {index:.10g} is no class; they go from 0 to {classes - 1}"
            )
        return [float(i == index) for i in range(classes)]

    def check_total(self, row: list[Any]) -> None:
        """Raises ValueError for numbers that do not add up to 1; Values may become others."""
        total = sum(map(plain, row))
        varying = any(isinstance(t, Value) for t in row)
        if abs(total - 1) > 0.01 and not varying:
            raise ValueError(f"{self.name}'s targets add up to 1, not {total:g}")

    def correct(self, prediction: Any, target: Any) -> bool:
        """Whether the likeliest class is the target's."""
        [(row, shares)] = self.pairs(prediction, target)
        return row.index(max(row)) == shares.index(max(shares))


def nested(x: Any, leaf: Callable[[Any], Any] = lambda v: v) -> Any:
    """Rows as lists, and what ``leaf`` makes of every Value and float in them."""
    if isinstance(x, Iterable) and not isinstance(x, (str, bytes)):
        return [nested(v, leaf) for v in cast("Any", x)]
    return leaf(entry(x))


def entry(x: Any) -> Value | float:
    """A number of a row, as a Value or a float; True is 1.0."""
    if isinstance(x, Value):
        return x
    return float(x) if isinstance(x, BOOL) else number(x, "a loss")


def row_of(x: Any) -> list[Any]:
    """A row; a lone number is a row of one."""
    return x if isinstance(x, list) else [x]  # pyright: ignore[reportUnknownVariableType]


def weighted(shares: Iterable[Scalar], costs: Iterable[Scalar]) -> Scalar:
    """The costs' sum, each times its share."""
    return reduce(plus, map(times, shares, costs))


@partial(Loss)
def mse(p: Any, t: Any) -> Scalar:
    """The mean squared error."""
    return (p - t) ** 2


@partial(Loss, prediction=PROBABILITY, target=UNIT)
def bce(p: Any, t: Any) -> Scalar:
    """The binary cross-entropy of probabilities.

    >>> round(bce([Value(0.8), Value(0.4)], [1, 0]).data, 4)
    0.367
    """
    return cross_entropy.term([p, 1 - p], [t, 1 - t])


@partial(Loss, target=UNIT)
def bce_with_logits(z: Any, t: Any) -> Scalar:
    """The binary cross-entropy of sigmoid(z), accurate for every z."""
    return weighted([t, 1 - t], map(softplus, [-z, z]))


@partial(Loss, target=SIGN)
def hinge(z: Any, t: Any) -> Scalar:
    """How far a score falls short of 1 on its label's side; labels are -1 and 1."""
    return relu(1 - t * z)


@partial(ClassLoss, prediction=PROBABILITY, target=UNIT)
def cross_entropy(row: Sequence[Any], shares: Sequence[Scalar]) -> Scalar:
    """The cross-entropy of a row of probabilities, one a class.

    >>> round(cross_entropy([0.1, 0.3, 0.6], 2), 4)
    0.5108
    """
    return -weighted(shares, (log(maximum(p, exp(-100))) for p in row))


@partial(ClassLoss, target=UNIT)
def cross_entropy_with_logits(
    row: Sequence[Any], shares: Sequence[Scalar]
) -> Scalar:
    """The cross-entropy of softmax(row), which stays finite where softmax gives 0."""
    top = stop_gradient(reduce(maximum, row))  # it cancels
    total = log(sum(exp(z - top) for z in row))
    return weighted(shares, (total + (top - z) for z in row))
