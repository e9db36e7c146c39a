"""From one config to another and back: what serves is what was asked for last, and that is what counts as accepted."""

import json
from pathlib import Path

import pytest

from .conftest import Laptop, tiny

NAME = "there-and-back"
CHAMPION = """
from google.cloud import aiplatform
aiplatform.init(project="sandbox", location="us-central1", api_transport="rest")
(endpoint,) = aiplatform.Endpoint.list(filter='display_name="there-and-back"')
split = endpoint.traffic_split
(serving,) = [each for each in endpoint.list_models() if split.get(each.id)]
print(aiplatform.Model(serving.model, version=serving.model_version_id).uri)
"""


def run(laptop: Laptop, quickstart: str, seed: int, min_gain: int = -1) -> tuple[str, str]:
    """Runs the workflow; gives the run's id and the folder of the model that serves then."""
    output = laptop.earthline("run", quickstart, *tiny(NAME, f"train.seed={seed}", f"evaluate.min_gain={min_gain}"))
    return job_id(output), laptop.python(CHAMPION).strip()


def job_id(output: str) -> str:
    return output.split("run there-and-back-", 1)[1].split()[0].join(("there-and-back-", ""))


@pytest.mark.long
def test_there_and_back_again(laptop: Laptop, quickstart: str) -> None:
    _, first = run(laptop, quickstart, seed=0)
    _, other = run(laptop, quickstart, seed=1)
    assert first != other
    last, again = run(laptop, quickstart, seed=0)
    # The first model is trained no second time, and it is what serves.
    assert again == first

    # Nothing is new since the last of the three.
    idle = job_id(laptop.earthline("submit", quickstart, *tiny(NAME, "train.seed=0", "evaluate.min_gain=-1")))
    laptop.earthline("runs", "follow", idle)
    changes = json.loads((Path(laptop.folder) / "runs" / idle / "changes.json").read_text())
    assert (changes["decision"], changes["accepted_run"]) == ("nothing_new", last)

    # Whoever asks for the map again gets it, though a model gains nothing over itself.
    repeated, still = run(laptop, quickstart, seed=0, min_gain=0)
    assert still == first
    assert (laptop.folder / "runs" / repeated / "map.tif").exists()
