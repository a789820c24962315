"""Losses: values and gradients by fifty digits, what a batch means, and which targets are refused."""

from __future__ import annotations

import copy
import math
import pickle
import random
from collections.abc import Callable
from itertools import product
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nn
from autograd import Value, formula, grad, gradcheck, sigmoid, toposort
from autograd.pictures.boxes import boxes
from nn import (
    LOSSES,
    Loss,
    bce,
    bce_with_logits,
    cross_entropy,
    cross_entropy_with_logits,
    hinge,
    mse,
    softmax,
)
from nn.losses import ClassLoss
from tests.oracle import mp
from tests.scripts import needs_docstrings

Exact = Any
NAMES = [*LOSSES]
OF_CLASSES = [name for name, loss in LOSSES.items() if isinstance(loss, ClassLoss)]
OF_NUMBERS = [name for name in NAMES if name not in OF_CLASSES]
KNOWN = {
    "mse",
    "bce",
    "bce_with_logits",
    "hinge",
    "cross_entropy",
    "cross_entropy_with_logits",
}
CLAMP = mp.exp(-100)


def clamped(p: Exact) -> Exact:
    return mp.log(p) if p > CLAMP else mp.mpf(-100)


def logistic(z: Exact) -> Exact:
    return 1 / (1 + mp.exp(-z))


def shares_of(row: list[Exact]) -> list[Exact]:
    """The softmax by its definition: an mpf's exponent has no bounds."""
    powers = [mp.exp(z) for z in row]
    return [x / sum(powers) for x in powers]


# A loss of one pair as analysis knows it: value, ∂/∂prediction, ∂/∂target
PAIRS: dict[str, tuple[Callable[[Exact, Exact], Exact], ...]] = {
    "mse": (
        lambda p, t: (p - t) ** 2,
        lambda p, t: 2 * (p - t),
        lambda p, t: 2 * (t - p),
    ),
    "bce": (
        lambda p, t: -(t * clamped(p) + (1 - t) * clamped(1 - p)),
        lambda p, t: (
            (-t / p if p > CLAMP else 0)
            + ((1 - t) / (1 - p) if 1 - p > CLAMP else 0)
        ),
        lambda p, t: clamped(1 - p) - clamped(p),
    ),
    "bce_with_logits": (
        lambda z, t: t * mp.log(1 + mp.exp(-z)) + (1 - t) * mp.log(1 + mp.exp(z)),
        lambda z, t: logistic(z) - t,
        lambda z, t: -z,
    ),
    "hinge": (
        lambda z, t: max(mp.mpf(0), 1 - t * z),
        lambda z, t: -t if t * z < 1 else mp.mpf(0),
        lambda z, t: -z if t * z < 1 else mp.mpf(0),
    ),
}
# fmt: off
PREDICTIONS: dict[str, list[float]] = {
    "mse": [0.0, 1.0, -1.5, 0.1, 1e-200, 1e8, -1e150],
    "bce": [0.0, 5e-324, 1e-320, 3e-44, 4e-44, 1e-20, 1e-3, 0.3, 0.5, 0.9, 1 - 2**-53, 1.0],
    "bce_with_logits": [0.0, -0.3, 2.5, 36.0, -36.0, 40.0, 709.0, -709.0, 745.0, 1000.0, -1000.0, 1e300],
    "hinge": [0.0, 0.5, -0.5, 0.999, 1.001, -0.999, -1.001, 1000.0, -1000.0],
}
# fmt: on
TARGETS = {"mse": [0.0, 1.0, -2.25, 1e8], "hinge": [-1, 1]}
CASES = [
    (n, p, t)
    for n in PAIRS
    for p in PREDICTIONS[n]
    for t in TARGETS.get(n, [0, 0.25, 0.5, 1])
]


def numbers(values: Any) -> list[float]:
    return [v.data for v in values]


def near(x: Exact, rel: float = 1e-13, least: float = 1e-15) -> Any:
    return pytest.approx(float(x), rel=rel, abs=least)


@needs_docstrings
def test_the_table_of_losses() -> None:
    assert {*LOSSES} >= KNOWN
    assert all(loss is getattr(nn, name) for name, loss in LOSSES.items())
    assert {*NAMES} <= {*nn.__all__}
    assert [(loss.__name__, loss.name, repr(loss)) for loss in LOSSES.values()] == [
        (name, name, f"<loss {name}>") for name in NAMES
    ]
    assert all(
        loss.__doc__ and "mean of a term" not in loss.__doc__
        for loss in LOSSES.values()
    )


# -------------------------------------------------------------------------------------- elementwise by digits
@pytest.mark.parametrize(("name", "p", "t"), CASES)
def test_values_and_gradients(name: str, p: float, t: float) -> None:
    """The target is a number; then a Value, which gets a gradient as well."""
    loss, exact = LOSSES[name], [f(mp.mpf(p), mp.mpf(t)) for f in PAIRS[name]]
    prediction = Value(p)
    plain = loss(prediction, t)
    plain.backward()
    assert plain.data == near(exact[0])
    assert prediction.grad == near(exact[1])
    prediction, target = Value(p), Value(t)
    both = loss(prediction, target)
    both.backward()
    assert both.data == near(exact[0])
    assert [prediction.grad, target.grad] == [near(exact[1]), near(exact[2])]


@pytest.mark.parametrize(("name", "p", "t"), CASES[:: len(CASES) // 25])
def test_plain_numbers_give_the_same_number(name: str, p: float, t: float) -> None:
    found = LOSSES[name](p, t)
    assert type(found) is float
    assert found == near(LOSSES[name](Value(p), t).data)


def test_hand_written_numbers() -> None:
    assert mse([Value(1.0), Value(2.0)], [3.0, 5.0]).data == 6.5
    assert bce(Value(0.25), 1).data == pytest.approx(1.3862943611198906)
    assert (
        bce(Value(0.0), 1).data
        == bce(Value(1.0), 0).data
        == pytest.approx(100, rel=1e-15)
    )
    assert bce(Value(0.0), 0).data == bce(Value(1.0), 1).data == 0.0
    assert bce_with_logits(Value(0.0), 1).data == pytest.approx(0.6931471805599453)
    assert bce_with_logits(Value(1000.0), 0).data == 1000.0
    assert bce_with_logits(Value(1000.0), 1).data == 0.0
    assert hinge([Value(0.25), Value(-3.0), Value(2.0)], [1, 1, 1]).data == 4.75 / 3
    assert cross_entropy([Value(0.0), Value(1.0)], 0).data == pytest.approx(
        100, rel=1e-15
    )
    assert cross_entropy_with_logits(
        [Value(1.0), Value(2.0), Value(3.0)], 0
    ).data == pytest.approx(2.4076059644443806)
    assert (
        cross_entropy_with_logits([Value(1000.0), Value(-1000.0)], 1).data == 2000.0
    )
    assert cross_entropy_with_logits([Value(1000.0), Value(-1000.0)], 0).data == 0.0


def test_the_kink_of_the_hinge() -> None:
    z = Value(1.0)
    hinge(z, 1).backward()
    assert z.grad == 0.0


@pytest.mark.parametrize("p", [0.0, 1.0, 1e-320, 5e-324])
@pytest.mark.parametrize("t", [0, 1, 0.5])
def test_gradients_are_finite_where_a_probability_is_0_or_1(
    p: float, t: float
) -> None:
    for loss, prediction, target in (
        (bce, [Value(p)], [t]),
        (cross_entropy, [Value(p), Value(1 - p)], [t, 1 - t]),
    ):
        loss(prediction, target).backward()
        assert all(math.isfinite(v.grad) for v in prediction)


# ------------------------------------------------------------------------------------------ classes by digits
LOGITS = [
    [0.0, 0.0],
    [1.0, 2.0, 3.0],
    [-0.5, 0.25, -0.5, 4.0],
    [5.0],
    [1000.0, -1000.0, 0.0],
    [-1000.0, -1000.5],
    [1000.0, 1000.0, 999.0],
    [3.0, 3.0, 3.0],
    [-745.0, 0.0],
    [1e-300, -1e-300],
]


def targets_for(n: int) -> list[Any]:
    """Every class by its index and a few rows of shares."""
    tenth = [0.1] * (n - 1) + [1 - 0.1 * (n - 1)]
    return [*range(n), tenth, tenth[::-1]] if n > 1 else [0]


def one_hot(target: Any, n: int) -> list[Exact]:
    return (
        [mp.mpf(i == target) for i in range(n)]
        if isinstance(target, int)
        else [mp.mpf(t) for t in target]
    )


@pytest.mark.parametrize("row", LOGITS, ids=repr)
def test_cross_entropy_with_logits(row: list[float]) -> None:
    shares = shares_of([mp.mpf(z) for z in row])
    for target in targets_for(len(row)):
        t = one_hot(target, len(row))
        values = [Value(z) for z in row]
        found = cross_entropy_with_logits(values, target)
        found.backward()
        assert found.data == near(
            -sum(a * mp.log(s) for a, s in zip(t, shares, strict=True))
        )
        expected = [near(s * sum(t) - a) for a, s in zip(t, shares, strict=True)]
        assert [v.grad for v in values] == expected


@pytest.mark.parametrize(
    "row",
    [
        [0.5, 0.5],
        [0.1, 0.3, 0.6],
        [0.0, 1.0],
        [1e-320, 0.25, 0.75],
        [1.0],
        [0.2, 0.3],
        [4e-44, 3e-44, 0.9],
    ],
)
def test_cross_entropy(row: list[float]) -> None:
    for target in targets_for(len(row)):
        t = one_hot(target, len(row))
        values = [Value(p) for p in row]
        found = cross_entropy(values, target)
        found.backward()
        assert found.data == near(
            -sum(a * clamped(mp.mpf(p)) for a, p in zip(t, row, strict=True))
        )
        expected = [
            near(-a / mp.mpf(p) if p > CLAMP else 0)
            for a, p in zip(t, row, strict=True)
        ]
        assert [v.grad for v in values] == expected


@pytest.mark.parametrize("row", LOGITS, ids=repr)
def test_softmax(row: list[float]) -> None:
    values, exact = [Value(z) for z in row], shares_of([mp.mpf(z) for z in row])
    found = softmax(values)
    assert numbers(found) == [near(s) for s in exact]
    weights = [0.5 + i for i in range(len(row))]
    sum(w * s for w, s in zip(weights, found, strict=True)).backward()
    mean = sum(w * s for w, s in zip(weights, exact, strict=True))
    assert [v.grad for v in values] == [
        near(s * (w - mean)) for w, s in zip(weights, exact, strict=True)
    ]


ROW = st.lists(st.floats(-50, 50), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(ROW, st.integers(-512, 512), st.randoms(use_true_random=False))
def test_softmax_adds_up_to_1_and_a_shift_or_an_order_changes_nothing(
    row: list[float], shift: int, rng: random.Random
) -> None:
    row = [round(z * 1024) / 1024 for z in row]  # so that the shift rounds nothing
    found = softmax(row)
    assert math.fsum(found) == pytest.approx(1, rel=1e-15)
    assert softmax([z + shift for z in row]) == found
    assert cross_entropy_with_logits([z + shift for z in row], 0) == pytest.approx(
        cross_entropy_with_logits(row, 0), rel=1e-12, abs=1e-12
    )
    order = rng.sample(range(len(row)), len(row))
    assert softmax([row[i] for i in order]) == pytest.approx(
        [found[i] for i in order], rel=1e-15
    )
    assert [sorted(found).index(s) for s in found] == [
        sorted(found).index(found[row.index(z)]) for z in row
    ]


def test_targets_of_classes_that_are_values_get_gradients() -> None:
    for loss, row in (
        (cross_entropy, [0.2, 0.3, 0.5]),
        (cross_entropy_with_logits, [-1.0, 0.5, 2.0]),
    ):
        targets = [Value(0.25), Value(0.25), Value(0.5)]
        loss([Value(p) for p in row], targets).backward()
        chances = (
            row
            if loss is cross_entropy
            else [math.exp(z) / sum(map(math.exp, row)) for z in row]
        )
        expected = [-math.log(p) for p in chances]
        assert [t.grad for t in targets] == pytest.approx(expected, rel=1e-13)


# ----------------------------------------------------------------------------------------- with logits or not
@settings(max_examples=50, deadline=None)
@given(st.floats(-25, 25), st.sampled_from([0, 1, 0.3]))
def test_bce_with_logits_is_bce_after_a_sigmoid(z: float, t: float) -> None:
    x, y = Value(z), Value(z)
    found, composed = bce_with_logits(x, t), bce(sigmoid(y), t)
    found.backward()
    composed.backward()
    assert found.data == pytest.approx(
        composed.data, rel=1e-4, abs=1e-12
    )  # the other one has lost the digits
    assert x.grad == pytest.approx(y.grad, rel=1e-4, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-20, 20), min_size=2, max_size=4), st.integers(0, 1))
def test_cross_entropy_with_logits_is_cross_entropy_after_a_softmax(
    row: list[float], target: int
) -> None:
    xs, ys = [Value(z) for z in row], [Value(z) for z in row]
    found, composed = (
        cross_entropy_with_logits(xs, target),
        cross_entropy(softmax(ys), target),
    )
    found.backward()
    composed.backward()
    assert found.data == pytest.approx(composed.data, rel=1e-12, abs=1e-12)
    assert [x.grad for x in xs] == pytest.approx(
        [y.grad for y in ys], rel=1e-9, abs=1e-12
    )


@settings(max_examples=25, deadline=None)
@given(st.floats(-700, 700))
def test_two_classes_are_one_logit(z: float) -> None:
    assert cross_entropy_with_logits([0.0, z], 1) == pytest.approx(
        bce_with_logits(z, 1), rel=1e-12, abs=1e-14
    )
    assert softmax([0.0, z])[1] == pytest.approx(sigmoid(z), rel=1e-12)


# ---------------------------------------------------------------------------------------------------- batches
BATCHES: dict[str, tuple[list[Any], list[Any]]] = {
    "mse": ([1.0, -2.0, 0.5, 3.0], [0.0, 1.0, 0.5, -1.0]),
    "bce": ([0.1, 0.9, 0.5, 0.3], [0, 1, 1, 0.25]),
    "bce_with_logits": ([1.0, -2.0, 0.5, 3.0], [0, 1, 1, 0.25]),
    "hinge": ([1.0, -2.0, 0.5, 3.0], [1, 1, -1, -1]),
    "cross_entropy": ([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]], [0, 1, [0.25, 0.75]]),
    "cross_entropy_with_logits": (
        [[-1.0, 2.0], [0.5, 0.5], [0.9, 3.0]],
        [0, 1, [0.25, 0.75]],
    ),
}


def batch_of(name: str) -> tuple[Any, Any]:
    """Predictions and targets: by hand, or for a new loss those of another that it takes too."""
    candidates = [BATCHES[name]] if name in BATCHES else BATCHES.values()
    return next(batch for batch in candidates if takes(LOSSES[name], *batch))


def takes(loss: Loss, predictions: Any, targets: Any) -> bool:
    """Whether these are predictions and targets for it."""
    try:
        loss.pairs(predictions, targets)
    except ValueError:
        return False
    return True


def valued(x: Any) -> Any:
    return [valued(v) for v in x] if isinstance(x, list) else Value(x)


def leaves(x: Any) -> list[Value]:
    return [x] if isinstance(x, Value) else [v for row in x for v in leaves(row)]


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_of_a_batch_is_the_mean_of_its_rows(name: str) -> None:
    loss, (predictions, targets) = LOSSES[name], batch_of(name)
    batch, rows = valued(predictions), valued(predictions)
    whole, parts = (
        loss(batch, targets),
        [loss(p, t) for p, t in zip(rows, targets, strict=True)],
    )
    assert whole.data == pytest.approx(np.mean(numbers(parts)), rel=1e-14)
    whole.backward()
    for part in parts:
        part.backward()
    expected = [v.grad / len(parts) for v in leaves(rows)]
    assert [v.grad for v in leaves(batch)] == pytest.approx(
        expected, rel=1e-13, abs=1e-16
    )
    for order in ([2, 0, 1], [1, 2, 0]):
        shuffled = loss(
            [predictions[i] for i in order], [targets[i] for i in order]
        )
        assert shuffled == pytest.approx(
            loss(predictions[:3], targets[:3]), rel=1e-14
        )
    assert loss(predictions[:1], targets[:1]) == loss(predictions[0], targets[0])


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_a_batch_is_that_of_the_formulas_of_its_ops(
    name: str,
) -> None:
    """By complex steps, which trust no partial: so that a new loss is checked without a line about it."""
    predictions, targets = batch_of(name)
    flat = (
        [x for row in predictions for x in row]
        if name in OF_CLASSES
        else predictions
    )

    def of(*numbers: Any) -> Any:
        width = len(flat) // len(predictions)
        rows = [list(numbers[at : at + width]) for at in range(0, len(flat), width)]
        return LOSSES[name](rows if name in OF_CLASSES else list(numbers), targets)

    assert gradcheck(of, *[x + 0.01 for x in flat], order=1)  # not at a kink


@pytest.mark.parametrize("name", ["mse", "bce", "bce_with_logits"])
def test_elementwise_losses_are_means_over_all_numbers(name: str) -> None:
    p, t = [[0.1, 0.2, 0.3], [0.9, 0.5, 0.6]], [[0, 1, 1], [1, 0, 0]]
    loss = LOSSES[name]
    flat = loss([x for row in p for x in row], [x for row in t for x in row])
    assert loss(p, t) == pytest.approx(flat, rel=1e-15)
    assert flat == pytest.approx(
        np.mean([loss(a, b) for a, b in zip(p[0] + p[1], t[0] + t[1], strict=True)])
    )
    assert mse(p, t) == pytest.approx(
        np.mean((np.array(p) - np.array(t)) ** 2), rel=1e-14
    )
    uneven = loss([[0.1, 0.2, 0.3], [0.9]], [[0, 1, 1], [1]])
    assert uneven == pytest.approx(
        loss([0.1, 0.2, 0.3, 0.9], [0, 1, 1, 1]), rel=1e-14
    )


@pytest.mark.parametrize("name", OF_CLASSES)
def test_a_class_by_its_index_is_a_row_with_a_1(name: str) -> None:
    row, loss = [0.2, 0.3, 0.5], LOSSES[name]
    for i in range(3):
        hot = [float(i == k) for k in range(3)]
        same = [
            i,
            float(i),
            np.int64(i),
            np.float64(i),
            [i],
            (i,),
            hot,
            tuple(hot),
            np.array(hot),
            iter(hot),
        ]
        assert [loss(row, t) for t in same] == [loss(row, hot)] * len(same)
        assert (
            loss([row], [i])
            == loss([row], [hot])
            == loss([row], np.array([hot]))
            == loss(row, hot)
        )


def test_one_class_by_its_share() -> None:
    assert cross_entropy([0.5], [1.0]) == cross_entropy([0.5], 0) == math.log(2)
    assert cross_entropy_with_logits([[0.4]], [[1.0]]) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_rows_may_be_any_iterables(name: str) -> None:
    p, t = batch_of(name)
    p, t = p[:2], t[:2]
    loss = LOSSES[name]
    forms = [
        (tuple(p), tuple(t)),
        (np.array(p), np.array(t)),
        (iter(p), iter(t)),
        ((x for x in p), t),
    ]
    assert [loss(a, b) for a, b in forms] == [loss(p, t)] * len(forms)
    if name in OF_NUMBERS:
        columns = (
            loss([[x] for x in p], t),
            loss(p, [[x] for x in t]),
            loss(p, np.array(t).reshape(-1, 1)),
        )
        assert list(columns) == [loss(p, t)] * 3


@pytest.mark.parametrize(
    "yes", [True, np.True_, 1, 1.0, np.int8(1), np.float32(1)], ids=repr
)
def test_labels_may_be_bools(yes: Any) -> None:
    no = type(yes)(0)
    assert bce([0.2, 0.7], [no, yes]) == bce([0.2, 0.7], [0.0, 1.0])
    assert bce_with_logits([0.2, 0.7], [yes, no]) == bce_with_logits(
        [0.2, 0.7], [1.0, 0.0]
    )
    assert mse(0.25, yes) == 0.5625
    assert hinge(0.25, yes) == 0.75
    for loss in (cross_entropy, cross_entropy_with_logits):
        assert loss([0.2, 0.7], yes) == loss([0.2, 0.7], 1)
        assert loss([0.2, 0.7], [no, yes]) == loss([0.2, 0.7], 1)
        assert loss([[0.2, 0.7]] * 2, np.array([yes, no])) == loss(
            [[0.2, 0.7]] * 2, [1, 0]
        )


# ---------------------------------------------------------------------------------------------- as composites
@pytest.mark.parametrize("name", NAMES)
def test_a_loss_is_drawn_as_one_box(name: str) -> None:
    predictions, targets = batch_of(name)
    for p, t in ((predictions, targets), (predictions[0], targets[1])):
        inputs = valued(p)
        y = LOSSES[name](inputs, t)
        for collapse in (name, 1):
            *others, box = boxes([y], collapse)
            assert box.scope is not None
            assert (str(box.scope), box.values) == (name, [y])
            assert {v for other in others for v in other.values} == {
                *leaves(inputs)
            } & {*toposort(y)}
    assert (
        boxes([sum(softmax(valued([1.0, 2.0])[:1]))], "softmax")[-1].scope
        is not None
    )


# -------------------------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("loss", "prediction", "target", "words"),
    [
        *[
            (loss, 0.5, t, "between 0 and 1")
            for loss in (bce, bce_with_logits)
            for t in (-0.1, 1.1, 2, math.nan)
        ],
        (bce, [0.5, 0.5], [0, -1], "bce's targets are between 0 and 1, not -1"),
        *[
            (hinge, 0.5, t, f"hinge's targets are -1 or 1, not {t:g}")
            for t in (0, 0.5, 2, math.nan)
        ],
        (hinge, [0.5, 0.5], [1, False], "-1 or 1"),
        *[
            (cross_entropy, [0.5, 0.5], t, "from 0 to 1")
            for t in (2, -1, 0.5, math.nan, math.inf, [3])
        ],
        (
            cross_entropy_with_logits,
            [[1, 2, 3], [1, 2, 3]],
            [0, 3],
            "3 is no class; they go from 0 to 2",
        ),
        (cross_entropy, [0.5, 0.5], [0.5, 0.6], "add up to 1, not 1.1"),
        (cross_entropy, [0.5, 0.5], [0.0, 0.0], "add up to 1, not 0"),
        (cross_entropy, [0.5, 0.5], [1.5, -0.5], "between 0 and 1"),
        (
            cross_entropy,
            [0.5, 0.5],
            [1, 0, 0],
            "2 predictions do not match 3 target",
        ),
        (
            cross_entropy,
            [[0.5, 0.5]] * 3,
            [1, 0],
            "3 predictions do not match 2 target",
        ),
        (cross_entropy, [[0.5, 0.5]] * 2, 1, "2 predictions do not match 1 target"),
        (cross_entropy, 0.5, 0, "row of classes"),
        (cross_entropy_with_logits, Value(0.5), 0, "row of classes"),
        *[
            (loss, [0.5, 0.5], [1], "2 predictions do not match 1 target")
            for loss in (mse, bce, hinge)
        ],
        *[
            (loss, [0.5, 0.5], 1, "2 predictions do not match 1 target")
            for loss in (mse, bce, hinge)
        ],
        *[
            (loss, 0.5, [1, 1], r"1 predictions? do not match 2 target")
            for loss in (mse, bce, hinge)
        ],
        *[(LOSSES[name], [], [], "0 predictions") for name in NAMES],
        *[(LOSSES[name], [[]], [[]], "0 predictions") for name in OF_NUMBERS],
        (
            mse,
            np.ones((2, 3)),
            np.ones((3, 2)),
            "2 predictions do not match 3 target",
        ),
        (
            mse,
            np.ones((2, 3)),
            np.ones((2, 2)),
            "3 predictions do not match 2 target",
        ),
        (mse, np.ones((2, 3)), np.ones(6), "2 predictions do not match 6 target"),
        (mse, np.ones((2, 3)), np.ones(2), "3 predictions do not match 1 target"),
        (
            cross_entropy,
            np.ones((2, 3)) / 3,
            np.eye(3)[:, :2],
            "2 predictions do not match 3 target",
        ),
    ],
)
def test_targets_that_do_not_fit(
    loss: Any, prediction: Any, target: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        loss(prediction, target)
    assert loss.name in str(caught.value)
    assert (Value(1.0) * 2).scope is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "thing",
    [
        "a",
        "1",
        b"1",
        None,
        "ab",
        ["a", "b"],
        [None, None],
        pytest.param({}.get, id="a method"),
        1j,
    ],
    ids=repr,
)
def test_no_numbers(name: str, thing: Any) -> None:
    good = [0.5, 0.5]
    for p, t in (
        (thing, 1),
        (good, thing),
        (good, [thing, 1]),
        ([thing, 0.5], [1, 1]),
        (thing, thing),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            LOSSES[name](p, t)
        assert "format" not in str(caught.value)


# --------------------------------------------------------------------------------------------------- accuracy
@pytest.mark.parametrize(
    ("loss", "prediction", "target", "right"),
    [
        *[
            (bce, p, t, (p > 0.5) == bool(t))
            for p in (0.0, 0.5, 0.501, 1.0)
            for t in (0, 1)
        ],
        *[
            (bce_with_logits, z, t, (z > 0) == bool(t))
            for z in (-2.0, 0.0, 0.3, 0.7, 5.0)
            for t in (0, 1)
        ],
        *[
            (hinge, z, t, (z > 0) == (t > 0))
            for z in (-2.0, -0.1, 0.0, 0.1, 5.0)
            for t in (-1, 1)
        ],
        *[(cross_entropy, [0.2, 0.5, 0.3], t, t == 1) for t in (0, 1, 2)],
        *[
            (cross_entropy_with_logits, [-3.0, -2.0, -1.0], t, t == 2)
            for t in (0, 1, 2)
        ],
        (cross_entropy, [0.4, 0.4, 0.2], 0, True),
        (cross_entropy, [0.4, 0.4, 0.2], [0.0, 1.0, 0.0], False),
        (cross_entropy_with_logits, [1.0, 2.0], [0.3, 0.7], True),
        (bce, [0.9, 0.1], [1, 0], True),
        (bce, [0.9, 0.9], [1, 0], False),
        (bce, Value(0.9), Value(1.0), True),
        (cross_entropy, [Value(0.9), Value(0.1)], 0, True),
    ],
)
def test_what_is_correct(
    loss: Any, prediction: Any, target: Any, right: bool
) -> None:
    assert loss.correct(prediction, target) is right


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_loss_can_be_copied_and_pickled(again: Callable[[Any], Any]) -> None:
    for name in NAMES:
        p, t = batch_of(name)
        assert again(LOSSES[name])(p, t) == LOSSES[name](p, t)


@pytest.mark.parametrize("p", [-0.1, 1.5, math.inf])
def test_predictions_that_are_no_probabilities(p: float) -> None:
    for call in (
        lambda: bce(Value(p), 1),
        lambda: cross_entropy([Value(p), Value(0.5)], 0),
    ):
        with pytest.raises(
            ValueError, match=r"predictions are probabilities.*not " + str(p)
        ):
            call()


def test_a_prediction_of_nan_is_a_loss_of_nan() -> None:
    assert math.isnan(bce(Value(math.nan), 1).data)


@pytest.mark.parametrize(
    ("logits", "index"),
    [
        ([1e6, 1e6 - 20], 0),
        ([1e15, 1e15 + 1], 0),
        ([1e8, 1e8 - 3, 1e8 - 5], 0),
        ([0.0, 30.0], 1),
    ],
)
def test_large_logits_keep_their_digits(logits: list[float], index: int) -> None:
    with mpmath.workdps(50):
        true = mpmath.log(
            sum(
                mpmath.exp(mpmath.mpf(z) - mpmath.mpf(logits[index]))
                for z in logits
            )
        )
        got = cross_entropy_with_logits([Value(z) for z in logits], index).data
        assert abs(got - true) <= 3e-16 * max(1, abs(true))


# ------------------------------------------------------------------------------- what softmax subtracts cancels
def test_the_gradient_of_cross_entropy_with_logits_is_softmax_less_target() -> None:
    zs = [Value(z, name) for z, name in ((1.0, "a"), (2.0, "b"))]
    loss = cross_entropy_with_logits(zs, 1)
    total = "\nu = exp(a-max(a, b)) + exp(b-max(a, b))"
    assert formula(grad(loss, zs[0])) == f"y = exp(a-max(a, b))/u{total}"
    assert formula(grad(loss, zs[1])) == f"y = exp(b-max(a, b))/u - 1{total}"


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_maximum_leaves_no_trace_in_derivatives(order: int) -> None:
    zs = [Value(z) for z in (1.0, 3.0, 3.0, -2.0)]
    for y in (softmax(zs)[1], cross_entropy_with_logits(zs, 2)):
        for z in zs[:order]:
            y = grad(y, z)
        ops = {v.op.name for v in toposort(y) if v.op}
        assert "stop_gradient" in ops
        assert not {"sign", "step"} & ops


@pytest.mark.parametrize("shift", [0.0, 710.0, -1e6])
def test_hessians_of_a_shifted_softmax_are_those_of_mpmath(shift: float) -> None:
    zs = [Value(z + shift) for z in (0.25, 1.5, 1.5)]

    def share(*numbers: Any) -> Any:
        return mp.exp(numbers[1]) / sum(map(mp.exp, numbers))

    for i, j in product(range(3), repeat=2):
        order = tuple((i == k) + (j == k) for k in range(3))
        wanted = mp.diff(share, (0.25, 1.5, 1.5), order)
        got = grad(grad(softmax(zs)[1], zs[i]), zs[j]).data
        assert got == pytest.approx(float(wanted), rel=1e-9, abs=1e-12)
