import json
from pathlib import Path

from earthline_sandbox.earthengine.evaluation import coverage
from earthline_sandbox.earthengine.language import registry


def test_the_page_is_current():
    assert coverage.PAGE.read_text("utf-8") == coverage.page(), f"run: python -m {coverage.__name__}"


def test_every_function_that_public_workflows_use_is_implemented():
    used = json.loads(Path(__file__).with_name("public_functions.json").read_text())
    assert len(used) == 136
    assert [name for name in used if name not in registry.implementations()] == []


def test_every_deviation_belongs_to_a_class_that_there_is():
    classes = {coverage.class_of(name) for name in registry.signatures()}
    assert set(coverage.DEVIATIONS) - {""} <= classes


def test_every_argument_is_taken_or_said_to_be_without_effect():
    for name, implementation in registry.implementations().items():
        declared = {parameter.name for parameter in registry.signatures()[name].parameters}
        assert declared == set(implementation.accepted) | implementation.ignored, name
