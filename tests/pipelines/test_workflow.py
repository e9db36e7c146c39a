"""Steps are known by what their folders declare, and by nothing else."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from earthline.config import ConfigError, load
from earthline.config.step import declared, places
from pipelines.compilation import compile_workflow
from pipelines.runs import results
from pipelines.runs.steps import steps_in_order

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "configs" / "quickstart.yaml"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(compile_workflow(load(QUICKSTART), probes=True))
    return content


def test_every_declared_step_is_in_the_pipeline_and_the_other_way_round(spec: dict[str, Any]) -> None:
    assert {step.name for step in steps_in_order(spec)} == set(declared())
    folders = {path.parent.name for path in (ROOT / "components").glob("*/component.py")}
    assert folders == set(places())


def test_each_declared_output_is_one_of_the_step(spec: dict[str, Any]) -> None:
    for name, step in declared().items():
        outputs = spec["components"][f"comp-{name.replace('_', '-')}"].get("outputDefinitions", {}).get("artifacts", {})
        assert {output.artifact for output in step.outputs} <= set(outputs), name
        for output in step.outputs:
            assert not (output.file and output.only), "a file has no files"
            if output.file:
                assert set(output.shown) == {output.file}


def test_what_a_user_is_told_of_after_a_run() -> None:
    told = results.kinds()
    assert told["map.tif"] == "map" and told["preview.tif"] == "preview" and told["report.html"] == "report"
    assert {"changes.json", "evaluation.json", "ee_model.json", "validation.html"} <= set(told)


def test_the_config_has_a_key_for_each_step_with_a_machine_of_its_own() -> None:
    steps = load(QUICKSTART).steps
    assert set(type(steps).model_fields) == {name for name, step in declared().items() if step.machine is not None}
    assert steps.of("evaluate_model").memory == "32G"
    assert load(QUICKSTART, ["steps.predict_map.cpu=2"]).steps.of("predict_map").cpu == 2
    with pytest.raises(ConfigError, match=r"steps\.predict_mp: unknown key \(value .*\); did you mean `predict_map`"):
        load(QUICKSTART, ["steps.predict_mp.cpu=2"])
