"""A glass box for backpropagation: scalar numbers that remember how they were made."""

from .derivatives import hessian, hvp, jacobian, jvp, vjp
from .drawing import draw, to_dot
from .notation import formula, labels, latex, mathml
from .ops import *
from .scopes import composite, scope
from .sweeps import Step, grad, ledger, zero_grad
from .value import OPS, Op, StaleGraphError, Value, no_grad, toposort
