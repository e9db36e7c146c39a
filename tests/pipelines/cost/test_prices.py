"""The table of prices: what is in it, what goes before it, and what it does not guess."""

from pathlib import Path

import pytest

from earthline.config.machines import LargeStep, Machine
from pipelines.cost import machines
from pipelines.cost.figures import Basis, Figure, total
from pipelines.cost.prices import Prices, PricesError

OWN = """
prices:
  - what: training_machine
    location: us-central1
    unit: machine-hour
    page: the contract of our department
    read: 2026-11-01
    usd: {n1-standard-8: 0.2}
"""


def test_every_price_has_a_page_and_a_day_and_what_is_missing_is_not_guessed() -> None:
    prices = Prices.load("us-central1")
    found = prices.find("training_machine", "n1-standard-8")
    assert found is not None and found.usd == pytest.approx(0.4369977)
    assert "https://" in found.source and "2026-10-07" in found.source and "multiples" in found.source
    assert [price.item for price in prices.used] == ["n1-standard-8"]
    assert prices.find("training_machine", "z9-standard-8") is None
    # What a location decides is known of one location alone.
    assert Prices.load("europe-west4").find("training_machine", "n1-standard-8") is None


def test_earth_engine_is_paid_by_tiers_of_a_month() -> None:
    prices = Prices.load("europe-west4")
    assert prices.earth_engine(100) == pytest.approx(40)
    assert prices.earth_engine(11_000) == pytest.approx(4_000 + 280)
    assert prices.earth_engine(600_000) == pytest.approx(4_000 + 490_000 * 0.28 + 100_000 * 0.16)


def test_the_example_of_the_documentation_is_a_table(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "how-to" / "cost.md"
    path = tmp_path / "own.yaml"
    path.write_text(page.read_text(encoding="utf-8").partition("```yml\n")[2].partition("```")[0])
    found = Prices.load("europe-west4", path).find("training_machine", "n1-highmem-8")
    assert found is not None and found.usd == 0.6


def test_an_own_table_goes_before_the_shipped_one_item_by_item(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    prices = Prices.load("us-central1", path)
    assert prices.find("training_machine", "n1-standard-8").usd == 0.2  # type: ignore[union-attr]
    assert prices.find("training_machine", "n1-standard-4").usd == pytest.approx(0.21849885)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OWN.replace("training_machine", "machine"), "prices.0.what"),
        (OWN.replace("0.2}", "cheap}"), "prices.0.usd.n1-standard-8"),
        ("machines: {n1: 2}", "one key, `prices`"),
        ("prices: [", "cannot be read"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(PricesError, match=r"own\.yaml") as refused:
        Prices.load("us-central1", path)
    assert said in str(refused.value)


def test_a_step_gets_the_smallest_machine_that_holds_it() -> None:
    assert machines.of_step(Machine()) == "e2-standard-4"
    assert machines.of_step(LargeStep()) == "e2-standard-8"
    assert machines.of_step(Machine(cpu=2, memory="40Gi")) == "e2-standard-16"


def test_a_price_that_is_missing_leaves_the_sum_open() -> None:
    prices = Prices.load("us-central1")
    known = machines.hourly(prices, "training_machine", "n1-standard-8", "NVIDIA_TESLA_T4", 2)
    assert known.high == pytest.approx(0.4369977 + 2 * 0.4025)
    unknown = machines.hourly(prices, "training_machine", "n1-standard-8", "NVIDIA_B900", 1)
    assert unknown.high is None and "NVIDIA_B900" in unknown.note
    spent = total([machines.product(Figure.measured(2, ""), known, 3), machines.product(Figure.exact(1), unknown)])
    assert spent.low == pytest.approx(6 * known.low + 0.4369977) and spent.high is None
    assert spent.basis == Basis.UNKNOWN


def test_a_dataflow_worker_is_paid_by_processor_memory_and_disk() -> None:
    hour = machines.dataflow_hourly(Prices.load("us-central1"), "n1-standard-2", 250)
    assert hour.high == pytest.approx(2 * 0.056 + 7.5 * 0.003557 + 250 * 0.000054)
    assert machines.dataflow_hourly(Prices.load("us-central1"), "z9-mega-2", 250).high is None
