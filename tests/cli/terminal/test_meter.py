import io

import pytest
from rich.console import Console

from cli.terminal import meter


def test_without_a_terminal_there_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    console = Console(file=written, width=200)
    with meter.metered(console, "predicting", "tiles", 1200, 1000) as advance:
        advance(50)
        assert not written.getvalue(), "it was told a moment ago"
        monkeypatch.setattr(meter, "QUIET_SECONDS", 0)
        advance(100)
        advance(50)
    first, last = written.getvalue().splitlines()
    assert first.startswith("predicting: 1,150/1,200 tiles, ") and first.endswith(" left")
    assert last.startswith("predicting: 1,200/1,200 tiles, ") and last.endswith("/s")


def test_on_a_terminal_there_is_a_bar() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120, legacy_windows=False, _environ={"TERM": "xterm"})
    with meter.metered(console, "predicting", "tiles", 4, 1) as advance:
        advance(3)
    # The bar was drawn again and again; its last lines are the last state.
    last = "".join(written.getvalue().splitlines()[-2:])
    assert "predicting" in last and "4/4" in last and "tiles" in last and "left" in last
