"""Any text can be drawn: nothing is mathematics, nothing is cut off, nothing ends a step."""

import unicodedata
import warnings
from pathlib import Path

import matplotlib.font_manager
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from earthline import lettering

UNDRAWABLE = "森林"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no fonts but those that matplotlib brings along."""
    own = [font for font in matplotlib.font_manager.fontManager.ttflist if "matplotlib" in font.fname]
    monkeypatch.setattr(matplotlib.font_manager.fontManager, "ttflist", own)
    lettering._family_of.cache_clear()
    yield
    lettering._family_of.cache_clear()


def drawn(*texts: str) -> np.ndarray:
    """A picture of texts, any warning of matplotlib's an error."""
    with lettering.plain(*texts), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = Figure(figsize=(8, 1))
        for place, text in enumerate(texts):
            figure.text(0, place / 2, text)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba()).copy()


@settings(max_examples=60)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=3))
def test_any_text_can_be_drawn(texts: list[str]) -> None:
    drawn(*lettering.labels(texts, 20, "class"))
    drawn(*map(lettering.drawable, texts))


def test_dollar_signs_are_no_mathematics() -> None:
    assert lettering.labels(["US$ 5 and US$ 10", "a $\\foo$ b"], 40, "class") == ["US$ 5 and US$ 10", "a $\\foo$ b"]
    with_signs, without = drawn("x$1$"), drawn("x1")
    dark = [np.nonzero((each[..., :3] < 128).any(axis=(0, 2)))[0].max() for each in (with_signs, without)]
    assert dark[0] > dark[1] + 8, "the two signs are drawn"
    drawn("a $\\foo$ b")


def test_long_names_wrap_and_control_characters_are_spaces() -> None:
    (name,) = lettering.labels(["x" * 60], 20, "class")
    assert [len(line) for line in name.split("\n")] == [20, 20, 20]
    assert lettering.labels(["a\n\tb  c\x00", " wet  forest "], 20, "class") == ["a b c", "wet forest"]


def test_names_that_no_font_here_has_become_numbers(bare: None) -> None:
    names = ["crops", UNDRAWABLE, "غابة", "vi\u0323t"]
    assert lettering.labels(names, 20, "class") == ["crops", "class 1", "class 2", "class 3"]
    assert lettering.drawable(f"© {UNDRAWABLE}") == "© ��"


def test_letters_that_another_installed_font_has_are_drawn_by_it(bare: None) -> None:
    lacking = next(
        chr(code)
        for code in range(0x2000, 0x1F000)
        if unicodedata.category(chr(code)) == "So" and lettering._missing(chr(code)) and lettering._family_of(chr(code))
    )
    assert lettering.labels([lacking], 20, "class") == [lacking]
    assert (drawn(lacking) != 255).any()


def test_pictures_of_names(tmp_path: Path) -> None:
    from earthline.grid import Grid
    from earthline.reports.maps import figure
    from earthline.task.bootstrap import Bootstrap
    from earthline.task.classification import figures
    from earthline.task.classification.accuracy import ClassDetails, accuracy, confusion
    from earthline.task.classification.task import Classification

    for names in (("a $\\foo$ b", UNDRAWABLE, "c\nd" + "x" * 57), tuple(f"class {i}" for i in range(60))):
        count = len(names)
        ids = np.arange(2 * count) % count
        found = accuracy(confusion(ids, ids, ids * 0, count), names, Bootstrap(1, 0.9, 0))
        figures.confusion(ClassDetails.of(found), 1.0, tmp_path / "confusion.png")
        legend = Classification(names, ("#123456",) * count)
        grid = Grid("EPSG:32632", (10, 0, 600_000, 0, -10, 5_000_000), (50, 70))
        figure.write(
            tmp_path / "map.png", np.zeros((50, 70, 3), np.uint8), grid, legend, "a $\\foo$ b", f"© {UNDRAWABLE} $x"
        )
        for picture in ("confusion.png", "map.png"):
            height, width = matplotlib.image.imread(tmp_path / picture).shape[:2]
            assert max(height, width) < 4000
