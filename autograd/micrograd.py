"""What micrograd's notebooks call by other names: ``_prev``, ``_op``, and ``_backward``, one node's part."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NoReturn, cast

from . import sweeps  # whose lock is another one in a forked process
from .ieee import number
from .sweeps import check_fresh, is_dead, overflows
from .value import OWN_OP, Form, NoGrad, Value, describe, plain, toposort


def operands(z: Value) -> tuple[Value, ...]:
    """The operands as micrograd's notebooks walk them: every one a Value."""
    return tuple([x if isinstance(x, Value) else Value(x) for x in z.args])


def symbol(z: Value) -> str:
    """The op's symbol, as micrograd's notebooks print it."""
    return z.op.symbol if z.op else ""


def pulls(z: Value) -> Callable[[], None]:
    """Adds to the operands' grad what flows to them from this node's: a step of ``backward`` by hand."""
    return partial(pull_node, z)


def refuse(z: Value, function: object) -> NoReturn:
    """Nobody assigns a ``_backward``."""
    raise AttributeError(
        f"gradients come from ops alone, so _backward cannot be assigned; {OWN_OP}"
    )


def pull_node(z: Value) -> None:
    """``z._backward()``: adds to the operands' grad what flows to them from z.grad; of a leaf, nothing.

    Over the nodes in reverse order this is ``backward``, to the last bit, where the grads begin at 0.  A dead
    edge leaves its operand's grad alone, and a node whose grad was neither set nor reached passes nothing on.

    Raises TypeError for a grad that is not a real number, and StaleGraphError for an operand that is younger
    than z; nothing was added then.  An operand of an operand is not looked at: it refuses at its own turn.
    """
    if z.form is None:
        return
    with sweeps.LOCK:
        check_fresh([z])
        for v in (z, *z.inner):
            grad_of(v)
        if not isinstance(z.grad, NoGrad):
            pull_checked(z, z.form)


def pull_checked(z: Value, form: Form) -> None:
    """The same, when all grads of z and its operands are known to be numbers."""
    upstream, flat_at = grad_of(z), overflows_below(z)
    partials = form.local(z.data, *map(plain, z.args))
    for x, local in zip(z.inner, partials, strict=True):
        if not is_dead(z, x, local, upstream, flat_at):
            x.grad = grad_of(x) + upstream * local


def overflows_below(z: Value) -> set[Value]:
    """The nodes that are infinite by overflow, where an operand of z is infinite; else none."""
    infinite = any(math.isinf(x.data) for x in z.inner)
    return overflows(toposort(z)) if infinite else set()


def grad_of(v: Value) -> float:
    """v.grad, which anybody may assign, as a float; None counts as 0."""
    grad = cast("object", v.grad)
    return number(0.0 if grad is None else grad, f"the grad of {describe(v)}")
