"""What a canary makes of a config, before anything runs."""

from pathlib import Path

import pytest
import yaml

from earthline.config import load
from pipelines.canary.config import LONGEST_NAME, Cost, shrunk
from pipelines.compilation import compile_workflow, verify

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/*.yaml")), ids=lambda path: path.name)
def test_it_is_the_same_workflow_in_small(path: Path) -> None:
    config = load(path)
    small = shrunk(config)
    assert small.name == f"{config.name}-canary"
    assert small.endpoint_name == small.name, "never the endpoint that others use"
    assert small.data == config.data and small.environment == config.environment
    assert small.export.patch_shape == config.export.patch_shape
    assert (small.serving.tile_shape, small.serving.overlap) == (config.serving.tile_shape, config.serving.overlap)
    assert (small.train.epochs, small.train.accelerator_type, small.train.model.stride) == (
        1,
        None,
        config.train.model.stride,
    )
    assert small.train_image == config.environment.image
    assert (small.serving.min_replicas, small.serving.max_replicas, small.serving.keep_previous) == (1, 1, 0)
    assert (small.predict.asset, small.schedule.cron) == (None, None)
    assert sum(small.export.examples.values()) < 100


def test_a_long_name_stays_a_name() -> None:
    config = load(ROOT / "configs" / "quickstart.yaml", [f"name=a{'b' * 33}-{'c' * 7}"])
    assert shrunk(config).name == f"a{'b' * 33}-canary"
    assert len(shrunk(config).name) <= LONGEST_NAME


def test_the_cost_grows_with_the_time_and_is_small() -> None:
    assert Cost.of(15).dollars < Cost.of(60).dollars < 2


def test_its_pipeline_alone_has_the_probe() -> None:
    config = load(ROOT / "configs" / "quickstart.yaml")
    plain, probing = compile_workflow(config), compile_workflow(shrunk(config), probes=True)
    assert b"probe-mount" not in plain
    tasks = yaml.safe_load(probing)["root"]["dag"]["tasks"]
    assert sorted(tasks) == ["condition-1", "detect-changes", "probe-mount"]
    assert tasks["probe-mount"]["cachingOptions"] == {}
    assert verify(probing, config.environment.image) == verify(plain, config.environment.image) + 1
