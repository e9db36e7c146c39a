"""The table of a plan: one glance tells what is known, what is a range, and what nobody knows."""

import io

from rich.console import Console

from cli.terminal import costs
from earthline.config import Config, parse
from pipelines.cost.budget import Check
from pipelines.cost.estimate import Estimate
from pipelines.cost.figures import Basis, Figure
from pipelines.cost.part import Part
from pipelines.cost.prices import Prices


def config(tier: str) -> Config:
    classes = [{"name": "a", "color": "#000000", "values": [0]}, {"name": "b", "color": "#ffffff", "values": [1]}]
    content = {
        "name": "planned",
        "data": {
            "imagery": {"image": "projects/p/assets/scene", "bands": ["b1"]},
            "labels": {"image": "projects/p/assets/labels", "band": "b1", "classes": classes},
        },
        "budget": {"earth_engine": tier},
    }
    return parse(content, "here")


def drawn(tier: str, *checks: Check) -> list[str]:
    export = Part(
        "export",
        Figure.exact(12_345),
        Figure.assumed(2.5e9, "by a rule"),
        Figure.measured(1.5, "on probes"),
        Figure(15, 300, Basis.PUBLISHED, "as others measured"),
        Figure.exact(0.001),
    )
    training = Part("training", hours=Figure.unknown("nobody knows"), dollars=Figure.unknown(""))
    month = Part("endpoint, a month", hours=Figure.exact(730), dollars=Figure(160, 320, Basis.EXACT))
    console = Console(file=io.StringIO(), width=200)
    found = Estimate(config(tier), (export, training), (month,), Prices.load("us-central1"))
    costs.show(found, checks, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_cell_shows_what_its_figure_rests_on() -> None:
    lines = drawn("community")
    assert lines[0].split() == ["part", "requests", "data", "time", "EECU-hours", "dollars"]
    assert lines[1].split() == ["export", "12,345", "~2.5", "GB", "1:30:00", "*15", "to", "300", "<", "0.01"]
    assert lines[2].split() == ["training", "?", "?"]
    assert lines[3].split() == "one run 12,345 ~2.5 GB ≥ 1:30:00 *15 to 300 ?".split()
    assert lines[4].split() == ["endpoint,", "a", "month", "730", "h", "160.00", "to", "320.00"]
    for note in ("export: by a rule", "export: as others measured", "training: nobody knows"):
        assert f"- {note}" in lines
    month = next(line for line in lines if "Community" in line)
    assert "10 % to 200 % of Community's 150, 1.5 % to 30 % of Contributor's 1,000" in month
    assert "cost nothing within the month" in month


def test_who_pays_for_computing_sees_it_in_dollars_with_the_price_and_its_page() -> None:
    lines = drawn("commercial")
    assert lines[3].endswith("≥ 6.00")  # 15 EECU-hours at 0.40
    assert any(
        "earth engine 0: 0.4 per EECU-hour (https://cloud.google.com/earth-engine/pricing" in line for line in lines
    )


def test_limits_stand_below_with_what_to_lower() -> None:
    lines = drawn("community", Check("requests", 100, Figure.exact(12_345)), Check("dollars", 5, Figure.unknown("")))
    assert lines[-2].startswith("✗ budget.requests: 100; this run takes 12,345; lower that by fewer export.examples")
    assert lines[-1].startswith("? budget.dollars: 5; this run takes 0 or more")
