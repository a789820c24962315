"""The demos print right figures, draw their pictures, and fail when a figure is wrong."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
pytest.importorskip("tqdm")

from demos import (
    benchmark,
    gallery,
    larger_than_memory,
    perceptron,
    rivals,
    sigmoid_graph,
    workloads,
)
from demos.__main__ import DEMOS
from demos.gallery import Demo
from tests.test_size import tokens

QUICK = {
    demo.__name__.rpartition(".")[2]: demo.main
    for demo in DEMOS
    if demo is not perceptron
}
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures of tests go to a folder of their own."""
    monkeypatch.setattr(gallery, "OUT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", QUICK)
def test_figures_are_right_and_pictures_are_pictures(name: str, out: Path) -> None:
    demo = QUICK[name]()
    if demo.skipped:
        pytest.skip(demo.skipped)
    assert demo.right(), demo.text()
    assert len(demo.rows) >= 4
    check_pictures(demo, out)


def test_without_patience_only_the_deep_net_is_wrong(out: Path) -> None:
    """The gallery trains it to the end, which takes minutes."""
    demo = perceptron.main(epochs=5)
    wrong = [what for what, *_, good in demo.rows if not good]
    assert (
        len(demo.rows) == 9
        and all("deep" in what for what in wrong)
        and len(wrong) == 3
    )
    check_pictures(demo, out)


def test_a_demo_whose_package_is_missing_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no failure, and the gallery says how to have it."""
    monkeypatch.setattr(larger_than_memory.util, "find_spec", lambda name: None)
    assert gallery.run(larger_than_memory.main) == 0
    printed, page = capsys.readouterr().out, larger_than_memory.main().html()
    for text in (printed, page.replace("&quot;", '"')):
        assert 'it needs dask.distributed; pip install "dask[distributed]"' in text


def check_pictures(demo: Demo, out: Path) -> None:
    assert len(demo.pictures) >= 2
    for picture, _ in demo.pictures:
        ET.fromstring((out / f"{picture}.svg").read_text(encoding="utf-8"))
        assert (out / f"{picture}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.__name__)
def test_a_demo_is_read_in_one_sitting(demo: ModuleType) -> None:
    assert sum(tokens(Path(str(demo.__file__)))) <= 1100


def test_the_gallery_is_one_offline_page(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gallery.run(sigmoid_graph.main, sigmoid_graph.main) == 0
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http-equiv", "")
    sources = Sources()
    sources.feed(page)
    assert len(sources.found) == 8
    assert all((out / name).exists() for name in sources.found)
    assert "Figure 5-20" in capsys.readouterr().out


class Sources(HTMLParser):
    """The pictures that a page shows."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.found += [value or "" for name, value in attrs if name == "src"]


@pytest.mark.parametrize(
    ("expected", "got", "tolerance", "right"),
    [
        (1.0, 1.0, 0.0, True),
        (1.0, 1.0 + 1e-15, 0.0, False),
        (1.0, 1.1, 0.2, True),
        ([1.0, 2.0], [1.0, 2.5], 0.1, False),
        ("y", "z", 0.0, False),
        (1.0, float("nan"), 0.1, False),
    ],
)
def test_a_wrong_figure_is_seen(
    expected: object, got: object, tolerance: float, right: bool
) -> None:
    demo = Demo("title", "story")
    demo.check("what", expected, got, "source", tolerance)
    assert demo.right() is right
    assert ("WRONG" in demo.text()) is not right


def test_a_demo_with_a_wrong_figure_exits_with_1() -> None:
    demo = Demo("title", "story")
    demo.check("what", 1.0, 2.0, "source")
    assert gallery.run(lambda: demo) == 1
    assert gallery.run(lambda: Demo("no figures", "at all")) == 1


def test_the_readmes_pictures_have_the_textbooks_labels() -> None:
    text = (ROOT / "demos" / "pictures" / "figure-5-20.svg").read_text(
        encoding="utf-8"
    )
    words = [
        element.text
        for element in ET.fromstring(text).iter()
        if element.tag.endswith("text")
    ]
    for label in " | ".join(sigmoid_graph.ARROWS).split(" | "):
        assert label in words


def test_the_benchmarks_engines_agree_and_have_rows(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "OUT", out)
    found = benchmark.main(benchmark.QUICK)
    printed = capsys.readouterr().out
    assert all(row.ratio > 0 and row.verdict != "WRONG" for row in found)
    for engine in (
        "hand-written NumPy",
        "microgpt-style node",
        *filter(workloads.installed, workloads.PACKAGES),
    ):
        assert any(row.theirs.startswith(engine) for row in found)
    for text in (
        "moons",
        "transformer",
        "irregular",
        "by fit",
        "25 operations",
        "chain",
        "compiling",
        "bytes",
    ):
        assert any(text in row.what for row in found) and text in printed
    ET.fromstring((out / "benchmark.svg").read_text(encoding="utf-8"))


def test_the_benchmark_has_no_ratio_for_a_wrong_gradient() -> None:
    right = rivals.Way(lambda: None, lambda: (1.0, np.array([1.0, 2.0])))
    wrong = rivals.Way(lambda: None, lambda: (1.0, np.array([1.0, 2.00001])))
    goals = [
        benchmark.Goal("wrong", "right", 1),
        benchmark.Goal("right", "again", 1),
    ]
    ways = {"right": right, "again": right, "wrong": wrong}
    rows = list(
        benchmark.compared(
            benchmark.Workload("title", ways, goals), benchmark.QUICK
        )
    )
    assert [row.verdict == "WRONG" for row in rows] == [True, False]
    assert "off by 5e-06" in rows[0].ours and rows[0].cells()[3] == "nan"


@pytest.mark.parametrize(
    ("ratio", "part", "verdict"),
    [(0.6, True, "reached"), (0.7, True, "missed"), (0.6, False, "missed")],
)
def test_the_benchmark_says_whether_a_ratio_is_reached(
    ratio: float, part: bool, verdict: str
) -> None:
    assert (
        benchmark.Row("what", "ours", "theirs", ratio, 0.65, part).verdict
        == verdict
    )
