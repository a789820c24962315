"""A gradient is never silently wrong: a graph whose leaves were assigned since refuses to be differentiated.

One clock for all (``value.clock``): assigning a leaf advances it, and every node keeps the time at which it
was computed.  A node is stale if one of its operands is younger.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import value as engine  # for its clock, which moves
from .value import Value, describe


class StaleGraphError(RuntimeError):
    """A leaf was assigned after a graph was built from it: the graph's numbers no longer fit one another."""


def check_fresh(order: Sequence[Value]) -> None:
    """Raises StaleGraphError if a leaf was assigned after a node was computed from it."""
    if {v.clock for v in order if v.form is not None} <= {engine.clock}:
        return  # nothing at all was assigned since
    late = next((x for v in order for x in v.inner if x.clock > v.clock), None)
    if late is not None:
        how = "assigned" if late.form is None else "computed again"
        what = f"{describe(late)} was {how} after this graph was built from it"
        raise StaleGraphError(f"{what}; call forward() on the graph's root to compute it again")


def check_unchanged(z: Value, time: float) -> None:
    """Raises StaleGraphError if a node or an operand got its number after the given time."""
    late = next((x for x in (*z.inner, z) if x.clock > time), None)
    if late is not None:
        raise StaleGraphError(f"{describe(late)} changed while a ledger was being read; begin a new ledger")
