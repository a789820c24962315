"""The table of reliability: one command writes it into tests/README.md, and some rows into the README."""

from pathlib import Path

import pytest

from tests import reliability
from tests.reliability import BEGIN, END, HEAD, SHOWN, Row, lines_of, shown

OLD = [f"| {name} | 1 | old |" for name in (*SHOWN, "another")]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Stand-ins for both files, with an old table each."""
    paths = tmp_path / "tests.md", tmp_path / "README.md"
    for path, lines in zip(paths, (OLD, OLD[:-1]), strict=True):
        text = "\n".join(["before", BEGIN, *HEAD, *lines, "", END, "after"])
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(reliability, "TABLE", paths[0])
    monkeypatch.setattr(reliability, "README", paths[1])
    return paths


def compute(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Two parts that compute rows of these names: the first one, and all others."""
    rows: list[Row] = [(name, "2", "a|b") for name in names]
    monkeypatch.setattr(
        reliability,
        "PARTS",
        {"first": lambda: rows[:1], "others": lambda: rows[1:]},
    )


def rows_in(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter")
    return lines_of(text)


def test_a_whole_run_writes_all_rows_anew(
    files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    compute(monkeypatch, *SHOWN, "new")
    reliability.main(["--write"])
    new = [f"| {name} | 2 | a\\|b |" for name in (*SHOWN, "new")]
    assert [rows_in(path) for path in files] == [new, new[:-1]]
    assert "\n".join([*HEAD, *new]) in capsys.readouterr().out


def test_a_part_leaves_the_other_rows(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    compute(monkeypatch, SHOWN[2], "another", "new")
    reliability.main(["first", "--write"])
    changed = [*OLD[:2], f"| {SHOWN[2]} | 2 | a\\|b |", *OLD[3:]]
    assert [rows_in(path) for path in files] == [changed, changed[:-1]]
    reliability.main(["others", "--write"])
    assert rows_in(files[0])[-2:] == [
        "| another | 2 | a\\|b |",
        "| new | 2 | a\\|b |",
    ]


def test_nothing_is_written_without_the_rows_that_the_readme_shows(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [path.read_bytes() for path in files]
    compute(monkeypatch, *SHOWN[1:])
    with pytest.raises(ValueError, match=f"has no row '{SHOWN[0]}'"):
        reliability.main(["--write"])
    compute(monkeypatch, *SHOWN)
    files[1].write_bytes(before[1].replace(END.encode(), b""))
    with pytest.raises(ValueError, match="no place for the table"):
        reliability.main(["--write"])
    assert files[0].read_bytes() == before[0]


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        reliability.main(["edgse"])
    assert "there is no part edgse; choose of edges, " in capsys.readouterr().err


def test_the_readme_shows_rows_of_the_table() -> None:
    table, readme = (
        path.read_text(encoding="utf-8")
        for path in (reliability.TABLE, reliability.README)
    )
    assert lines_of(readme) == shown(lines_of(table))
