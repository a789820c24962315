"""The table of edge cases beside other engines: this one is right in all, and what differs is seen."""

import pytest

from tests import peers
from tests.test_ops import Case


def test_this_engine_differs_nowhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "ENGINES", {"autograd": peers.our_numbers})
    assert peers.main() == 0
    assert "0 of 150 cases differ" in capsys.readouterr().out


def wrong(case: Case) -> peers.Numbers:
    """Off in the tenth digit of one gradient."""
    value, slopes, second = peers.our_numbers(case)
    return [
        value,
        [x * (1 + 1e-8 * (case.expression == "2 ** x")) for x in slopes],
        second,
    ]


def test_what_differs_is_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "ENGINES", {"autograd": wrong})
    assert peers.main() == 1
    assert (
        "| `2 ** x at 3.0` | 8 ; 5.54518 ; 3.84362 | **8 ; 5.54518 ; 3.84362** |"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("module", "engine"),
    [("torch", peers.torch_numbers), ("jax", peers.jax_numbers)],
)
def test_others_are_read_rightly(module: str, engine: peers.Engine) -> None:
    pytest.importorskip(module)
    assert engine(Case("x ** 2 * y", (3.0, 5.0), 0.0, (), (0.0,))) == [
        [45.0],
        [30.0, 9.0],
        [10.0],
    ]
