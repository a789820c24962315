"""Programs in the manner of micrograd's lectures: label=, one _backward() at a time, loops over _prev.

In the lectures one writes the class; here it is imported.
"""

from __future__ import annotations

import copy
import math
import pickle
import random
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from autograd import (
    OPS,
    Op,
    StaleGraphError,
    Value,
    draw,
    exp,
    formula,
    log,
    no_grad,
    relu,
    sin,
    where,
)
from autograd.value import NO_GRAD
from nn import MLP
from tests.programs import Case, random_case


def neuron() -> dict[str, Any]:
    """The lecture's neuron of two inputs, every number with its label."""
    v: dict[str, Any] = {}
    for name, x in (
        ("x1", 2.0),
        ("x2", 0.0),
        ("w1", -3.0),
        ("w2", 1.0),
        ("b", 6.8813735870195432),
    ):
        v[name] = Value(x, label=name)
    for i in "12":
        v[f"x{i}*w{i}"] = v[f"x{i}"] * v[f"w{i}"]
    v["sum"] = v["x1*w1"] + v["x2*w2"]
    v["n"] = v["sum"] + v["b"]
    v["o"] = v["n"].tanh()
    for name in ("x1*w1", "x2*w2", "sum", "n", "o"):
        v[name].label = name
    return v


GRADIENTS = {
    "o": 1.0,
    "n": 0.5,
    "b": 0.5,
    "sum": 0.5,
    "x1": -1.5,
    "w1": 1.0,
    "x2": 0.5,
    "w2": 0.0,
}


def check_gradients(v: dict[str, Any]) -> None:
    assert {name: v[name].grad for name in GRADIENTS} == pytest.approx(
        GRADIENTS, rel=1e-12
    )


def in_topological_order(root: Any) -> list[Any]:
    order, seen = list[Any](), set[Any]()

    def build(v: Any) -> None:
        if v not in seen:
            seen.add(v)
            for child in v._prev:
                build(child)
            order.append(v)

    build(root)
    return order


def by_hand(root: Value) -> None:
    root.grad = 1.0
    for v in reversed(in_topological_order(root)):
        v._backward()


# Labels


def test_a_label_is_the_name() -> None:
    v, w = Value(2.0, label="a"), Value(3.0, "b")
    assert (v.name, v.label, w.name, w.label) == ("a", "a", "b", "b")
    z = v * w
    assert (z.label, z.name, Value(1.0).label) == ("", "", "")
    z.label = "c"
    assert z.name == "c"
    z.name = "d"
    assert z.label == "d"
    assert formula(z) == "d = a·b"
    assert "a" in draw(z).source and "d [×]" in draw(z).source


def test_labels_with_signs_in_them() -> None:
    v = neuron()
    assert "x1*w1 [×]" in draw(v["o"]).source
    assert formula(v["o"]).splitlines()[:2] == ["o = tanh(n)", "n = sum + b"]


@pytest.mark.parametrize(
    "bad", [3, None, 1.5, ["a"], b"a", np.array(["a", "b"])], ids=str
)
@pytest.mark.parametrize("attribute", ["name", "label"])
def test_a_label_is_a_text(bad: Any, attribute: str) -> None:
    given: dict[str, Any] = {attribute: bad}
    v = Value(1.0, "old")
    z = v * 2
    for call in (
        lambda: Value(1.0, **given),
        lambda: setattr(v, attribute, bad),
        lambda: setattr(z, attribute, bad),
    ):
        with pytest.raises(
            TypeError,
            match=rf"a Value's name is a str, not {type(bad).__name__}; write",
        ):
            call()
    assert (v.name, z.name) == ("old", "")


def test_one_name_not_two() -> None:
    assert Value(1.0, "a", label="a").name == "a"
    with pytest.raises(
        TypeError, match="one name, and label= is the same; not 'a' and 'b'"
    ):
        Value(1.0, "a", label="b")


@pytest.mark.parametrize(
    "remade", [pickle.dumps, copy.copy, copy.deepcopy], ids=lambda f: f.__name__
)
def test_copies_keep_labels(remade: Callable[[Any], Any]) -> None:
    v = Value(2.0, label="a")
    z = v * v
    z.label, z.note = "square", [v]
    twin = remade(z)
    twin = pickle.loads(twin) if isinstance(twin, bytes) else twin
    assert (twin.label, twin.name, twin.inner[0].label, twin.note[0].name) == (
        "square",
        "square",
        "a",
        "a",
    )
    twin.label = "other"
    assert z.name == "square"


def test_the_state_of_a_pickle_of_version_0_5_still_names_its_value() -> None:
    v = Value(1.0)
    v.__setstate__({"name": "w", "m": 0.5})
    assert (v.name, v.label, v.m) == ("w", "w", 0.5)  # type: ignore[attr-defined]


# One node at a time


def test_the_neuron_node_by_node() -> None:
    v = neuron()
    assert round(v["o"].data, 4) == 0.7071
    v["o"].grad = 1.0
    for name in ("o", "n", "b", "sum", "x2*w2", "x1*w1"):
        v[name]._backward()
    check_gradients(v)


def test_the_neuron_by_a_loop_and_by_backward() -> None:
    v, w = neuron(), neuron()
    by_hand(v["o"])
    check_gradients(v)
    w["o"].backward()
    assert {name: x.grad for name, x in v.items()} == {
        name: x.grad for name, x in w.items()
    }


def test_gradients_written_down_by_hand_go_on_from_there() -> None:
    v = neuron()
    v["n"].grad = 1 - v["o"].data ** 2
    v["sum"].grad, v["b"].grad = v["n"].grad, v["n"].grad
    v["x1*w1"].grad = v["x2*w2"].grad = 0.5
    v["x1*w1"]._backward()
    assert (v["x1"].grad, v["w1"].grad, v["x2"].grad) == (-1.5, 1.0, 0.0)
    v["x1*w1"].grad = np.float64(2)
    v["x1*w1"]._backward()  # adds to what is there
    assert (v["x1"].grad, v["w1"].grad) == (-7.5, 5.0)
    assert type(v["x1"].grad) is float


def test_tanh_in_its_parts() -> None:
    v = neuron()
    e = (2 * v["n"]).exp()
    v["o"] = (e - 1) / (e + 1)
    by_hand(v["o"])
    check_gradients(v)


def test_a_node_used_twice() -> None:
    a = Value(3.0, label="a")
    b = a + a
    b.grad = 1.0
    b._backward()
    assert a.grad == 2.0
    a, b = Value(-2.0), Value(3.0)
    by_hand((a * b) * (a + b))
    assert (a.grad, b.grad) == (-3.0, -8.0)


def test_a_leaf_pulls_nothing_and_a_constant_has_no_gradient() -> None:
    v = Value(2.0)
    v.grad = 5.0
    v._backward()
    assert v.grad == 5.0
    z = v * 3
    constant = z._prev[1]
    assert (constant.data, constant._prev, constant._op) == (3.0, (), "")
    constant._backward()
    by_hand(z)
    assert (v.grad, constant.grad) == (8.0, 0.0)


def test_without_a_gradient_nothing_flows() -> None:
    x = Value(0.0)
    z = log(x) + x
    z.args[0]._backward()  # type: ignore[union-attr]  whose partial is infinite
    z._backward()
    assert x.grad is NO_GRAD
    assert z.grad is NO_GRAD


def cases(some: int) -> Iterator[Case]:
    """Random programs; two of three of any numbers, with infinities, nan, poles and dead branches."""
    return (
        random_case(random.Random(20 * some + i), 30, guarded=i % 3 == 0)
        for i in range(20)
    )


@pytest.mark.parametrize("some", range(40))
def test_a_loop_by_hand_is_backward_bit_for_bit(some: int) -> None:
    for case in cases(some):
        nodes, others = case.build(), case.build()
        by_hand(nodes[-1])
        others[-1].backward()
        pairs = zip(nodes[: len(case.leaves)], others, strict=False)
        assert all(repr(v.grad + 0.0) == repr(w.grad + 0.0) for v, w in pairs), case


def test_the_random_loops_meet_what_they_should() -> None:
    """Some gradients are nan, some infinite; and some are not nan only since an edge is dead."""
    kinds, rescued = set[str](), 0
    for case in (case for some in range(40) for case in cases(some)):
        nodes = case.build()
        nodes[-1].backward()
        grads = [v.grad for v in nodes[: len(case.leaves)]]
        kinds |= {
            "nan" if x != x else "inf" if math.isinf(x) else "finite" for x in grads
        }
        for v in nodes:
            v.grad = 0.0
        nodes[-1].grad = 1.0
        for v in reversed(in_topological_order(nodes[-1])):
            if v.form:
                v.form.pull(v)  # without the rule of dead edges
        rescued += any(
            v.grad != v.grad and x == x for v, x in zip(nodes, grads, strict=False)
        )
    assert kinds == {"nan", "inf", "finite"}
    assert rescued > 0


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x: where(x > 0, log(x), x), -0.0),
        (lambda x: where(x.step(), log(x), x), 0.0),
        (lambda x: where(x.step(), 1 / x, where(x.sign(), log(x), 2 * x)), 0.0),
        (lambda x: 1 / (1 + exp(-x)), -1000.0),
        (lambda x: exp(-x) / (1 + exp(-x)), 1000.0),
        (lambda x: relu(x) * 0 + x, math.inf),
    ],
)
def test_dead_edges(function: Callable[[Value], Value], x: float) -> None:
    v, w = Value(x), Value(x)
    by_hand(function(v))
    function(w).backward()
    assert v.grad == w.grad or (v.grad != v.grad and w.grad != w.grad)


def test_a_zero_that_was_set_is_a_gradient() -> None:
    """0·inf is nan, as it would be in a pass; only what was never set or reached passes nothing on."""
    x = Value(0.0)
    z = log(x)
    z.grad = 0.0
    z._backward()
    assert math.isnan(x.grad)


def test_a_stale_node_refuses_and_changes_nothing() -> None:
    x, w = Value(2.0, label="x"), Value(3.0)
    y = x * w
    z = y + w
    z.grad = y.grad = 1.0
    x.data = 5.0
    with pytest.raises(StaleGraphError, match=r"'x' was assigned .* call forward"):
        y._backward()
    assert (x.grad, w.grad) == (0.0, 0.0)
    with pytest.raises(StaleGraphError, match="'x'"):
        by_hand(z)
    z.forward()
    x.grad = w.grad = 0.0
    by_hand(z)
    assert (x.grad, w.grad) == (3.0, 6.0)


def test_an_unrelated_assignment_does_not_matter() -> None:
    x, other = Value(2.0), Value(1.0)
    y = x * x
    other.data = 2.0
    y.grad = 1.0
    y._backward()
    assert x.grad == 4.0


@pytest.mark.parametrize(
    "bad",
    ["1", [1.0], 1j, np.array([1.0, 2.0]), Value(1.0)],
    ids=lambda x: type(x).__name__,
)
@pytest.mark.parametrize("where_it_is", ["result", "operand"])
def test_a_grad_that_is_no_number(bad: Any, where_it_is: str) -> None:
    x, w = Value(2.0, "x"), Value(3.0, "w")
    z = x * w
    z.name, z.grad = "z", 1.0
    node = z if where_it_is == "result" else w
    node.grad = bad
    with pytest.raises(
        TypeError, match=rf"the grad of '{node.name}' takes real numbers"
    ):
        z._backward()
    assert x.grad is NO_GRAD
    assert node.grad is bad


def test_none_is_no_gradient_yet() -> None:
    x = Value(2.0)
    z = x * x
    x.grad, z.grad = None, 1.0  # type: ignore[assignment]
    z._backward()
    assert x.grad == 4.0


def test_an_op_of_ones_own_pulls_too() -> None:
    cube = Op("cube", "cube", "x**3", (lambda z, x: 3 * x * x,))
    try:
        x = Value(2.0)
        by_hand(cube(x) * 2)
        assert x.grad == 24.0
    finally:
        del OPS["cube"]


def test_nothing_is_recorded_nothing_is_pulled() -> None:
    x = Value(2.0)
    with no_grad():
        y = x * x
    y.grad = 1.0
    y._backward()
    assert (x.grad, y._prev) == (0.0, ())


@pytest.fixture
def hasty() -> Iterator[None]:
    """Python changes threads as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_loops_in_threads_lose_no_update(hasty: None) -> None:
    x = Value(1.0)

    def work() -> None:
        for _ in range(300):
            z = x * 2
            z.grad = 1.0
            z._backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x.grad == 2400.0


# What gradients are not made of


def refused(error: type[Exception], call: Callable[[], Any]) -> str:
    with pytest.raises(error) as caught:
        call()
    assert 'Op("cube", "cube", "x**3", (lambda z, x: 3 * x * x,))' in str(
        caught.value
    )
    return str(caught.value)


def test_an_instances_backward_cannot_be_assigned() -> None:
    x = Value(2.0)
    for v in (x, x * x):
        assert "_backward cannot be assigned" in refused(
            AttributeError, lambda v=v: setattr(v, "_backward", lambda: None)
        )
    with pytest.raises(AttributeError):
        del x._backward


def test_a_class_cannot_bring_its_own() -> None:
    def method(self: Any) -> None: ...

    class Mixed:
        _backward = method

    for bases, body in (
        ((Value,), {"_backward": method}),
        ((Mixed, Value), {}),
        ((Value,), {"_backward": None}),
    ):
        assert "Mine: " in refused(
            TypeError,
            lambda bases=bases, body=body: type("Mine", bases, dict(body)),
        )

    class Fine(Value):
        """A subclass without one."""

    class Finer(Fine): ...

    x = Finer(2.0, label="x")
    by_hand(x * x)
    assert (x.grad, x.name) == (4.0, "x")


@pytest.mark.parametrize(
    "call",
    [
        lambda x: Value(1.0, (x, x), "+"),
        lambda x: Value(1.0, (), ""),
        lambda x: Value(1.0, (), "", "a"),
        lambda x: Value(1.0, {x}, "+", label="a"),
        lambda x: Value(1.0, _children=(x,)),
        lambda x: Value(1.0, _children=()),
        lambda x: Value(1.0, _op=""),
        lambda x: Value(data=1.0, _children=(x,), _op="tanh", label="t"),
    ],
)
def test_operands_are_not_given_but_recorded(call: Callable[[Any], Any]) -> None:
    assert "leaf" in refused(TypeError, lambda: call(Value(2.0)))


@pytest.mark.parametrize(
    "children", [(Value(1.0),), {Value(1.0)}, []], ids=lambda x: type(x).__name__
)
def test_operands_in_the_names_place(children: Any) -> None:
    with pytest.raises(
        TypeError,
        match=r"name is a str, not .* operands are recorded by an op, such as",
    ):
        Value(1.0, children)


def test_a_class_of_the_lectures_manner_is_told_at_its_first_result() -> None:
    class Mine(Value):
        def cube(self) -> Value:
            out = Mine(self.data**3, (self,), "cube")  # type: ignore[arg-type]
            out._backward = lambda: None
            return out

    refused(TypeError, lambda: Mine(2.0).cube())


# The whole of a lecture


def trace(root: Any) -> tuple[set[Any], set[tuple[Any, Any]]]:
    nodes, edges = set[Any](), set[tuple[Any, Any]]()

    def build(v: Any) -> None:
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def test_a_drawing_by_hand_of_nodes_and_edges() -> None:
    v = neuron()
    v["e"] = (2 * v["n"]).exp()
    o = (v["e"] - 1) / (v["e"] + 1)
    o.label = "out"
    o.backward()
    nodes, edges = trace(o)
    boxes = {
        id(n): f"{n.label} | data {n.data:.4f} | grad {n.grad:.4f}" for n in nodes
    }
    assert len(boxes) == len(nodes) == 17  # three of them constants
    assert {
        "out | data 0.7071 | grad 1.0000",
        "x1 | data 2.0000 | grad -1.5000",
    } <= {*boxes.values()}
    assert len(edges) == 16 + 1  # e has two uses
    assert all({id(x), id(z)} <= boxes.keys() and z._op for x, z in edges)
    assert sorted({n._op for n in nodes}) == ["", "+", "-", "/", "exp", "×"]


def test_a_slope_by_two_builds() -> None:
    def build(nudge: float) -> float:
        a, b, c = (
            Value(2.0, label="a"),
            Value(-3.0, label="b"),
            Value(10.0, label="c"),
        )
        b.data += nudge
        e = a * b
        e.label = "e"
        d = e + c
        return (d * Value(-2.0, label="f")).data

    assert (build(0.001) - build(0.0)) / 0.001 == pytest.approx(-4.0)


def test_a_step_up_the_gradient_and_a_new_graph() -> None:
    a, b, c, f = (
        Value(x, label=name)
        for x, name in ((2.0, "a"), (-3.0, "b"), (10.0, "c"), (-2.0, "f"))
    )
    loss = (a * b + c) * f
    by_hand(loss)
    assert [v.grad for v in (a, b, c, f)] == [6.0, -4.0, -2.0, 4.0]
    for v in (a, b, c, f):
        v.data += 0.01 * v.grad
    assert ((a * b + c) * f).data == pytest.approx(-7.286496, abs=1e-12)


def test_training_with_a_pass_by_hand_is_training_with_backward() -> None:
    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    ys = [1.0, -1.0, -1.0, 1.0]
    histories = list[list[float]]()
    for backward in (by_hand, Value.backward):
        random.seed(7)
        model, losses = (
            MLP(3, [4, 4, 1], activation="tanh", output="tanh"),
            list[float](),
        )
        for _ in range(20):
            loss: Any = sum(
                (model(x) - y) ** 2 for x, y in zip(xs, ys, strict=True)
            )
            for p in model.parameters():
                p.grad = 0.0
            backward(loss)
            for p in model.parameters():
                p.data += -0.1 * p.grad
            losses.append(loss.data)
        histories.append(losses)
    assert histories[0] == histories[1]
    assert histories[0][-1] < 0.1 * histories[0][0]


def test_the_lectures_check_of_sin_by_hand() -> None:
    x = Value(0.7, label="x")
    by_hand(sin(x) * x)
    assert x.grad == pytest.approx(math.cos(0.7) * 0.7 + math.sin(0.7))
