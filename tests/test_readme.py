"""The README, as a newcomer or a package index shows it: short, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PROSE = re.sub(r"^```.*?^```$", "", TEXT, flags=re.DOTALL | re.MULTILINE)
LINKS = re.findall(r"(?<!!)\[[^\]]*\]\(([^)]*)\)", PROSE)
PICTURES = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", PROSE)
FILES = re.findall(r"`([\w/]+\.md)`", PROSE)


def anchor(heading: str) -> str:
    """What a link to the heading ends with: small letters, digits and hyphens."""
    return "#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


HEADINGS = [
    anchor(heading) for heading in re.findall(r"^## (.*)$", PROSE, re.MULTILINE)
]


def test_it_is_short() -> None:
    assert len(TEXT.splitlines()) <= 270


def test_the_contents_are_the_headings() -> None:
    """An index that shows the README alone can follow no other links, but those to other sites."""
    assert [link for link in LINKS if not link.startswith("https://")] == HEADINGS


@pytest.mark.parametrize("path", [*PICTURES, *FILES])
def test_what_it_shows_and_names_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


def test_the_first_command_makes_the_gallery_and_the_second_runs_the_tests() -> (
    None
):
    first, second = re.findall(r"^python3 -m venv .*$", TEXT, re.MULTILINE)
    assert first.endswith("-m demos")
    assert second.endswith("-m pytest")
