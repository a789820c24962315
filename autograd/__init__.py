"""A glass box for backpropagation: numbers that remember how they were made.

    x = Value(0.5, name="x")
    y = 1 / (1 + exp(-x))     a graph, as it is computed
    y.backward()              x.grad is ∂y/∂x
    draw(y, style="textbook") the picture, with the gradients on the arrows

Words, never varied: z = op(x, y, w) has operands x, y, w and a result z.  A leaf is a Value that no op made.
A partial is a local derivative, ∂z/∂x; an adjoint, or upstream gradient, is ∂L/∂x; a seed is the adjoint that
a pass starts with; a tangent is what forward mode carries.  vjp and jvp multiply the Jacobian by a vector,
from the left and from the right.
"""

import builtins as _builtins
from types import ModuleType as _Module

from . import starting as starting  # isort: skip  first of all, since the others take their time
from . import alone

if _trouble := alone.trouble():
    raise ImportError(_trouble)

from . import (
    copying as _copying,
    micrograd as _micrograd,
    sweeps as _sweeps,
    ufuncs as _ufuncs,
)
from .checking import *  # noqa: F403
from .compiler.program import Program as Program, compile as compile
from .derivatives import *  # noqa: F403
from .nonfinite import *  # noqa: F403
from .ops import *  # noqa: F403  every op of the table, without naming it a second time
from .pictures import drawing as _drawing
from .pictures.drawing import *  # noqa: F403
from .pictures.labels import (
    formula as formula,
    labels as labels,
    latex as latex,
    mathml as mathml,
)
from .pictures.stepper import (
    Frame as Frame,
    Page as Page,
    steps as steps,
    to_html as to_html,
)
from .scopes import composite as composite, no_grad as no_grad, scope as scope
from .sweeps import (
    StaleGraphError as StaleGraphError,
    Step as Step,
    ledger as ledger,
    zero_grad as zero_grad,
)
from .value import OPS as OPS, Op as Op, Value as Value, toposort as toposort

# What the modules above add to Value, which knows none of them.
_ADDED = {
    "backward": _sweeps.backward,
    "explain": to_html,
    "_prev": property(_micrograd.operands),
    "_op": property(_micrograd.symbol),
    "_backward": property(_micrograd.pulls, _micrograd.refuse),
    "__copy__": _copying.shallow,
    "__deepcopy__": _copying.deep,
    "__reduce__": _copying.reduce,
    "__array_ufunc__": _ufuncs.of_value,
    "__array_function__": _ufuncs.of_value_function,
    "_repr_mimebundle_": _drawing.mimebundle,
    "_mime_": _drawing.mime,
}
for _name, _added in _ADDED.items():
    setattr(Value, _name, _added)

# Not compile: ``from autograd import *`` would hide Python's own.
__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    name
    for name, x in globals().items()
    if name[0] != "_"
    and not isinstance(x, _Module)
    and not hasattr(_builtins, name)
]
