"""What a run that ended says of its model."""

import json
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from cli.terminal import outcome
from earthline.formats.evaluations import EVALUATION
from tests.components.evaluated import evaluation


@pytest.mark.parametrize(
    ("gain", "champion", "advice"),
    [
        (-0.02, "", "--set train.model.name=auto"),
        (-2.1, "", "--set train.model.name=auto"),
        (0.01, "", ""),
        (-0.02, "projects/p/models/7@1", "goes on serving"),
    ],
)
def test_a_model_that_another_beats_is_told_what_may_do_better(
    tmp_path: Path, gain: float, champion: str, advice: str
) -> None:
    found = evaluation(("field", "water", "town"), blocks=6, min_gain=1)
    gate = found.gate.model_copy(update={"gain": gain, "compared_with": champion or found.baselines[0].name})
    (tmp_path / EVALUATION).write_text(found.model_copy(update={"gate": gate}).model_dump_json(), encoding="utf-8")
    said = StringIO()
    outcome._tell_evaluation(cast(Any, SimpleNamespace(folder=tmp_path)), Console(file=said, width=200))
    assert "the model was not deployed" in said.getvalue()
    assert advice in said.getvalue() and ("next: " in said.getvalue()) is bool(advice)
    # What deploys a model that ties does not deploy one that is far behind.
    assert ("deploys one that ties" in said.getvalue()) is (gain == -0.02 and not champion)


def test_a_model_that_takes_over_is_told_what_it_was_compared_with(tmp_path: Path) -> None:
    found = evaluation(("field", "water", "town"), blocks=6, min_gain=-1)
    assert found.gate.blessed
    (tmp_path / EVALUATION).write_text(found.model_dump_json(), encoding="utf-8")
    said = StringIO()
    outcome._tell_evaluation(cast(Any, SimpleNamespace(folder=tmp_path)), Console(file=said, width=200))
    assert f"the model was accepted: {found.gate.reason}" in said.getvalue()
    # A class without a test label is in no mean.
    assert "not judged town: no test pixel has this label" in said.getvalue()


@pytest.mark.parametrize(
    ("decision", "trained", "words"),
    [
        ("retrain", "SUCCEEDED", "retrained: the config changed; band red drifted"),
        ("retrain", "SKIPPED", "not trained again, the cache held its model: the config changed; band red drifted"),
        ("nothing_new", None, "nothing new: the config changed; band red drifted"),
    ],
)
def test_why_a_run_trained_is_told_in_one_line_and_only_where_it_did(
    tmp_path: Path, decision: str, trained: str | None, words: str
) -> None:
    told = {"decision": decision, "reasons": ["the config changed", "band red drifted"]}
    (tmp_path / "changes.json").write_text(json.dumps(told), encoding="utf-8")
    steps = () if trained is None else (SimpleNamespace(name="train_model", state=trained),)
    said = StringIO()
    record = SimpleNamespace(folder=tmp_path, results={"changes": "changes.json"}, steps=steps)
    outcome._tell_results(cast(Any, record), Console(file=said, width=200))
    assert said.getvalue().splitlines()[0] == words
