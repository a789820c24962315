"""What training shows: the bar while it runs, and its History with the curves of all epochs."""

import sys
from dataclasses import dataclass, field
from importlib import import_module
from threading import RLock
from typing import Any

from tqdm import tqdm

from autograd.forking import after_fork

Bar: Any = type("Bar", (tqdm,), {})  # with a lock of its own


def renew() -> None:
    """In a forked process: a thread of its parent may hold the lock of the bars."""
    Bar.set_lock(RLock())


renew()
after_fork(renew)


@dataclass
class History:
    """The loss of every epoch as its rows were seen, the metrics, and why training stopped early, if so."""

    loss: list[float] = field(default_factory=list[float])
    metrics: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    stopped: str = ""

    def plot(self, ax: Any = None) -> Any:
        """Draws the curves on matplotlib's axes, or on new ones (which need matplotlib), and returns them."""
        ax = pyplot().subplots()[1] if ax is None else ax
        for name, curve in {"loss": self.loss, **self.metrics}.items():
            ax.plot(curve, label=name)
        ax.set_xlabel("epoch")
        ax.legend()
        return ax

    def __repr__(self) -> str:
        epochs = f"{len(self.loss)} epoch{'s' * (len(self.loss) != 1)}"
        losses = (
            f", loss {self.loss[0]:.6g} → {self.loss[-1]:.6g}" if self.loss else ""
        )
        return f"History({epochs}{losses}{', stopped: ' * bool(self.stopped)}{self.stopped})"


def pyplot() -> Any:
    """matplotlib's module for plots; ModuleNotFoundError, with the way out, where it is not installed."""
    try:
        return import_module("matplotlib.pyplot")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "History.plot needs matplotlib: pip install matplotlib"
        ) from None


def bar_is_seen() -> bool:
    """Whether somebody can see a bar: at a terminal, or in a notebook."""
    kernel: Any = sys.modules.get("ipykernel.kernelapp")
    return sys.stderr.isatty() or bool(kernel and kernel.IPKernelApp.initialized())
