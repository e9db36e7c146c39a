"""How long steps took is taken from a run of the same config alone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from earthline.config import Config, parse
from pipelines.cost.figures import Basis
from pipelines.cost.history import latest
from pipelines.cost.prices import Prices
from pipelines.cost.steps import others, training
from pipelines.runs.records import Record, StepRecord

CONFIG = """\
name: planned
environment: {target: TARGET, image: us-central1-docker.pkg.dev/p/r/earthline:0.1.0}
data:
  imagery: {image: projects/sandbox/assets/scene, bands: [b1]}
  labels:
    image: projects/sandbox/assets/labels
    band: b1
    classes:
      - {name: wet, color: "#0000ff", values: [0]}
      - {name: dry, color: "#ffff00", values: [1]}
train: {replicas: 2, epochs: EPOCHS}
"""


def config(target: str = "cloud", epochs: int = 40) -> Config:
    return parse(yaml.safe_load(CONFIG.replace("TARGET", target).replace("EPOCHS", str(epochs))), "here")


def record(job_id: str, settings: Config, *states: tuple[str, str, float]) -> None:
    """A run's record, and the compiled pipeline beside it, as `earthline run` keeps them."""
    environment = settings.environment
    names = ("data", "export", "train")
    parameters = {name: {"defaultValue": getattr(settings, name).model_dump_json()} for name in names}
    # A key that an older version did not know yet.
    parameters["export"]["defaultValue"] = parameters["export"]["defaultValue"].replace('"attempts":6,', "")
    Record(
        job_id=job_id,
        workflow=settings.name,
        target=environment.target,
        project=environment.project,
        location=environment.location,
        created=datetime(2026, 11, 1 + len(job_id), tzinfo=UTC),
        state="SUCCEEDED",
        steps=tuple(StepRecord(name=name, state=state, seconds=seconds) for name, state, seconds in states),
    ).write(yaml.safe_dump({"root": {"inputDefinitions": {"parameters": parameters}}}).encode())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_of_the_same_config_tells_how_long_training_and_steps_take(folder: Path) -> None:
    mine = config()
    record("run-1", mine, ("train_model", "SUCCEEDED", 7200), ("evaluate_model", "SUCCEEDED", 360))
    # Newer ones tell less or nothing: another training, one taken from the cache, one in the sandbox.
    record("run-22", config(epochs=2), ("train_model", "SUCCEEDED", 60))
    record("run-333", mine, ("train_model", "SKIPPED", 1))
    record("run-4444", config("sandbox"), ("train_model", "SUCCEEDED", 10))
    earlier = latest(mine)
    assert earlier is not None and earlier.job_id == "run-1"
    prices = Prices.load("us-central1")
    part = training(mine, prices, earlier)
    assert part.hours is not None and (part.hours.high, part.hours.basis) == (2, Basis.MEASURED)
    assert part.dollars is not None and part.dollars.high == pytest.approx(2 * 2 * 0.4369977)
    rest = others(mine, prices, earlier)
    assert rest.dollars is not None and rest.dollars.high == pytest.approx(0.03 + 0.1 * 0.30825253)


def test_this_machines_time_is_no_measurement_of_vertex_ai(folder: Path) -> None:
    mine = config("sandbox")
    record("run-1", mine, ("train_model", "SUCCEEDED", 3600))
    for planned in (mine, config("cloud")):
        part = training(planned, Prices.load("us-central1"), latest(planned))
        assert part.hours is not None and part.hours.basis == Basis.ASSUMED and "on this machine" in part.hours.note


def test_without_such_a_run_nothing_is_known(folder: Path) -> None:
    mine = config()
    assert latest(mine) is None
    part = training(mine, Prices.load("us-central1"), None)
    assert part.hours is not None and part.hours.high is None and part.dollars is not None
    assert part.dollars.high is None and "n1-standard-8 costs 0.437 dollars" in part.notes[0]
    (folder / "runs" / "run-9").mkdir(parents=True)
    (folder / "runs" / "run-9" / "run.json").write_text("{")
    assert latest(mine) is None
