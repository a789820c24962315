"""Fixtures that several files of tests share."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def no_gc() -> Iterator[None]:
    """Without the garbage collector: what a cycle holds stays, and what was there before is not looked at."""
    gc.disable()
    gc.freeze()
    yield
    gc.unfreeze()
    gc.enable()
