"""fit compiled and fit eager are the same training; where a recording would lie, fit says so."""

from __future__ import annotations

import math
import random
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Program, Value, exp, where
from nn import MLP, SGD, History, Module, Neuron, fit, hinge, parameter

POINTS = np.random.default_rng(1).normal(size=(20, 2))
SIDES = np.where(POINTS[:, 0] * POINTS[:, 1] > 0, 1.0, -1.0)
CLASSES = (POINTS[:, 0] > 0).astype(int) + (POINTS[:, 1] > 0)


def history(
    engine: str, make: Callable[[], Any], y: Any, **options: Any
) -> tuple[History, list[float]]:
    """A seeded training, and the parameters that it ends with."""
    random.seed(3)
    model = make()
    how = {
        "optimizer": SGD(0.1),
        "epochs": 20,
        "engine": engine,
        "progress": False,
        **options,
    }
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


@pytest.mark.parametrize(
    ("make", "y", "options"), TASKS, ids=[str(i) for i in range(len(TASKS))]
)
def test_compiled_is_eager(
    make: Callable[[], Any], y: Any, options: dict[str, Any]
) -> None:
    (ours, theta), (true, wanted) = (
        history(engine, make, y, **options) for engine in ("compiled", "eager")
    )
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
    assert (
        model.calls < 70
    )  # two looks at the first row, and 16 rows twice to compare, before and after


class Kinked(Module):
    """Decides with Python's if, which a recording freezes, or with where, which it does not."""

    def __init__(self, frozen: bool) -> None:
        self.w, self.frozen = parameter(0.7), frozen

    def forward(self, x: Any) -> Value:
        z = self.w * x[0]
        return (
            (z if z > 0 else 0.1 * z)
            if self.frozen
            else where(z.step(), z, 0.1 * z)
        )


def test_a_frozen_if_is_seen_and_trained_eagerly() -> None:
    with pytest.warns(
        RuntimeWarning,
        match=r"scalar by scalar: row \d+ has the loss .*, recorded .*where",
    ):
        ours = history("compiled", lambda: Kinked(True), SIDES, loss="mse")
    assert ours == history("eager", lambda: Kinked(True), SIDES, loss="mse")


def test_a_frozen_if_is_seen_at_the_other_end_of_a_sorted_table() -> None:
    order = np.argsort(POINTS[:, 0])
    rows = np.concatenate([np.abs(POINTS)] * 5 + [-np.abs(POINTS)])
    with pytest.warns(RuntimeWarning, match="scalar by scalar"):
        history(
            "compiled",
            lambda: Kinked(True),
            np.resize(SIDES[order], len(rows)),
            loss="mse",
            X=rows,
        )


def test_where_stays_open() -> None:
    ours, true = (
        history(engine, lambda: Kinked(False), SIDES, loss="mse")
        for engine in ("compiled", "eager")
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
        stopped, theta = history(
            engine, mlp(3, 1), SIDES, loss="mse", optimizer=SGD(50.0), epochs=100
        )
    with pytest.warns(RuntimeWarning, match="training stopped: in epoch"):
        other, wanted = history(
            "eager", mlp(3, 1), SIDES, loss="mse", optimizer=SGD(50.0), epochs=100
        )
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
        fit(
            model,
            [-3.0, 3.0],
            [0.0, 1.0],
            loss="bce",
            optimizer=SGD(0.1),
            epochs=30,
        )


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
    rows, labels = (
        np.random.default_rng(0).normal(size=(31, 2)),
        [i % 2 for i in range(31)],
    )

    def loss(p: Any, t: Any) -> Value:
        return nn.cross_entropy_with_logits(
            p, t
        )  # an index here, which a recording cannot keep open

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

    with pytest.warns(
        RuntimeWarning, match=r"no longer what was recorded.*engine='eager'"
    ):
        history("compiled", Leaky, np.sign(POINTS[:, 0]), loss="mse")


# What fit says of a recording that lies


class Weighted(Module):
    """A line whose parts the tests make depend on what they should not."""

    def __init__(self, forward: Callable[[Any, list[Any]], Value]) -> None:
        self.w, self.b = parameter(0.7, "w"), parameter(-0.3, "b")
        self.calls, self.rng, self.heat = 0, np.random.default_rng(1), Value(1.0)
        self.way = forward

    def forward(self, x: list[Any]) -> Value:
        self.calls += 1
        return self.way(self, x) * self.heat


def number(x: Any) -> float:
    return x.data if isinstance(x, Value) else x


def of_sign(model: Any, x: Any) -> Value:
    z = model.w * x[0] + model.b
    return z if z > 0 else 0.1 * z


def as_often(model: Any, x: Any) -> Value:
    return sum([model.w * x[0]] * (1 + int(abs(number(x[1])) * 3)))


def crosswise(model: Any, x: Any) -> Value:
    """The same ops in the same order, but for which is taken from which."""
    u = model.w * x[0]
    v = exp(u)
    return u - v if number(x[1]) > 0 else v - u


def by_turns(model: Any, x: Any) -> Value:
    return model.w * x[0] if model.calls % 3 else model.b * x[1]


def rounding(model: Any, x: Any) -> Value:
    """(u - u')·10¹², where u' is u with its terms the other way round."""
    ws = [model.w * k + model.b for k in range(8)]
    xs = [x[0] * k + x[1] * (8 - k) for k in range(8)]
    terms = [w * v for w, v in zip(ws, xs, strict=True)]
    return sum(terms) + 1e12 * (
        sum(terms[1:], terms[0]) - sum(terms[-2::-1], terms[-1])
    )


IF, READ, AGAIN = (
    "instead of if",
    "and not with .data, round() or int()",
    "called again, the model gives other",
)
CHANCE, CHANGED = (
    "the model draws random numbers",
    "the model has changed since it was recorded",
)
CAUSES: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "if": (of_sign, IF),
    "max": (lambda m, x: max(m.w * x[0], m.b * x[1]), IF),
    "sorted": (lambda m, x: sorted([m.w * x[0], m.b * x[1]], key=number)[0], IF),
    "a loop": (as_often, IF),
    "an order": (crosswise, IF),
    "round": (lambda m, x: m.w * round(number(x[0])), READ),
    "data": (lambda m, x: m.w * number(x[0]) + m.b * x[1], READ),
    "a new Value": (lambda m, x: m.w * Value(number(x[0]) ** 2), READ),
    "dropout": (
        lambda m, x: m.w * x[0] * (2.0 if random.random() < 0.5 else 0.0),
        AGAIN,
    ),
    "dropout by if": (
        lambda m, x: m.w * x[0] if m.rng.random() < 0.5 else m.b,
        AGAIN,
    ),
    "a counter": (lambda m, x: m.w * x[0] * m.calls, AGAIN),
    "a counter by if": (by_turns, "as with"),
    "rounding": (rounding, "the graphs are the same"),
}
SIDED: dict[float, float] = {1.0: 2.0, -1.0: 3.0}
UNEQUAL: dict[
    str, Callable[[Any, Any], Any]
] = {  # of the same loss with p and a target, 1 or -1
    "==": lambda p, t: p * (2.0 if t == 1 else 3.0),
    "!=": lambda p, t: p * (3.0 if t != 1 else 2.0),
    "np.equal": lambda p, t: p * (2.0 if np.equal(t, 1.0) else 3.0),
    "in": lambda p, t: p * (2.0 if t in (1.0, 5.0) else 3.0),
    "index": lambda p, t: p * ([1.0, -1.0, t].index(t) + 2.0),
    "a set": lambda p, t: p * (2.0 if t in {1.0} else 3.0),
    "a dict": lambda p, t: p * SIDED.get(t, 4.0),
    "a match": lambda p, t: p * matched(t),
    "isinstance": lambda p, t: p * (2.0 if isinstance(t, float) else 3.0),
    "type": lambda p, t: p * (2.0 if type(t) is float else 3.0),
    "text": lambda p, t: p * len(str(t)),
    "the gradient alone": lambda p, t: p if t == 1 else 2 * p - p.detach(),
}


def matched(t: Any) -> float:
    match t:
        case 1.0:
            return 2.0
        case _:
            return 3.0


def complaint(model: Any, rows: int = 30, X: Any = None, **options: Any) -> str:
    """What the one warning says."""
    random.seed(2)
    X = np.random.default_rng(3).normal(size=(rows, 2)) if X is None else X
    with pytest.warns(RuntimeWarning) as caught:
        how = {
            "loss": "mse",
            "optimizer": SGD(1e-3),
            "epochs": 3,
            "progress": False,
            **options,
        }
        fit(model, X, np.sign(X[:, 0]), **how)
    assert len(caught) == 1 and caught[0].filename == __file__
    return str(caught[0].message)


@pytest.mark.parametrize("cause", CAUSES)
def test_advice_fits_its_cause(cause: str) -> None:
    forward, words = CAUSES[cause]
    said = complaint(
        Weighted(forward), optimizer=SGD(1e-30 if cause == "rounding" else 1e-3)
    )
    assert said.startswith("fit trains scalar by scalar: ") and words in said
    assert ("instead of if" in said) == (words == IF)
    assert (".data" in said) == (words == READ)
    assert "only itself" not in said


@pytest.mark.parametrize("how", UNEQUAL)
@pytest.mark.parametrize("place", ["loss", "model"])
def test_what_tells_a_value_from_a_number_is_the_cause(
    how: str, place: str
) -> None:
    """Both are right, the row's number and the Value that a recording gives; only == and types tell them."""
    weighed, options = UNEQUAL[how], {}
    model: Any = Weighted(lambda m, x: m.w * x[0] + m.b)
    X = np.random.default_rng(3).choice([1.0, -1.0], size=(30, 2))
    if place == "loss":
        options = {"loss": lambda p, t: weighed(p, t)}
    else:
        model = Weighted(lambda m, x: weighed(m.w * x[0] + m.b, x[1]))
    said = complaint(model, X=X, **options)
    assert said.startswith("fit trains scalar by scalar: ")
    assert "a Value equals only itself (==" in said and "where(x - 1, a, b)" in said
    assert (
        "rounds" not in said and "instead of if" not in said and ".data" not in said
    )


def test_the_advice_of_unequal_values_works() -> None:
    model = Weighted(lambda m, x: m.w * x[0] + m.b)
    X = np.random.default_rng(3).normal(size=(30, 2))
    options: dict[str, Any] = {"optimizer": SGD(1e-3), "epochs": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(
            model,
            X,
            np.sign(X[:, 0]),
            loss=lambda p, t: where(t - 1, 3 * p, 2 * p),
            **options,
        )
        fit(
            model,
            X,
            np.sign(X[:, 0]),
            loss=UNEQUAL["=="],
            engine="eager",
            **options,
        )


def test_what_the_model_raises_with_numbers_too_is_said_once() -> None:
    """A prediction that is none of bce's fits neither way: an error, and no warning before it."""
    model = Neuron(1, False)
    model.w[0].data, model.b.data = 1.0, 0.5  # pyright: ignore[reportAttributeAccessIssue]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            ValueError, match=r"^bce's predictions are probabilities"
        ) as caught:
            fit(
                model,
                [0.1, 3.0],
                [0.0, 1.0],
                loss="bce",
                optimizer=SGD(0.1),
                epochs=3,
            )
    assert not isinstance(caught.value.__context__, (ValueError, RuntimeWarning))


def test_what_only_a_recording_raises_is_named() -> None:
    said = complaint(
        Weighted(lambda m, x: m.w * x[0]), loss=lambda p, t: p * SIDED[t]
    )
    assert "with Values for a row's numbers (KeyError: Value(data=" in said


def test_the_row_that_is_otherwise_is_named_with_both_numbers() -> None:
    said = complaint(Weighted(CAUSES["round"][0]))
    text = r"row (\d+) has the loss (\S+), recorded (\S+); the number (\S+) was recorded, which"
    found = re.search(text, said)
    assert found
    row, true, recorded, number = found.groups()
    X = np.random.default_rng(3).normal(size=(30, 2))
    t = np.sign(X[int(row), 0])
    assert float(true) == pytest.approx((0.7 * round(X[int(row), 0]) - t) ** 2)
    assert float(recorded) == pytest.approx((0.7 * round(X[0, 0]) - t) ** 2)
    assert float(number) == round(X[0, 0])


def test_a_gradient_that_is_there_or_not() -> None:
    said = complaint(
        Weighted(
            lambda m, x: (m.w if random.random() < 0.5 else Value(m.w.data)) * x[0]
        )
    )
    assert f"{AGAIN} numbers (another gradient), as with dropout" in said


def test_chance_that_does_not_matter_here_is_no_if() -> None:
    """The same numbers three times in a row, since they are drawn for another row's sake."""

    def forward(model: Any, x: Any) -> Value:
        return of_sign(model, x) + 0.0 * random.random()

    assert CHANCE in complaint(Weighted(forward))


@pytest.mark.parametrize(
    "schedule",
    [
        lambda m: setattr(m.heat, "data", m.heat.data / 2),
        lambda m: setattr(m, "way", by_b),
    ],
)
def test_a_schedule_is_told_at_the_end(schedule: Callable[[Any], None]) -> None:
    """The model is changed between the epochs: that is neither chance nor an if."""
    model = Weighted(lambda m, x: m.w * x[0])

    def metric(outputs: Any, targets: Any) -> float:
        schedule(model)
        return 0.0

    said = complaint(model, metrics=[metric])
    assert said.startswith(
        "the model is no longer what was recorded; train it with engine='eager': "
    )
    assert said.endswith(f"{CHANGED}, as with a counter or a schedule")


def by_b(model: Any, x: Any) -> Value:
    return model.b * x[0]


@pytest.mark.parametrize("kind", ["if", "data"])
def test_what_training_itself_brings_about_is_no_schedule(kind: str) -> None:
    """Of the first row, too: with the parameters of the recording it is as recorded."""

    def forward(model: Any, x: Any) -> Value:
        z = model.b * 1.0 if isinstance(x[0], float) else model.b + 0.0 * x[0]
        return (
            (z if number(z) < 0 else 3.0 * z)
            if kind == "if"
            else z + 0.5 * number(model.b)
        )

    random.seed(2)
    with pytest.warns(
        RuntimeWarning, match="no longer what was recorded"
    ) as caught:
        fit(
            Weighted(forward),
            [[1.0, 1.0]] * 3,
            [2.0, 2.0, 1.0],
            loss="mse",
            optimizer=SGD(0.2),
            epochs=9,
        )
    said = str(caught[0].message)
    assert (IF in said, READ in said) == (kind == "if", kind == "data")


def test_a_gradient_alone_that_is_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not "row 0 has the loss 1.0, recorded 1.0"."""
    real = Program.value_and_grad

    def off(*args: Any) -> Any:
        loss, gradient = real(*args)
        return loss, gradient * [1.0, 1.001]

    monkeypatch.setattr(Program, "value_and_grad", off)
    said = complaint(Weighted(lambda m, x: m.w * x[0] + m.b))
    assert re.search(
        r": the gradient of row 0 by b is (\S+), recorded (\S+); the graphs are the same",
        said,
    )


@pytest.mark.parametrize(
    ("bad", "worst"),
    [([math.nan, 2.0], "w"), ([1.0, math.inf], "b"), ([2.0, 3.0], "b")],
)
def test_the_worst_parameter_is_named(
    bad: Any, worst: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Program.value_and_grad
    monkeypatch.setattr(
        Program, "value_and_grad", lambda *args: (real(*args)[0], np.array(bad) * 7)
    )
    assert f"by {worst} is" in complaint(Weighted(lambda m, x: m.w + m.b), 1)


def test_several_rows_that_only_together_are_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Program.value_and_grad

    def off(program: Any, rows: Any, theta: Any) -> Any:
        loss, gradient = real(program, rows, theta)
        return loss + 1e-3 * (len(rows) > 1), gradient

    monkeypatch.setattr(Program, "value_and_grad", off)
    said = complaint(Weighted(lambda m, x: m.w * x[0] + m.b), 3)
    assert re.search(
        r": rows 0, 1, 2 have the loss \S+, recorded \S+; the graphs are the same",
        said,
    )


def test_parameters_are_the_trainings_own_after_a_look_at_the_recording() -> None:
    ours, true = (Weighted(lambda m, x: m.w * x[0]) for _ in range(2))

    def metric(model: Any) -> Any:
        return lambda outputs, targets: setattr(model.heat, "data", 0.5) or 0.0

    said = complaint(ours, metrics=[metric(ours)], epochs=1)
    random.seed(2)
    X = np.random.default_rng(3).normal(size=(30, 2))
    fit(
        true,
        X,
        np.sign(X[:, 0]),
        loss="mse",
        optimizer=SGD(1e-3),
        epochs=1,
        engine="eager",
        metrics=[metric(true)],
    )
    assert CHANGED in said
    assert ours.w.data == pytest.approx(true.w.data, rel=1e-12)


def test_targets_in_a_column_reach_a_loss_of_ones_own_as_rows() -> None:
    def loss(p: Value, t: list[Any]) -> Value:
        return (p - t[0]) ** 2

    ours, true = (
        history(engine, mlp(1), SIDES[:, None], loss=loss)
        for engine in ("compiled", "eager")
    )
    assert ours[0].loss == pytest.approx(true[0].loss, rel=1e-9)
