"""A run in place of a model: what is said where it has prepared none."""

from datetime import UTC, datetime

import pytest

from cli.launch import models
from earthline.config import Environment
from earthline.local_map.models import ModelError
from pipelines.runs.run import Run
from pipelines.runs.snapshots import Snapshot, Step


@pytest.mark.parametrize(
    ("state", "outcome", "said"),
    [
        ("RUNNING", "", "no model yet; wait for it: earthline runs follow job-1"),
        ("SUCCEEDED", "rejected", "its model was not good enough"),
        ("SUCCEEDED", "rejected (cached)", "its model was not good enough"),
        ("SUCCEEDED", "nothing new", "nothing new to learn from"),
        ("FAILED", "", "it is FAILED (earthline runs show job-1); name another run"),
    ],
)
def test_a_run_without_a_model_says_why(state: str, outcome: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (Step("train_model"), Step("prepare_saved_model"))
    found = Snapshot("job-1", "map", state, datetime.now(UTC), "", steps, outcome=outcome)
    monkeypatch.setattr(Run, "__init__", lambda run, *where: None)
    monkeypatch.setattr(Run, "read", lambda run: found)
    with pytest.raises(ModelError) as refused:
        models._made(Environment(), "job-1", *models._PREPARED)
    assert said in str(refused.value)
