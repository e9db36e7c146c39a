"""What can be known of a compiled pipeline before anybody runs it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from earthline.config import load
from pipelines.compilation import SpecificationError, compile_workflow, verify

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def template() -> bytes:
    return compile_workflow(load(ROOT / "configs" / "quickstart.yaml"))


def test_the_compiled_pipeline_is_sound(template: bytes) -> None:
    assert verify(template, "earthline:0.1.0") == 10


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("root.dag.tasks.detect-changes.componentRef.name", "comp-none", "detect-changes has no component"),
        ("components.comp-detect-changes.executorLabel", "exec-none", "exec-none is not there"),
        ("root.inputDefinitions.parameters.data.defaultValue", None, "the parameter data has no value"),
        ("deploymentSpec.executors.exec-detect-changes.container.image", "python:3.11", "runs in python:3.11"),
        ("surprise", 1, "does not follow KFP's schema"),
    ],
)
def test_a_broken_pipeline_is_told(template: bytes, path: str, value: Any, said: str) -> None:
    spec = yaml.safe_load(template)
    place = spec
    *parents, last = re.split(r"\.", path)
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(SpecificationError, match=re.escape(said)):
        verify(yaml.safe_dump(spec).encode(), "earthline:0.1.0")
