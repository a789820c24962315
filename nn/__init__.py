"""Neural networks whose every scalar can be seen: neurons, layers, losses and training, on autograd's Values.

model = MLP(2, [16, 16, 1])                      every call is a composite, and a graph
history = fit(model, X, y, loss="hinge", optimizer=SGD(0.1), epochs=100)
history.plot()
"""

import builtins as _builtins
from types import ModuleType as _Module

import autograd

if not hasattr(autograd, "Value"):
    _where = getattr(autograd, "__file__", None) or next(iter(autograd.__path__))
    raise ImportError(
        f"nn needs glassgrad's autograd, and {_where} is not that, or not all of it: HIPS's package has the "
        "same import name (pip uninstall -y autograd glassgrad, then install glassgrad again); "
        "or is it a file of your own (rename it)?"
    )

from .losses import *  # noqa: F403
from .modules import *  # noqa: F403
from .optimizers import SGD as SGD
from .progress import History as History
from .training import fit as fit

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    name
    for name, x in globals().items()
    if name[0] != "_"
    and not isinstance(x, _Module)
    and not hasattr(_builtins, name)
]
