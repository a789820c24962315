"""Training: gradient descent by NumPy, what stops it, what is left behind, and which inputs are refused."""

from __future__ import annotations

import gc
import io
import math
import random
import re
import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from autograd import Value, exp, log, no_grad, relu, sqrt
from autograd.scopes import SCOPE
from autograd.value import NO_GRAD
from nn import MLP, SGD, History, Layer, Module, Neuron, fit, hinge, mse, parameter
from tests.interrupts import Interrupted

ROWS = [
    [0.5, -1.0],
    [1.5, 0.25],
    [-0.75, 2.0],
    [0.0, 0.3],
    [-1.2, -0.4],
    [2.0, 1.0],
    [0.9, -0.6],
]
NUMBERS = [1.0, -0.5, 2.0, 0.25, -1.0, 0.5, 3.0]
LABELS = [0, 1, 1, 0, 0, 1, 1]


class Line(Module):
    """slope·x + shift, with given numbers."""

    def __init__(self, slope: float = 0.5, shift: float = -0.25) -> None:
        self.slope, self.shift = (
            parameter(slope, "slope"),
            parameter(shift, "shift"),
        )

    def forward(self, x: Any) -> Value:
        return self.slope * x + self.shift


def seeded(make: Callable[[], Any], seed: int = 1) -> Any:
    random.seed(seed)
    return make()


def theta(model: Any) -> list[float]:
    return [p.data for p in model.parameters()]


def quick(model: Any, X: Any, y: Any, **options: Any) -> History:
    """fit with defaults for what a test does not care about."""
    return fit(
        model,
        X,
        y,
        **{
            "loss": "mse",
            "optimizer": SGD(0.1),
            "epochs": 3,
            "engine": "eager",
            "progress": False,
            **options,
        },
    )


# ---------------------------------------------------------------------------------------------- the optimizer
def test_a_step_goes_down_the_gradient() -> None:
    assert SGD(0.5).update(
        np.array([1.0, 2.0]), np.array([4.0, -1.0]), 7
    ).tolist() == [-1.0, 2.5]
    assert SGD(0.5).update(np.array([1.0]), np.array([4.0])).tolist() == [-1.0]
    falling = SGD(lambda epoch: 1.0 - 0.25 * epoch)
    assert [
        falling.update(np.zeros(1), np.ones(1), epoch)[0] for epoch in (0, 1, 3)
    ] == [-1.0, -0.75, -0.25]
    before = np.array([1.0]), np.array([2.0])
    SGD(1.0).update(*before, 0)
    assert [x.tolist() for x in before] == [[1.0], [2.0]]


def test_step_reads_grads_and_assigns_data() -> None:
    a, b = parameter(1.0), parameter(2.0)
    (a * a * b).backward()
    SGD(lambda epoch: 0.5**epoch).step([a, b], 2)
    assert [a.data, b.data, a.grad, b.grad] == [
        1.0 - 0.25 * 4,
        2.0 - 0.25 * 1,
        4.0,
        1.0,
    ]
    SGD(0.5).step((a, b))
    assert [a.data, b.data] == [-2.0, 1.25]
    assert type(a.data) is float


def test_an_optimizer_does_not_change() -> None:
    optimizer = SGD(0.25)
    assert (optimizer, optimizer.rate) == (SGD(0.25), 0.25)
    with pytest.raises(AttributeError):
        optimizer.rate = 1.0  # pyright: ignore


# ---------------------------------------------------------------------------------------- descent by formulas
def descent(
    kind: str,
    X: Any,
    y: Any,
    start: Any,
    rate: Callable[[int], float],
    epochs: int,
    size: int,
) -> Any:
    """Linear or logistic regression by hand: the loss of every epoch, and the parameters."""
    table, targets = (
        np.column_stack([np.array(X), np.ones(len(X))]),
        np.array(y, dtype=float),
    )
    weights, losses = np.array(start), list[float]()
    for epoch in range(epochs):
        total = 0.0
        for i in range(0, len(X), size):
            rows, t = table[i : i + size], targets[i : i + size]
            z = rows @ weights
            if kind == "mse":
                loss, slope = (z - t) ** 2, 2 * (z - t)
            else:
                y1 = 1 / (1 + np.exp(-z))
                loss, slope = -(t * np.log(y1) + (1 - t) * np.log(1 - y1)), y1 - t
            weights = weights - rate(epoch) * (rows.T @ slope) / len(t)
            total += loss.sum()
        losses.append(total / len(X))
    return losses, weights


@pytest.mark.parametrize("size", [None, 1, 3, 7, 100])
@pytest.mark.parametrize(
    ("loss", "activation", "kind"),
    [
        ("mse", "linear", "mse"),
        ("bce", "sigmoid", "bce"),
        ("bce_with_logits", "linear", "bce"),
    ],
)
@pytest.mark.parametrize("rate", [0.2, lambda epoch: 0.3 / (1 + epoch)])
def test_fit_is_gradient_descent(
    size: int | None, loss: str, activation: str, kind: str, rate: Any
) -> None:
    y = NUMBERS if kind == "mse" else LABELS
    model = seeded(lambda: Neuron(2, activation=activation, init=(1.0, 1.0)))
    rates = rate if callable(rate) else lambda epoch: rate
    losses, weights = descent(
        kind, ROWS, y, theta(model), rates, 6, size or len(ROWS)
    )
    history = quick(
        model, ROWS, y, loss=loss, optimizer=SGD(rate), epochs=6, batch_size=size
    )
    assert history.loss == pytest.approx(losses, rel=1e-12)
    assert theta(model) == pytest.approx(weights, rel=1e-12)
    assert (len(history.loss), history.stopped, history.metrics) == (6, "", {})
    assert {type(x) for x in (*history.loss, *theta(model))} == {float}


@pytest.mark.parametrize(
    "loss", ["mse", mse, hinge, lambda z, t: (z - t) * (z - t) + exp(z * 0.1)]
)
def test_fit_is_a_loop_of_backward_and_step(loss: Any) -> None:
    X, y = ROWS[:4], [1, -1, -1, 1]
    ours, peer = (
        seeded(lambda: MLP(2, [3, 1], activation="tanh")) for _ in range(2)
    )
    history, losses, optimizer = quick(ours, X, y, loss=loss), [], SGD(0.1)
    for epoch in range(3):
        peer.zero_grad()
        rows = [
            (mse if loss == "mse" else loss)(peer(row), target)
            for row, target in zip(X, y, strict=True)
        ]
        total = sum(rows[1:], rows[0]) / len(rows)
        total.backward()
        optimizer.step(peer.parameters(), epoch)
        losses.append(total.data)
    assert history.loss == pytest.approx(losses, rel=1e-13)
    assert theta(ours) == pytest.approx(theta(peer), rel=1e-12)
    assert all(
        p.grad is NO_GRAD for p in ours.parameters()
    )  # a backward pass afterwards shows itself alone


def test_gradients_from_before_do_not_count() -> None:
    clean, dirty = Line(), Line()
    for p in dirty.parameters():
        p.grad = 100.0
    quick(clean, NUMBERS, NUMBERS)
    quick(dirty, NUMBERS, NUMBERS)
    assert theta(clean) == theta(dirty)


def test_several_outputs_and_targets() -> None:
    model, y = seeded(lambda: Layer(2, 2, nonlin=False)), [[1.0, 0.0], [0.5, -1.0]]
    (w1, b1), (w2, b2) = ((np.array(theta(n)[:2]), n.b.data) for n in model.neurons)
    outputs = np.array(ROWS[:2]) @ np.column_stack([w1, w2]) + [b1, b2]
    history = quick(model, ROWS[:2], y, epochs=1)
    assert history.loss == pytest.approx([np.mean((outputs - y) ** 2)])
    slopes = 2 * (outputs - y) / 4
    assert model.neurons[1].b.data == pytest.approx(b2 - 0.1 * slopes[:, 1].sum())


def test_a_penalty_in_the_loss_is_micrograds() -> None:
    micrograd = pytest.importorskip("micrograd.nn")
    model, peer = (
        seeded(lambda make=make: make(2, [3, 1]), 7)
        for make in (MLP, micrograd.MLP)
    )
    y, losses = [2 * t - 1 for t in LABELS], []

    def penalised(z: Value, t: float) -> Value:
        return hinge(z, t) + 0.01 * sum(p * p for p in model.parameters())

    history = quick(
        model,
        ROWS,
        y,
        loss=penalised,
        optimizer=SGD(lambda k: 1 - 0.9 * k / 100),
        epochs=10,
        metrics=[right],
    )
    for k in range(10):
        margins = [
            (1 + -t * peer(row)).relu() for row, t in zip(ROWS, y, strict=True)
        ]
        loss = sum(margins) * (1 / len(y)) + 0.01 * sum(
            p * p for p in peer.parameters()
        )
        peer.zero_grad()
        loss.backward()
        for p in peer.parameters():
            p.data -= (1 - 0.9 * k / 100) * p.grad
        losses.append(loss.data)
    assert history.loss == pytest.approx(losses, rel=1e-12)
    assert theta(model) == pytest.approx(theta(peer), rel=1e-10, abs=1e-12)


# ----------------------------------------------------------------------------------- order and random numbers
def watched(orders: list[list[float]]) -> Callable[[Any, Any], float]:
    """A metric that notes in which order the targets come."""

    def order(outputs: list[Any], targets: list[Any]) -> float:
        orders.append(list(targets))
        return 0.0

    return order


def orders_of(
    seed: int, **options: Any
) -> tuple[list[list[float]], History, list[float]]:
    found: list[list[float]] = []
    model = Line()
    random.seed(seed)
    history = quick(
        model,
        range(7),
        range(7),
        epochs=5,
        optimizer=SGD(0.01),
        metrics=[watched(found)],
        **options,
    )
    return [order for order in found if len(order) == 7], history, theta(model)


@pytest.mark.parametrize("size", [1, 3, None])
def test_shuffle_takes_every_row_once_in_an_order_of_the_seed(
    size: int | None,
) -> None:
    orders, history, end = orders_of(3, shuffle=True, batch_size=size)
    assert [sorted(order) for order in orders] == [list(range(7))] * 5
    assert len({tuple(order) for order in orders}) == 5
    again = orders_of(3, shuffle=True, batch_size=size)
    assert [again[0], again[1].loss, again[2]] == [orders, history.loss, end]
    assert orders_of(4, shuffle=True, batch_size=size)[0] != orders


def test_the_rows_of_a_shuffled_batch_keep_their_targets() -> None:
    model = Line(1.0, 0.0)
    history = quick(model, NUMBERS, NUMBERS, shuffle=True, batch_size=2)
    assert (history.loss, theta(model)) == ([0.0] * 3, [1.0, 0.0])


def test_without_shuffle_rows_come_in_order_and_nothing_is_drawn() -> None:
    random.seed(9)
    state = random.getstate()
    orders, _, _ = orders_of(9, batch_size=3)
    assert orders == [list(range(7))] * 5
    assert random.getstate() == state


def test_the_same_seed_gives_the_same_history() -> None:
    runs = []
    for _ in range(2):
        model = seeded(lambda: MLP(2, [3, 1]), 5)
        history = quick(
            model,
            ROWS,
            LABELS,
            loss="bce_with_logits",
            shuffle=True,
            batch_size=2,
            metrics=["accuracy"],
        )
        runs.append((history, [x.hex() for x in (*history.loss, *theta(model))]))
    assert runs[0] == runs[1]


# ---------------------------------------------------------------------------------------------------- metrics
def right(outputs: list[float], targets: list[float]) -> float:
    return sum(
        (z > 0) == (t > 0) for z, t in zip(outputs, targets, strict=True)
    ) / len(targets)


@pytest.mark.parametrize(
    ("loss", "y", "cut"),
    [("bce_with_logits", LABELS, 0.5), ("hinge", [2 * t - 1 for t in LABELS], 0)],
)
def test_accuracy_of_one_output(loss: str, y: list[int], cut: float) -> None:
    model = seeded(lambda: Neuron(2, nonlin=False))
    expected = np.mean(
        [(model(row).data > 0) == (t > cut) for row, t in zip(ROWS, y, strict=True)]
    )
    history = quick(model, ROWS, y, loss=loss, metrics=["accuracy", right])
    assert history.metrics["accuracy"][0] == pytest.approx(expected)
    assert [*history.metrics] == ["accuracy", "right"]
    assert {len(x) for x in history.metrics.values()} == {3}
    if loss == "hinge":
        assert history.metrics["right"] == history.metrics["accuracy"]


def test_accuracy_of_probabilities() -> None:
    model = seeded(lambda: Neuron(2, activation="sigmoid"))
    expected = np.mean(
        [
            (model(row).data > 0.5) == (t > 0.5)
            for row, t in zip(ROWS, LABELS, strict=True)
        ]
    )
    history = quick(
        model,
        ROWS,
        LABELS,
        loss="bce",
        metrics=("accuracy",),
        batch_size=2,
        epochs=1,
        shuffle=True,
    )
    assert 0 <= history.metrics["accuracy"][0] <= 1
    exact = quick(
        model,
        ROWS,
        LABELS,
        loss="bce",
        metrics=("accuracy",),
        optimizer=SGD(1e-300),
    )
    assert exact.metrics["accuracy"][0] == pytest.approx(
        np.mean(
            [
                (model(row).data > 0.5) == (t > 0.5)
                for row, t in zip(ROWS, LABELS, strict=True)
            ]
        )
    )
    assert 0 < expected < 1


@pytest.mark.parametrize("loss", ["cross_entropy", "cross_entropy_with_logits"])
@pytest.mark.parametrize("hot", [False, True])
def test_accuracy_of_classes(loss: str, hot: bool) -> None:
    kind = "sigmoid" if loss == "cross_entropy" else "linear"
    model, classes = (
        seeded(lambda: Layer(2, 3, activation=kind)),
        [0, 2, 1, 1, 0, 2, 2],
    )
    outputs = np.array([[v.data for v in model(row)] for row in ROWS])
    y = np.eye(3)[classes] if hot else classes
    history = quick(model, ROWS, y, loss=loss, metrics=["accuracy"])
    assert history.metrics["accuracy"][0] == pytest.approx(
        np.mean(outputs.argmax(axis=1) == classes)
    )
    shares = (
        outputs
        if kind == "sigmoid"
        else np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    )
    assert history.loss[0] == pytest.approx(
        -np.mean(np.log(shares[range(7), classes]))
    )
    assert history.loss[2] < history.loss[0]


def test_a_metric_gets_all_outputs_and_targets_before_the_steps() -> None:
    calls: list[Any] = []

    def note(outputs: list[Any], targets: list[Any]) -> float:
        calls.append((outputs, targets))
        return len(calls)

    model = Layer(1, 2, nonlin=False)
    first = [[v.data for v in model(x)] for x in (1.0, 2.0, 3.0)]
    history = quick(model, [1, 2, 3], [[1, 2], [3, 4], [5, 6]], metrics=[note])
    calls = [call for call in calls if len(call[0]) == 3]
    assert calls[0] == (first, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert len(calls) == 3
    numbers = history.metrics["note"]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


def test_a_metric_may_need_several_rows() -> None:
    def r2(outputs: list[float], targets: list[float]) -> float:
        mean = sum(targets) / len(targets)
        rest = sum((p - t) ** 2 for p, t in zip(outputs, targets, strict=True))
        return 1 - rest / sum((t - mean) ** 2 for t in targets)

    assert (
        quick(Line(1.0, 0.0), NUMBERS, NUMBERS, metrics=[r2]).metrics["r2"]
        == [1.0] * 3
    )


def test_two_metrics_of_one_name() -> None:
    """Both are kept, or it is said that they cannot be."""
    try:
        history = quick(
            Line(), NUMBERS, NUMBERS, metrics=[lambda p, t: 1.0, lambda p, t: 2.0]
        )
    except ValueError as error:
        assert "lambda" in str(error)
    else:
        assert sorted(x[0] for x in history.metrics.values()) == [1.0, 2.0]


# ---------------------------------------------------------------------------------------------------- history
def test_how_a_history_is_printed() -> None:
    assert (
        repr(History([2.0, 0.123456789])) == "History(2 epochs, loss 2 → 0.123457)"
    )
    assert repr(History()) == "History(0 epochs)"
    stopped = History([1.0, 0.5], stopped="interrupted in epoch 2")
    assert (
        repr(stopped)
        == "History(2 epochs, loss 1 → 0.5, stopped: interrupted in epoch 2)"
    )
    assert History() == History([], {}, "")
    assert History().loss is not History().loss


def test_a_history_can_be_plotted() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    history = History([3.0, 2.0, 1.0], {"accuracy": [0.5, 0.75, 1.0]})
    _, ax = plt.subplots()
    count = len(plt.get_fignums())
    assert history.plot(ax=ax) is ax
    assert history.plot(ax) is ax
    assert len(plt.get_fignums()) == count
    new = history.plot()
    assert (new is ax, len(plt.get_fignums())) == (False, count + 1)
    assert [
        (line.get_label(), list(line.get_ydata())) for line in new.get_lines()
    ] == [
        ("loss", [3.0, 2.0, 1.0]),
        ("accuracy", [0.5, 0.75, 1.0]),
    ]
    assert list(new.get_lines()[0].get_xdata()) == [0, 1, 2]
    assert [text.get_text() for text in new.get_legend().get_texts()] == [
        "loss",
        "accuracy",
    ]
    assert new.get_xlabel() == "epoch"
    assert len(History().plot().get_lines()) == 1
    plt.close("all")


def test_a_metric_named_loss_does_not_hide_the_loss() -> None:
    def loss(outputs: list[float], targets: list[float]) -> float:
        return 7.0

    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot as plt

    try:
        history = quick(Line(), NUMBERS, NUMBERS, metrics=[loss])
    except ValueError as error:
        assert "loss" in str(error)
        return
    assert [list(line.get_ydata()) for line in history.plot().get_lines()] == [
        history.loss,
        [7.0] * 3,
    ]
    plt.close("all")


def test_a_plot_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    with pytest.raises(
        ModuleNotFoundError,
        match=r"History\.plot needs matplotlib: pip install matplotlib",
    ):
        History([1.0]).plot()


def test_importing_nn_does_not_import_matplotlib() -> None:
    code = "import nn, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("progress", "shown"), [(True, True), (False, False), (None, False)]
)
def test_the_progress_bar(
    progress: bool | None, shown: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    quick(Line(), NUMBERS, NUMBERS, progress=progress)
    out, err = capsys.readouterr()
    assert (out, "training" in err, "loss=" in err) == ("", shown, shown)


@pytest.mark.parametrize("runs", [True, False])
def test_a_notebook_gets_a_progress_bar(
    runs: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = SimpleNamespace(IPKernelApp=SimpleNamespace(initialized=lambda: runs))
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", app)
    quick(Line(), NUMBERS, NUMBERS, progress=None)
    assert ("training" in capsys.readouterr().err) == runs


def test_a_terminal_gets_a_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    quick(Line(), NUMBERS, NUMBERS, progress=None)
    assert "training" in terminal.getvalue()


# ---------------------------------------------------------------------------------------------- what stops it
class Watched(Module):
    """A line that counts its recorded calls, and does something at one of them."""

    def __init__(
        self, at: int = -1, event: Callable[[Any], Any] = float, slope: float = 0.5
    ) -> None:
        self.line, self.at, self.event, self.calls = Line(slope), at, event, 0

    def forward(self, x: Any) -> Value:
        y = self.line(x)
        self.calls += y.op is not None
        if y.op and self.calls == self.at:
            self.event(self)
        return y


def blown_up(at: int) -> Callable[[Any, Any], Value]:
    """A loss that is infinite from the given call on; those that only try, in no_grad, do not count."""
    count = iter(range(1_000_000))
    return lambda z, t: (
        mse(z, t) if not z.op or next(count) < at else log((z - z) * 0.0) * -1.0
    )


@pytest.mark.parametrize("size", [None, 1, 2, 3])
@pytest.mark.parametrize("good", [0, 1, 3, 4, 8, 9, 10])
def test_after_an_infinite_loss_the_parameters_are_the_last_with_a_finite_one(
    size: int | None, good: int
) -> None:
    """At which theta was the last batch whose loss was finite?  Every step is noted by the optimizer."""
    X, model, steps = [0.5, 1.0, -2.0, 0.25], Line(), []

    class Noted:
        def update(self, now: Any, gradient: Any, epoch: int) -> Any:
            steps.append(now.tolist())
            return SGD(0.1).update(now, gradient, epoch)

    start, batch = theta(model), size or 4
    with pytest.warns(
        RuntimeWarning, match="training stopped.*smaller rate"
    ) as caught:
        history = quick(
            model,
            X,
            X,
            loss=blown_up(good),
            optimizer=Noted(),
            batch_size=size,
            epochs=9,
        )
    assert len(caught) == 1
    assert caught[0].filename != fit.__code__.co_filename
    assert theta(model) == (steps[-1] if steps else start)
    per_epoch = [min(batch, 4 - i) for i in range(0, 4, batch)]
    batches = [b for _ in range(9) for b in per_epoch]
    finite = next(i for i in range(len(batches)) if sum(batches[: i + 1]) > good)
    assert len(steps) == finite
    assert len(history.loss) == finite // len(per_epoch)
    assert re.search(
        rf"in epoch {finite // len(per_epoch)} the loss is inf\b.*last finite loss",
        history.stopped,
    )
    assert history.stopped in repr(history)


@pytest.mark.parametrize("rate", [10.0, 1e100])
@pytest.mark.parametrize("size", [None, 1, 2])
def test_a_rate_that_is_too_large(rate: float, size: int | None) -> None:
    model, X, y = Line(), [100.0, -50.0, 20.0], [1.0, 2.0, 3.0]
    with pytest.warns(RuntimeWarning, match="training stopped"):
        history = quick(
            model, X, y, optimizer=SGD(rate), epochs=500, batch_size=size
        )
    assert all(map(math.isfinite, [*theta(model), *history.loss]))
    assert history.stopped
    assert len(history.loss) < 500
    assert any(
        math.isfinite(mse(model(x), t).data) for x, t in zip(X, y, strict=True)
    )


@pytest.mark.parametrize("x", [1e150, 1e154])
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_parameter_that_would_be_infinite(x: float, epochs: int) -> None:
    """The loss is finite, and so is its gradient, but not the step; there is one warning, not NumPy's."""
    model = Line(0.5, 0.0)
    with pytest.warns(RuntimeWarning, match="would be inf") as caught:
        history = quick(model, [x], [0.0], optimizer=SGD(1e200), epochs=epochs)
    assert [str(w.message)[:16] for w in caught] == ["training stopped"]
    assert (theta(model), history.loss) == ([0.5, 0.0], [])
    assert "epoch 0 a parameter would be inf" in history.stopped


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("at", [0, 3])
def test_an_optimizer_that_leaves_the_numbers(bad: float, at: int) -> None:
    model, seen = Line(), []

    def update(now: Any, gradient: Any, epoch: int) -> Any:
        seen.append(now.tolist())
        return np.array([0.5, bad]) if epoch == at else now - 0.1 * gradient

    with pytest.warns(RuntimeWarning, match="would be inf or nan"):
        history = quick(
            model, NUMBERS, NUMBERS, optimizer=optimizer_of(update), epochs=9
        )
    assert (theta(model), len(seen), len(history.loss)) == (seen[-1], at + 1, at)


@pytest.mark.parametrize("engine", ["compiled", "eager"])
def test_the_row_and_the_node_that_are_to_blame_are_named(engine: str) -> None:
    class Root(Module):
        def __init__(self) -> None:
            self.w = parameter(1.0, "w")

        def forward(self, x: Value) -> Value:
            return sqrt(self.w * x)

    with pytest.warns(RuntimeWarning, match="training stopped"):
        history = fit(
            Root(),
            [1.0, 4.0, 0.0],
            [1, 1, 1],
            loss="mse",
            optimizer=SGD(0.1),
            epochs=3,
            engine=engine,
        )
    flow = "the gradient of the Value 0 is -inf: -2.0 × inf flows back from z = sqrt(x) at x = 0.0, in Root"
    assert (
        f"in epoch 0 a parameter would be inf or nan (row 2: {flow}, {__file__}, line"
        in history.stopped
    )
    with pytest.warns(
        RuntimeWarning,
        match=r"the loss is nan \(row 1: z = sqrt\(x\) is nan at x = -4",
    ):
        fit(
            Root(),
            [1.0, -4.0],
            [1, 1],
            loss="mse",
            optimizer=SGD(0.1),
            epochs=3,
            engine=engine,
        )


@pytest.mark.parametrize("engine", ["compiled", "eager"])
def test_the_row_whose_loss_it_is_is_named(engine: str) -> None:
    """The gradient of the first row is infinite too."""

    class Root(Line):
        def forward(self, x: Any) -> Value:
            return sqrt(self.slope * x)

    with pytest.warns(
        RuntimeWarning, match=r"the loss is nan \(row 1: z = sqrt\(x\) is nan"
    ):
        fit(
            Root(),
            [0.0, -1.0],
            [0, 0],
            loss=lambda p, t: p,
            optimizer=SGD(0.1),
            epochs=1,
            engine=engine,
        )


def test_a_model_that_refuses_to_run_again_does_no_harm() -> None:
    class Strict(Line):
        def forward(self, x: Any) -> Value:
            z = log(self.slope * x)
            if math.isnan(z.data):
                raise ValueError("strict")
            return z

    rows = [1.0] * 1000
    rows[573] = -1.0
    with pytest.warns(
        RuntimeWarning, match="epoch 0 the loss is nan; the parameters are those"
    ):
        history = fit(
            Strict(),
            rows,
            [0.0] * 1000,
            loss=lambda p, t: p,
            optimizer=SGD(0.1),
            epochs=1,
        )
    assert history.stopped


@pytest.mark.parametrize("slope", [math.inf, math.nan])
def test_parameters_that_are_not_finite_at_the_start(slope: float) -> None:
    model = Line(slope)
    with pytest.warns(RuntimeWarning, match="epoch 0 the loss is (inf|nan)"):
        history = quick(model, [1.0], [1.0])
    assert (str(theta(model)), history.loss) == (str([slope, -0.25]), [])


def optimizer_of(update: Callable[..., Any]) -> Any:
    """An optimizer with the given update."""
    return type("Made", (), {"update": staticmethod(update)})()


def test_an_optimizer_that_works_in_place() -> None:
    """θ -= rate·gradient changes the array that it is given; the last finite θ must not change with it."""

    def in_place(now: Any, gradient: Any, epoch: int) -> Any:
        now -= 10 * gradient
        return now

    ours, peer = Line(), Line()
    for model, optimizer in ((ours, optimizer_of(in_place)), (peer, SGD(10.0))):
        with pytest.warns(RuntimeWarning, match="training stopped"):
            quick(model, [1e3], [1.0], optimizer=optimizer, epochs=300)
    assert theta(ours) == theta(peer)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, RuntimeError, ValueError, SystemExit]
)
def test_an_optimizer_that_is_interrupted_in_place(
    error: type[BaseException],
) -> None:
    def half(now: Any, gradient: Any, epoch: int) -> Any:
        now[0] = 77.0
        raise error

    model = Line()
    with stopping(error):
        quick(model, NUMBERS, NUMBERS, optimizer=optimizer_of(half))
    assert theta(model) == [0.5, -0.25]


@pytest.mark.parametrize(
    "result",
    [
        lambda now: now[:-1],
        lambda now: np.append(now, 1.0),
        lambda now: now[:, None] + 1,
        lambda now: None,
    ],
    ids=["short", "long", "column", "none"],
)
def test_an_optimizer_that_gives_another_shape(
    result: Callable[[Any], Any],
) -> None:
    model = Line()
    with pytest.raises((ValueError, TypeError)):
        quick(
            model,
            NUMBERS,
            NUMBERS,
            optimizer=optimizer_of(lambda now, gradient, epoch: result(now + 1)),
        )
    assert theta(model) == [0.5, -0.25]


class Sly(Value):
    """A parameter at whose n-th assignment something is raised, before it or after."""

    at, error, after = -1, KeyboardInterrupt, False

    @property
    def data(self) -> float:
        return self._data

    @data.setter
    def data(self, x: float) -> None:
        self.at -= 1
        if self.at == 0 and not self.after:
            raise self.error
        Value.data.fset(self, x)
        if self.at == 0:
            raise self.error


def raiser(error: type[BaseException]) -> Callable[[Any], Any]:
    def fail(_: Any) -> None:
        raise error

    return fail


@contextmanager
def stopping(error: type[BaseException]) -> Iterator[None]:
    """Ctrl-C ends quietly; any other exception comes out."""
    if error is KeyboardInterrupt:
        yield
    else:
        with pytest.raises(error):
            yield


ERRORS = [KeyboardInterrupt, RuntimeError, ZeroDivisionError, SystemExit]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    "place",
    ["model", "loss", "update", "rate", "metric", "before", "between", "after"],
)
def test_whatever_is_raised_leaves_the_parameters_of_a_whole_step(
    error: type[BaseException], place: str
) -> None:
    """Batches of 2 of 4 rows; it happens in the second batch of epoch 1 (the metric: at that epoch's end)."""
    X = [0.5, 1.0, -2.0, 0.25]
    model, count, thetas, history = Line(), {"n": 0}, [[0.5, -0.25]], None
    sly = [Sly(p.data, p.name) for p in model.parameters()]
    for p in sly:
        p.parameter, p.error, p.after = True, error, place == "after"
    model.slope, model.shift = sly
    expected = Line()
    for _ in range(2):
        for i in (0, 2):
            fit(
                expected,
                X[i : i + 2],
                X[i : i + 2],
                loss="mse",
                optimizer=SGD(0.1),
                epochs=1,
                progress=False,
            )
            thetas.append(theta(expected))

    def at(n: int) -> None:
        count["n"] += 1
        if count["n"] == n:
            raise error

    def loss(z: Value, t: float) -> Value:
        if place == "loss" and z.op:  # in no_grad it is only tried
            at(4 + 2 + 2)
        return mse(z, t)

    def rate(epoch: int) -> float:
        if place == "rate":
            at(4)
        return 0.1

    def update(now: Any, gradient: Any, epoch: int) -> Any:
        if place == "update":
            at(4)
        return SGD(rate).update(now, gradient, epoch)

    def metric(outputs: Any, targets: Any) -> float:
        if place == "metric" and len(outputs) > 1:
            at(2)
        return 0.0

    def forward(x: Any) -> Value:
        y = sly[0] * x + sly[1]
        if place == "model" and y.op:
            at(4 + 2 + 2)
        return y

    model.forward = forward
    if place in ("before", "between", "after"):
        sly[1 if place == "between" else 0].at = 4
    with stopping(error):
        history = quick(
            model,
            X,
            X,
            loss=loss,
            optimizer=optimizer_of(update),
            batch_size=2,
            epochs=9,
            metrics=[metric],
        )
    whole = 4 if place == "metric" else 3
    assert theta(model) == pytest.approx(thetas[whole], rel=1e-14)
    if error is KeyboardInterrupt:
        assert history is not None
        assert (len(history.loss), history.stopped) == (1, "interrupted in epoch 1")
        assert history.metrics == {"metric": [0.0]}


class Noted(SGD):
    """Gradient descent that notes every theta."""

    thetas: ClassVar[list[list[float]]] = []

    def update(self, theta: Any, gradient: Any, epoch: int = 0) -> Any:
        self.thetas.append(super().update(theta, gradient, epoch).tolist())
        return np.array(self.thetas[-1])


def training(model: Any, engine: str, rate: float) -> History:
    """Two epochs of two steps, with a metric and a bar."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a rate that is too large
        return quick(
            model, [1.0, -0.5], [0.5, 2.0], epochs=2, batch_size=1, metrics=[lambda *_: 0.5],
            engine=engine, progress=True, optimizer=Noted(rate),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "rate"), [("eager", 0.1), ("compiled", 0.1), ("eager", 1e200)]
)
def test_an_interrupt_before_any_line(
    engine: str, rate: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the first epoch to the last line it gives the History; before that, nothing has changed."""
    training(Line(), engine, rate)  # what is made once is made now
    Noted.thetas.clear()
    model, counter, begun = Line(), Interrupted(), False
    start, whole = theta(model), counter.run(lambda: training(model, engine, rate))
    steps = [start, *Noted.thetas]
    last = counter.lines - 60
    for n in [*range(1, last, last // 30), *range(last, counter.lines + 1)]:
        model, history = Line(), None
        try:
            history = Interrupted(n).run(
                lambda model=model: training(model, engine, rate)
            )
        except KeyboardInterrupt:
            assert not begun and theta(model) == start
        begun = begun or history is not None
        assert any(theta(model) == pytest.approx(step, rel=1e-9) for step in steps)
        assert all(p.grad is NO_GRAD for p in model.parameters())
        assert (SCOPE.get(), gc.isenabled()) == (None, True)
        if history is not None:
            done = len(history.loss)
            said = (
                f"interrupted in epoch {done}"
                if done < 2
                else "interrupted after the last epoch"
            )
            assert history.stopped == said or history.stopped == whole.stopped != ""
            assert history.loss == pytest.approx(whole.loss[: len(history.loss)])
            assert {*map(len, history.metrics.values())} <= {len(history.loss)}
    assert begun


def test_after_an_interruption_the_model_works_and_training_goes_on() -> None:
    model = Watched(5, raiser(KeyboardInterrupt))
    history = quick(model, [1.0, 2.0], [1.0, 2.0], epochs=10)
    assert history.stopped == "interrupted in epoch 2"
    assert (Value(1.0) * 2).scope is None
    assert quick(model, [1.0, 2.0], [1.0, 2.0]).loss[0] < history.loss[0]


# ------------------------------------------------------------------------------------------- what is accepted
class Table:
    """As a data frame: len() and columns by iteration, but the numbers as an array."""

    def __init__(self, numbers: Any) -> None:
        self.numbers = np.array(numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(["first", "second"])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.numbers.astype(dtype)


class Bare:
    """An array and nothing else."""

    def __init__(self, numbers: Any) -> None:
        self.numbers = np.array(numbers)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.numbers.astype(dtype)


@pytest.mark.parametrize(
    "form",
    [
        list,
        tuple,
        np.array,
        lambda x: np.array(x, dtype=np.float32).astype(object),
        lambda x: (row for row in x),
        lambda x: iter(x),
        lambda x: map(tuple, x) if isinstance(x[0], list) else map(float, x),
        lambda x: [np.array(row) for row in x],
        Table,
        Bare,
    ],
)
def test_the_forms_of_data(form: Callable[[Any], Any]) -> None:
    rows, numbers = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]], [1.0, 0.5, -2.0]
    ours, peer = (seeded(lambda: Neuron(2, nonlin=False)) for _ in range(2))
    assert quick(ours, form(rows), form(numbers)) == quick(peer, rows, numbers)
    assert theta(ours) == theta(peer)


def test_targets_in_a_column_and_inputs_of_one_number() -> None:
    runs = []
    for X, y in (
        (NUMBERS, NUMBERS),
        ([[x] for x in NUMBERS], [[x] for x in NUMBERS]),
    ):
        model = seeded(lambda: Neuron(1, nonlin=False))
        runs.append((quick(model, X, y), theta(model)))
    assert runs[0] == runs[1]
    bools = quick(
        Line(), [True, False], np.array([True, False]), loss="bce_with_logits"
    )
    assert bools == quick(Line(), [1, 0], [1, 0], loss="bce_with_logits")


def test_any_object_with_parameters_is_a_model() -> None:
    class Hand:
        w = Value(0.5)

        def __call__(self, row: float) -> Value:
            return self.w * row

        def parameters(self) -> tuple[Value, ...]:
            return (self.w,)

    model = Hand()
    assert quick(model, NUMBERS, NUMBERS, epochs=20).loss[-1] < 0.01
    assert model.w.data == pytest.approx(1, abs=0.1)


def test_an_output_may_have_constants_among_its_values() -> None:
    """The logit of a class of reference is 0."""

    class Reference(Module):
        def __init__(self) -> None:
            self.w = parameter(0.5)

        def forward(self, x: float) -> list[Any]:
            return [0.0, self.w * x]

    y, ours, peer = [int(x > 0) for x in NUMBERS], Reference(), Line(0.5, 0.0)
    peer.shift.parameter = False
    found = quick(
        ours, NUMBERS, y, loss="cross_entropy_with_logits", metrics=["accuracy"]
    )
    expected = quick(peer, NUMBERS, y, loss="bce_with_logits", metrics=["accuracy"])
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    assert found.metrics == expected.metrics


# -------------------------------------------------------------------------------------------- what is refused
@contextmanager
def nothing_changed(model: Any) -> Iterator[None]:
    """Parameters, gradients and random numbers are as before, and no pass has reached a parameter."""
    find = getattr(model, "parameters", list)
    before, state = [(p.data, p.grad) for p in find()], random.getstate()
    yield
    assert [(p.data, p.grad) for p in find()] == before
    assert all(p.grad is NO_GRAD for p in find())
    assert random.getstate() == state


GOOD: dict[str, Any] = {"X": ROWS[:3], "y": [1.0, 0.0, 1.0], "shuffle": True}
ROW = [0.0, 1.0]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"y": [1.0, 0.0]}, r"3 rows.*\b2\b"),
    ({"y": [1.0, 0.0, 1.0, 0.0]}, r"3 rows.*\b4\b"),
    ({"X": ROWS[:4]}, r"4 rows.*\b3\b"),
    ({"X": [[1.0, 2.0], [1.0], [2.0, 3.0]]}, r"\bX\b"),
    ({"y": [[1.0, 2.0], [1.0], [2.0, 3.0]]}, r"\by\b"),
    ({"X": []}, r"\bX\b"),
    ({"X": [], "y": []}, r"\bX\b"),
    ({"X": [[], [], []]}, r"\bX\b"),
    ({"X": np.zeros((0, 2)), "y": []}, r"\bX\b"),
    ({"X": iter(()), "y": iter(())}, r"\bX\b"),
    *[
        ({"X": [ROW, ROW, [0.0, bad]]}, r"X\[2\]")
        for bad in (math.nan, math.inf, -math.inf)
    ],
    *[
        ({"y": [0.0, bad, bad]}, r"y\[1\]")
        for bad in (math.nan, math.inf, -math.inf)
    ],
    ({"X": "abc"}, r"\bX\b"),
    ({"X": b"abc"}, r"\bX\b"),
    ({"X": [["a", "b"]] * 3}, r"\bX\b"),
    ({"X": [["1", "2"]] * 3}, r"\bX\b"),
    ({"y": ["1", "0", "1"]}, r"\by\b"),
    ({"y": "101"}, r"\by\b"),
    ({"y": np.array(["1", "0", "1"])}, r"\by\b"),
    ({"X": None}, r"\bX\b"),
    ({"y": None}, r"\by\b"),
    ({"y": [1.0, None, 1.0]}, r"\by\b"),
    ({"X": 3.0}, r"\bX\b"),
    ({"X": np.array(3.0)}, r"\bX\b"),
    ({"X": np.zeros((3, 2, 1))}, r"\bX\b.*3, 2, 1"),
    ({"y": np.zeros((3, 2, 1))}, r"\by\b.*3, 2, 1"),
    ({"X": np.array([[1j, 1], [1, 1], [1, 1]])}, r"\bX\b"),
    ({"X": [[1j, 1], [1, 1], [1, 1]]}, r"\bX\b"),
    ({"X": np.array([["2020-01-01"] * 2] * 3, dtype="M8[D]")}, r"\bX\b"),
    ({"X": {1.0: 2.0, 3.0: 4.0, 5.0: 6.0}}, r"\bX\b"),
    ({"X": [[Value(1.0), Value(2.0)]] * 3}, r"\bX\b"),
    ({"X": [[1.0, 2.0, 3.0]] * 3}, r"2 inputs, not 3"),
    ({"X": [1.0, 2.0, 3.0]}, r"2 inputs, not 1"),
    ({"y": [[1.0, 0.0]] * 3}, r"1 predictions? do not match 2"),
    *[
        ({"y": [*[1.0] * i, 2.0, *[1.0] * (2 - i)], "loss": "bce"}, rf"y\[{i}\]")
        for i in range(3)
    ],
    *[
        (
            {"y": [*[1.0] * i, 0.0, *[1.0] * (2 - i)], "loss": "hinge"},
            rf"y\[{i}\].*-1 or 1.*0",
        )
        for i in range(3)
    ],
    *[
        (
            {
                "model": Layer(2, 3, activation="softmax"),
                "y": [*[2] * i, c, *[0] * (2 - i)],
                "loss": "cross_entropy",
            },
            rf"y\[{i}\]",
        )
        for i in range(3)
        for c in (3, -1, 0.5)
    ],
    (
        {
            "model": Layer(2, 2, activation="softmax"),
            "y": [[1, 0], [0, 1], [1, 1]],
            "loss": "cross_entropy",
        },
        r"y\[2\].*add up to 1",
    ),
    ({"y": [0, 1, 1], "loss": "cross_entropy"}, "row of classes"),
    ({"loss": "mae"}, "'mae'.*mse.*hinge"),
    ({"loss": None}, "None"),
    ({"loss": lambda z, t: 0.5}, "float"),
    ({"loss": lambda z, t: None}, "None"),
    ({"loss": lambda z, t: [z]}, "list"),
    ({"engine": "fast"}, "'fast'.*eager"),
    ({"engine": None}, "None.*eager"),
    ({"metrics": ["recall"]}, "'recall'.*accuracy"),
    ({"metrics": "accuracy"}, "mse.*no accuracy"),
    ({"metrics": ["accuracy"]}, "mse.*no accuracy"),
    (
        {"metrics": ["accuracy"], "loss": lambda z, t: (z - t) ** 2},
        "accuracy.*function",
    ),
    ({"metrics": [None]}, "None"),
    *[({"epochs": n}, rf"epochs.*{n!r}") for n in (0, -1, 2.5, None, "3")],
    *[({"batch_size": n}, rf"batch_size.*{n!r}") for n in (0, -1, 2.5, "3")],
    ({"optimizer": 0.1}, r"SGD.*0\.1"),
    ({"optimizer": None}, "None"),
    ({"optimizer": SGD}, "SGD"),
    ({"model": Layer(2, 1).forward}, "parameters"),
    (
        {
            "model": type(
                "Empty", (Module,), {"forward": lambda self, x: Value(1.0)}
            )()
        },
        "no parameters",
    ),
]


@pytest.mark.parametrize(
    ("wrong", "words"), WRONG, ids=[f"{i}-{[*w]}" for i, (w, _) in enumerate(WRONG)]
)
def test_what_does_not_fit_is_said_before_anything_changes(
    wrong: dict[str, Any], words: str
) -> None:
    options = {"model": Neuron(2, activation="sigmoid"), **GOOD, **wrong}
    model, X, y = (options.pop(name) for name in ("model", "X", "y"))
    with (
        nothing_changed(model),
        pytest.raises((ValueError, TypeError), match=words),
    ):
        quick(model, X, y, **options)


def test_a_model_that_gives_no_value() -> None:
    class Blind(Line):
        def forward(self, x: float) -> Any:
            return x

    model = Blind()
    with nothing_changed(model), pytest.raises((ValueError, TypeError)):
        quick(model, NUMBERS, NUMBERS)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("size", [None, 1])
def test_a_row_whose_loss_is_no_value_is_named(
    engine: str, size: int | None
) -> None:
    def loss(p: Value, t: float) -> Any:
        return p.data if t > 2 else (p - t) ** 2

    with pytest.raises(
        TypeError,
        match=r"the loss of row 3 must be a Value, not float; .*make plain numbers",
    ):
        quick(
            Line(),
            [0.0] * 5,
            [0, 1, 2, 3, 1],
            loss=loss,
            engine=engine,
            batch_size=size,
        )


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_row_that_numpy_takes_the_graph_from_is_named(engine: str) -> None:
    def loss(p: Value, t: float) -> Any:
        return np.sum(np.maximum(0, np.array([t * p, t * p])))

    model = Line()
    model.slope.data, model.shift.data = 0.0, 1.0
    with pytest.raises(
        TypeError, match="the loss of row 1 must be a Value, not int"
    ):
        quick(model, [1.0, 1.0], [1, -1], loss=loss, engine=engine)


def test_a_parameter_that_is_no_leaf() -> None:
    class Doubled(Line):
        def parameters(self) -> list[Value]:
            return [self.slope, self.shift * 2]

    model = Doubled()
    before = theta(Line())
    with pytest.raises((ValueError, TypeError, AttributeError)):
        quick(model, NUMBERS, NUMBERS)
    assert [model.slope.data, model.shift.data] == before


def test_training_where_nothing_is_recorded() -> None:
    """In no_grad there are no gradients: fit has a graph of its own, or says so."""
    model = Line()
    with no_grad():
        try:
            quick(model, NUMBERS, NUMBERS)
        except (ValueError, TypeError, RuntimeError) as error:
            assert "no_grad" in str(error)
            return
    peer = Line()
    quick(peer, NUMBERS, NUMBERS)
    assert theta(model) == theta(peer)


def test_an_error_in_the_middle_is_no_warning() -> None:
    model = Watched(5, raiser(RuntimeError))
    with (
        warnings.catch_warnings(record=True) as caught,
        pytest.raises(RuntimeError),
    ):
        quick(model, [1.0, 2.0], [1.0, 2.0])
    assert not caught


def test_the_graph_of_one_row_is_held_at_a_time(no_gc: None) -> None:
    """Weak references to the outputs: those of earlier rows are gone when the next row is read."""
    alive: list[int] = []
    outputs: list[Any] = []

    class Noted(Line):
        def forward(self, x: Any) -> Value:
            gc.collect()
            alive.append(sum(ref() is not None for ref in outputs))
            y = relu(super().forward(x))
            outputs.append(weakref.ref(y))
            return y

    quick(Noted(), NUMBERS, NUMBERS, epochs=1)
    assert max(alive) <= 1


def test_the_last_step_is_looked_at_too() -> None:
    model = MLP(1, [1])
    before = [p.data for p in model.parameters()]
    with pytest.warns(RuntimeWarning, match="at the end"):
        history = fit(
            model,
            [1.0, 2.0],
            [0.0, 0.0],
            loss="mse",
            optimizer=SGD(1e200),
            epochs=1,
        )
    assert [p.data for p in model.parameters()] == before
    assert "at the end" in history.stopped and len(history.loss) == 1


@pytest.mark.parametrize("rate", [math.nan, -1.0, math.inf])
def test_a_rate_that_goes_wrong(rate: float) -> None:
    model = MLP(1, [1])
    schedule = SGD(lambda epoch: 0.1 if epoch < 2 else rate)
    with pytest.raises(ValueError, match=r"rate is .* in epoch 2"):
        fit(model, [1.0], [0.5], loss="mse", optimizer=schedule, epochs=5)


def test_masked_tables_are_refused() -> None:
    masked = np.ma.masked_array([1.0, 2.0], mask=[False, True])
    with pytest.raises(TypeError, match="masked"):
        fit(
            MLP(1, [1]),
            masked,
            [1.0, 2.0],
            loss="mse",
            optimizer=SGD(0.1),
            epochs=1,
        )
