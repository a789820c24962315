"""The benchmark's nets and formulas in other engines: NumPy by hand, PyTorch, JAX and CasADi.

Each is written as somebody who knows that engine would write it.  All start from the same parameters, given
as one array, neuron by neuron, each with its weights and then its bias; and give their gradient like that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import chain, pairwise
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Result: TypeAlias = tuple[float, Array]  # a loss and its gradient
Layers: TypeAlias = list[
    tuple[Array, Array]
]  # weights (inputs, outputs) and biases
SINGLE = 1e-4  # how near numbers of 32 bits must come


@dataclass(frozen=True)
class Way:
    """One engine's way through a workload: what is timed, and what must be right before it is timed."""

    step: Callable[[], object]
    result: Callable[[], Result]
    tolerance: float = (
        1e-9  # of the difference, as a part of the gradient's largest entry
    )


@dataclass(frozen=True)
class Net:
    """What all engines start from: widths, parameters, a table with its targets, and a rate."""

    sizes: Sequence[int]
    theta: Array
    X: Array
    t: Array
    rate: float
    penalty: float = 0.0

    @property
    def layers(self) -> Layers:
        """The parameters as matrices and vectors of their own."""
        found, at = Layers(), 0
        for n, m in pairwise(self.sizes):
            block = self.theta[at : at + m * (n + 1)].reshape(m, n + 1)
            found.append((block[:, :n].T.copy(), block[:, n].copy()))
            at += m * (n + 1)
        return found


def joined(layers: Sequence[tuple[Any, Any]]) -> Array:
    """Matrices and vectors as one array again."""
    return np.concatenate(
        [np.column_stack([np.transpose(w), b]).ravel() for w, b in layers]
    ).astype(float)


def numpy_xor(net: Net) -> Way:
    """Sigmoids and the cross-entropy by hand; the last sigmoid and the loss together give (y - t)/n."""
    layers, n, t = net.layers, len(net.X), net.t[:, None]

    def gradient() -> tuple[float, Layers]:
        hs = [net.X]
        for w, b in layers:
            z = hs[-1] @ w
            z += b
            np.negative(z, out=z)
            np.exp(z, out=z)
            z += 1
            hs.append(np.reciprocal(z, out=z))
        y = hs.pop()
        loss = -(t * np.log(y) + (1 - t) * np.log(1 - y)).sum() / n
        d, found = (y - t) / n, Layers()
        for (w, _), h in zip(reversed(layers), reversed(hs), strict=True):
            found.append((h.T @ d, d.sum(0)))
            if h is not net.X:
                d = d @ w.T
                d *= h
                d *= 1 - h
        return loss, found[::-1]

    return by_hand(layers, gradient, net.rate)


def numpy_moons(net: Net) -> Way:
    """ReLUs, the hinge loss and the weight penalty by hand."""
    layers, n, t = net.layers, len(net.X), net.t[:, None]

    def gradient() -> tuple[float, Layers]:
        hs = [net.X]
        for w, b in layers[:-1]:
            z = hs[-1] @ w
            z += b
            hs.append(np.maximum(z, 0, out=z))
        w, b = layers[-1]
        margin = 1 - t * (hs[-1] @ w + b)
        squares = sum(np.vdot(w, w) + np.vdot(b, b) for w, b in layers)
        loss = np.maximum(margin, 0).sum() / n + net.penalty * squares
        d, found = (margin > 0) * t / -n, Layers()
        for (w, b), h in zip(reversed(layers), reversed(hs), strict=True):
            found.append(
                (h.T @ d + 2 * net.penalty * w, d.sum(0) + 2 * net.penalty * b)
            )
            if h is not net.X:
                d = d @ w.T
                d *= h > 0
        return float(loss), found[::-1]

    return by_hand(layers, gradient, net.rate)


def by_hand(
    layers: Layers, gradient: Callable[[], tuple[float, Layers]], rate: float
) -> Way:
    """A step of gradient descent on matrices."""

    def step() -> float:
        loss, found = gradient()
        for (w, b), (dw, db) in zip(layers, found, strict=True):
            dw *= rate
            w -= dw
            db *= rate
            b -= db
        return loss

    def result() -> Result:
        loss, found = gradient()
        return loss, joined(found)

    return Way(step, result)


def numpy_sigmoid(x: Array) -> tuple[Array, ...]:
    """1 / (1 + exp(-x)) and its gradient, y(1 - y)."""
    y = np.negative(x)
    np.exp(y, out=y)
    y += 1
    np.reciprocal(y, out=y)
    return y, y * (1 - y)


def numpy_formula(x: Array, y: Array, z: Array) -> tuple[Array, ...]:
    """The formula of 25 operations; what its gradient shares with it is computed once."""
    s = 1 / (1 + np.exp(-x))
    r = np.sqrt(x * x + y * y + 1)
    xy, zz = x * y, 1 + z * z
    log_zz = np.log(zz)
    w = np.tanh(np.sin(xy) + np.cos(z) - log_zz * s)
    g = np.exp(-y * y)
    u = (1 - w * w) / r
    c, q = u * np.cos(xy), w / (r * r * r)
    dx = c * y - u * log_zz * s * (1 - s) - q * x
    dy = c * x - q * y - 2 * y * g * z
    dz = g - u * (np.sin(z) + 2 * s * z / zz)
    return w / r + g * z, dx, dy, dz


def torch_xor(net: Net) -> Way:
    """Sigmoids all the way."""
    return torch_net(net, "Sigmoid", "Sigmoid")


def torch_moons(net: Net) -> Way:
    """ReLUs, then a score."""
    return torch_net(net, "ReLU", "Identity")


def torch_layers(torch: Any, net: Net) -> list[Any]:
    """torch.nn's layers with the net's parameters."""
    linear = [torch.nn.Linear(n, m) for n, m in pairwise(net.sizes)]
    for layer, (w, b) in zip(linear, net.layers, strict=True):
        layer.weight.data, layer.bias.data = (
            torch.tensor(w.T).float(),
            torch.tensor(b).float(),
        )
    return linear


def torch_net(net: Net, hidden: str, last: str) -> Way:
    """torch.nn, its loss and its SGD; tensors of 32 bits, as they are by default."""
    torch: Any = import_module("torch")
    torch.set_num_threads(1)
    linear = torch_layers(torch, net)
    kinds = [*[hidden] * (len(linear) - 1), last]
    parts = [
        (a, getattr(torch.nn, kind)())
        for a, kind in zip(linear, kinds, strict=True)
    ]
    model = torch.nn.Sequential(*chain.from_iterable(parts))
    optimizer = torch.optim.SGD(model.parameters(), lr=net.rate)
    X, t = torch.tensor(net.X).float(), torch.tensor(net.t).float()

    def gradient() -> Any:
        optimizer.zero_grad()
        y = model(X)[:, 0]
        if net.penalty:
            loss = (1 - t * y).relu().mean() + net.penalty * sum(
                (p * p).sum() for p in model.parameters()
            )
        else:
            loss = torch.nn.functional.binary_cross_entropy(y, t)
        loss.backward()
        return loss

    def step() -> Any:
        loss, _ = gradient(), optimizer.step()
        return loss

    def result() -> Result:
        loss = gradient().item()
        return loss, joined(
            [(a.weight.grad.numpy().T, a.bias.grad.numpy()) for a in linear]
        )

    return Way(step, result, SINGLE)


def jax_loss(jax: Any, jnp: Any, X: Any, t: Any, layers: Any) -> Any:
    """Sigmoids and the cross-entropy."""
    h = X
    for w, b in layers:
        h = jax.nn.sigmoid(h @ w + b)
    return -jnp.mean(t * jnp.log(h) + (1 - t) * jnp.log(1 - h))


def jax_xor(net: Net) -> Way:
    """The step as one function that JAX compiles; arrays of 32 bits, as they are by default."""
    jax: Any = import_module("jax")
    jax.config.update(
        "jax_cpu_enable_async_dispatch", False
    )  # or a second thread takes part, and it is slower
    jnp: Any = import_module("jax.numpy")
    X, t = jnp.asarray(net.X), jnp.asarray(net.t[:, None])

    loss_of = partial(jax_loss, jax, jnp, X, t)

    def descend(p: Any, d: Any) -> Any:
        return p - net.rate * d

    def step_of(layers: Any) -> Any:
        loss, found = jax.value_and_grad(loss_of)(layers)
        return loss, jax.tree.map(descend, layers, found)

    jitted = jax.jit(step_of)
    start = jax.tree.map(jnp.asarray, net.layers)
    state = [start]

    def step() -> None:
        state[0] = jax.block_until_ready(jitted(state[0]))[1]

    def result() -> Result:
        loss, found = jax.jit(jax.value_and_grad(loss_of))(start)
        return float(loss), joined(
            [(np.asarray(w), np.asarray(b)) for w, b in found]
        )

    return Way(step, result, SINGLE)


def casadi_xor(net: Net) -> Way:
    """The loss of all rows as one expression of scalars, with its gradient."""
    ca: Any = import_module("casadi")
    symbols, at, h = ca.SX.sym("theta", len(net.theta)), 0, ca.DM(net.X.T)
    for n, m in pairwise(net.sizes):
        block = ca.reshape(symbols[at : at + m * (n + 1)], n + 1, m).T
        h = 1 / (
            1 + ca.exp(-(block[:, :n] @ h + ca.repmat(block[:, n], 1, len(net.X))))
        )
        at += m * (n + 1)
    t = ca.DM(net.t[None, :])
    loss = -ca.sum2(t * ca.log(h) + (1 - t) * ca.log(1 - h)) / len(net.X)
    theta, gradient, number = (
        net.theta.copy(),
        np.zeros_like(net.theta),
        np.zeros(1),
    )
    call = casadi_call(
        ca.Function("f", [symbols], [loss, ca.gradient(loss, symbols)]),
        theta,
        number,
        gradient,
    )

    def step() -> None:
        call()
        theta[:] -= net.rate * gradient

    def result() -> Result:
        call()
        return float(number[0]), gradient.copy()

    return Way(step, result)


def casadi_formula(
    formula: Callable[..., Any], X: Array, places: NDArray[Any]
) -> Way:
    """A formula of a row with its gradient, for all rows; some are looked at."""
    ca: Any = import_module("casadi")
    row, out, found = (
        ca.SX.sym("row", X.shape[1]),
        np.zeros(len(X)),
        np.zeros(X.shape),
    )
    y = formula(ca, *(row[i] for i in range(X.shape[1])))
    function = ca.Function("f", [row], [y, ca.gradient(y, row)])
    call = casadi_call(
        function.map(len(X)) if len(X) > 1 else function, X, out, found
    )

    def result() -> Result:
        call()
        return out[places].sum(), found[places].ravel()

    return Way(call, result)


def casadi_call(
    function: Any, argument: Array, *results: Array
) -> Callable[[], None]:
    """A call that reads and writes arrays where they are."""
    buffer, call = function.buffer()
    buffer.set_arg(0, memoryview(cast("Any", argument)))
    for i, array in enumerate(results):
        buffer.set_res(i, memoryview(cast("Any", array)))

    def run() -> None:
        """Which keeps the buffer and its arrays alive."""
        assert buffer is not None
        call()

    return run
