"""The smallest whole run: what it answers, and that nothing of it stays."""

import json

import pytest

from .conftest import Laptop

LEFT = """
import json
import ee
from google.cloud import aiplatform, storage
ee.Initialize(project="sandbox")
aiplatform.init(project="sandbox", location="us-central1", api_transport="rest")
names = [each.display_name for kind in (aiplatform.Endpoint, aiplatform.Model) for each in kind.list()]
assets = [each["name"] for each in ee.data.listAssets("projects/sandbox/assets/earthline").get("assets", [])]
objects = [blob.name for blob in storage.Client(project="sandbox").list_blobs("earthline-sandbox")]
print(json.dumps([each for each in (*names, *assets, *objects) if "canary" in each]))
"""


@pytest.mark.slow
def test_it_says_what_it_costs_and_asks_first(laptop: Laptop, quickstart: str) -> None:
    before = set(laptop.folder.glob("runs/*"))
    output = laptop.earthline("canary", quickstart, "--minutes", "15", code=None)
    assert "At most 0.28 US dollars" in output and "ended after 15 minutes" in output
    assert "Start it?" in output
    assert set(laptop.folder.glob("runs/*")) == before


@pytest.mark.long
def test_it_answers_what_documents_leave_open_and_deletes_what_it_made(laptop: Laptop, quickstart: str) -> None:
    output = laptop.earthline("canary", quickstart, "--yes")
    (path,) = laptop.folder.glob("runs/quickstart-canary-*/canary.json")
    found = {each["question"]: each for each in json.loads(path.read_text())}
    assert {question: each["answer"] for question, each in found.items() if question != "writing to the bucket"} == {
        "workflow": True,
        "inputOverlapSize": "total",
        "bands of predictImage": "merged",
        "outputs of uint8": True,
        "largest request": 1_523_712,
        "largest answer": 1_376_256,
        "dedicated endpoint": True,
    }
    assert "which may write" in found["writing to the bucket"]["detail"]
    for each in found.values():
        assert each["detail"] in output
    assert "not deleted" not in output
    assert json.loads(laptop.python(LEFT)) == []
