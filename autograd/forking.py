"""Forked processes: what a thread of the parent held, or had half done; the child has no such thread."""

from __future__ import annotations

import os
from collections.abc import Callable


def after_fork(renew: Callable[[], object]) -> None:
    """Calls ``renew`` in every process that is forked from now on, where the system has fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)
