"""fit compiled and fit eager are the same training; where a recording would lie, fit says so."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Value, where
from nn import MLP, SGD, History, Module, Neuron, fit, hinge, parameter

POINTS = np.random.default_rng(1).normal(size=(20, 2))
SIDES = np.where(POINTS[:, 0] * POINTS[:, 1] > 0, 1.0, -1.0)
CLASSES = (POINTS[:, 0] > 0).astype(int) + (POINTS[:, 1] > 0)


def history(engine: str, make: Callable[[], Any], y: Any, **options: Any) -> tuple[History, list[float]]:
    """A seeded training, and the parameters that it ends with."""
    random.seed(3)
    model = make()
    how = {"optimizer": SGD(0.1), "epochs": 20, "engine": engine, "progress": False, **options}
    X = how.pop("X", POINTS)
    return fit(model, X, y, **how), [p.data for p in model.parameters()]


def mlp(*nouts: int, **options: Any) -> Callable[[], MLP]:
    return lambda: MLP(2, nouts, **options)


TASKS: list[tuple[Callable[[], Any], Any, dict[str, Any]]] = [
    (mlp(4, 1, activation="tanh"), SIDES, {"loss": "mse"}),
    (mlp(4, 1), SIDES, {"loss": "hinge", "metrics": ["accuracy"]}),
    (mlp(4, 1, output="sigmoid"), SIDES > 0, {"loss": "bce", "metrics": ["accuracy"]}),
    (mlp(3, 1, activation="sigmoid"), SIDES > 0, {"loss": "bce_with_logits", "batch_size": 6, "shuffle": 1}),
    (mlp(3, 3, output="softmax"), CLASSES, {"loss": "cross_entropy", "metrics": ["accuracy"]}),
    (mlp(3, 3), np.eye(3)[CLASSES], {"loss": "cross_entropy_with_logits", "batch_size": 7}),
    (mlp(2, 2), np.column_stack([SIDES, CLASSES]), {"loss": "mse", "batch_size": 1}),
    (mlp(3, 1), SIDES, {"loss": lambda p, t: abs(p - t) + 0.01 * p * p, "metrics": [lambda p, t: sum(p)]}),
    (lambda: Neuron(1, False), SIDES, {"loss": "mse", "X": POINTS[:, 0]}),
    (mlp(3, 1), SIDES, {"loss": "mse", "optimizer": SGD(lambda epoch: 0.1 / (1 + epoch))}),
]  # fmt: skip


@pytest.mark.parametrize(("make", "y", "options"), TASKS, ids=[str(i) for i in range(len(TASKS))])
def test_compiled_is_eager(make: Callable[[], Any], y: Any, options: dict[str, Any]) -> None:
    (ours, theta), (true, wanted) = (history(engine, make, y, **options) for engine in ("compiled", "eager"))
    assert ours.loss == pytest.approx(true.loss, rel=1e-9)
    assert theta == pytest.approx(wanted, rel=1e-8, abs=1e-12)
    assert ours.metrics.keys() == true.metrics.keys()
    for name, curve in ours.metrics.items():
        assert curve == pytest.approx(true.metrics[name], rel=1e-9)
    assert ours.stopped == true.stopped == ""


def test_compiled_records_one_row_and_does_not_run_the_model_again() -> None:
    class Counting(Module):
        calls = 0

        def __init__(self) -> None:
            self.w = parameter(0.5)

        def forward(self, x: Any) -> Value:
            self.calls += 1
            return self.w * x[0]

    model = Counting()
    fit(model, POINTS, SIDES, loss="mse", optimizer=SGD(0.1), epochs=200)
    assert model.calls < 70  # two looks at the first row, and 16 rows twice to compare, before and after


class Kinked(Module):
    """Decides with Python's if, which a recording freezes, or with where, which it does not."""

    def __init__(self, frozen: bool) -> None:
        self.w, self.frozen = parameter(0.7), frozen

    def forward(self, x: Any) -> Value:
        z = self.w * x[0]
        return (z if z > 0 else 0.1 * z) if self.frozen else where(z.step(), z, 0.1 * z)


def test_a_frozen_if_is_seen_and_trained_eagerly() -> None:
    with pytest.warns(RuntimeWarning, match=r"scalar by scalar: row \d+ has the loss .*, recorded .*where"):
        ours = history("compiled", lambda: Kinked(True), SIDES, loss="mse")
    assert ours == history("eager", lambda: Kinked(True), SIDES, loss="mse")


def test_a_frozen_if_is_seen_at_the_other_end_of_a_sorted_table() -> None:
    order = np.argsort(POINTS[:, 0])
    rows = np.concatenate([np.abs(POINTS)] * 5 + [-np.abs(POINTS)])
    with pytest.warns(RuntimeWarning, match="scalar by scalar"):
        history("compiled", lambda: Kinked(True), np.resize(SIDES[order], len(rows)), loss="mse", X=rows)


def test_where_stays_open() -> None:
    ours, true = (
        history(engine, lambda: Kinked(False), SIDES, loss="mse") for engine in ("compiled", "eager")
    )
    assert ours[0].loss == pytest.approx(true[0].loss, rel=1e-9)


def test_what_cannot_be_recorded_is_trained_eagerly() -> None:
    table = [0.5, 2.0, -1.0]

    def loss(p: Value, t: float) -> Value:
        return (p - table[int(t)]) ** 2

    with pytest.warns(RuntimeWarning, match="cannot be recorded"):
        ours = history("compiled", mlp(1), CLASSES, loss=loss)
    assert ours == history("eager", mlp(1), CLASSES, loss=loss)


def test_a_model_with_chance_in_it_is_trained_eagerly() -> None:
    class Noisy(Module):
        def __init__(self) -> None:
            self.w = parameter(0.5)

        def forward(self, x: Any) -> Value:
            return self.w * x[0] * random.random()

    with pytest.warns(RuntimeWarning, match="scalar by scalar"):
        history("compiled", Noisy, SIDES, loss="mse")


@pytest.mark.parametrize("engine", ["compiled", "eager"])
def test_a_loss_that_blows_up_stops_both_at_the_same_place(engine: str) -> None:
    with pytest.warns(RuntimeWarning, match="training stopped: in epoch"):
        stopped, theta = history(engine, mlp(3, 1), SIDES, loss="mse", optimizer=SGD(50.0), epochs=100)
    with pytest.warns(RuntimeWarning, match="training stopped: in epoch"):
        other, wanted = history("eager", mlp(3, 1), SIDES, loss="mse", optimizer=SGD(50.0), epochs=100)
    assert len(stopped.loss) == len(other.loss) and np.isfinite(theta).all()
    assert theta == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_was_learned_is_kept(error: type[BaseException]) -> None:
    class Stopping(SGD):
        def update(self, theta: Any, gradient: Any, epoch: int = 0) -> Any:
            if epoch == 3:
                raise error
            return super().update(theta, gradient, epoch)

    random.seed(3)
    model = MLP(2, [3, 1])
    try:
        fit(model, POINTS, SIDES, loss="mse", optimizer=Stopping(0.1), epochs=9)
    except ZeroDivisionError:
        assert error is ZeroDivisionError
    _, wanted = history("eager", mlp(3, 1), SIDES, loss="mse", epochs=3)
    assert [p.data for p in model.parameters()] == pytest.approx(wanted, rel=1e-9)


def test_outputs_that_leave_the_losss_domain_are_told_in_the_end() -> None:
    model = Neuron(1, False)
    model.w[0].data, model.b.data = 0.0, 0.5  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValueError, match="predictions are probabilities"):
        fit(model, [-3.0, 3.0], [0.0, 1.0], loss="bce", optimizer=SGD(0.1), epochs=30)


def test_the_penalty_of_weights_is_in_the_program() -> None:
    model = MLP(2, [3, 1])
    weights = model.parameters()

    def loss(p: Value, t: Any) -> Value:
        return hinge(p, t) + 0.1 * sum(w * w for w in weights)

    random.seed(1)
    ours = fit(model, POINTS, SIDES, loss=loss, optimizer=SGD(0.05), epochs=5)
    assert len(ours.loss) == 5 and ours.loss[-1] < ours.loss[0]


def test_labels_in_turn_do_not_hide_a_frozen_choice() -> None:
    """Without a look at every label, sixteen evenly spaced rows of 31 would all have the same one."""
    rows, labels = np.random.default_rng(0).normal(size=(31, 2)), [i % 2 for i in range(31)]

    def loss(p: Any, t: Any) -> Value:
        return nn.cross_entropy_with_logits(p, t)  # an index here, which a recording cannot keep open

    with pytest.warns(RuntimeWarning, match="scalar by scalar"):
        ours = history("compiled", mlp(2), labels, loss=loss, X=rows)
    assert ours == history("eager", mlp(2), labels, loss=loss, X=rows)


def test_a_choice_that_only_training_brings_about_is_told_in_the_end() -> None:
    class Leaky(Module):
        def __init__(self) -> None:
            self.w, self.b = parameter(0.0), parameter(0.0)

        def forward(self, x: Any) -> Value:
            z = self.w * x[0] + self.b
            return z if z >= 0 else 0.1 * z

    with pytest.warns(RuntimeWarning, match=r"no longer what was recorded.*engine='eager'"):
        history("compiled", Leaky, np.sign(POINTS[:, 0]), loss="mse")


def test_targets_in_a_column_reach_a_loss_of_ones_own_as_rows() -> None:
    def loss(p: Value, t: list[Any]) -> Value:
        return (p - t[0]) ** 2

    ours, true = (history(engine, mlp(1), SIDES[:, None], loss=loss) for engine in ("compiled", "eager"))
    assert ours[0].loss == pytest.approx(true[0].loss, rel=1e-9)
