"""What a step is called with, and what it gets."""

import logging

import pytest

import earthline
from earthline.config import Serving
from earthline.entry_point import entry_point
from earthline.versions import OtherVersionError


@entry_point
def run(*, name: str, serving: Serving) -> tuple[str, Serving]:
    return name, serving


def test_a_section_arrives_as_its_frozen_model_and_a_text_as_it_is() -> None:
    section = Serving(tile_shape=(64, 64))
    assert run(name='{"tile_shape": 1}', serving=section.model_dump_json()) == ('{"tile_shape": 1}', section)
    assert run(name="x", serving=section)[1] is section


def test_a_section_that_is_wrong_is_refused_before_the_step_begins() -> None:
    with pytest.raises(OtherVersionError) as refused:
        run(name="x", serving='{"tile_shap": [64, 64], "min_replicas": "many"}')
    said = str(refused.value)
    assert said.startswith("the section `serving` of the config cannot be read: 'tile_shap' unknown here; min_replicas")
    assert f"this is Earthline {earthline.__version__}" in said
    assert "environment.image" in said and "\n" not in said


def test_what_a_step_says_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.root.handlers[:], logging.root.level
    try:
        run(name="x", serving=Serving())
        logging.getLogger("earthline.test").info("23 patches")
        logging.getLogger("apache_beam.runners.worker.statecache").info("Creating state cache")
        logging.getLogger("google.cloud.aiplatform.pipeline_jobs").warning("By enabling simple view, ...")
        assert capsys.readouterr().err == "23 patches\n"
    finally:
        logging.root.handlers[:], logging.root.level = before
