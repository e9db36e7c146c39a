"""Folders of Cloud Storage, brought here by the real client: which objects, how many bytes, and where to."""

import json
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthline.storage import folders

SCRIPT = """
import json, sys
from pathlib import Path
from google.cloud import storage
from earthline.storage import folders

root = Path(sys.argv[1])
bucket = storage.Client(project="sandbox").create_bucket("folders-test")
for name, content in {
    "model/contract.json": "{}",
    "model/variables/part.bin": "0" * 1000,
    "model/empty/": "",
    "model-2/other.json": "of another folder",
    "top.txt": "at the top",
}.items():
    bucket.blob(name).upload_from_string(content)


def download(case, uri, most, **options):
    folder = root / case
    folder.mkdir()
    problem = ""
    try:
        folders.download(uri, folder, most, project="sandbox", **options)
    except folders.FolderError as error:
        problem = str(error)
    files = {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return [files, problem]


model = "gs://folders-test/model"
print(json.dumps({
    "whole": download("whole", model, 2000),
    "with a slash": download("with a slash", model + "/", 2000),
    "exact": download("exact", model, 1002),
    "too large": download("too large", model, 1001),
    "some": download("some", model, 10, names=("contract.json", "missing.json")),
    "bucket": download("bucket", "gs://folders-test", 2000),
    "nothing there": download("nothing there", "gs://folders-test/none", 2000),
    "below": sorted(str(path) for path, _ in folders.below(model, project="sandbox", only="var")),
}))
"""
WHOLE = {"contract.json": 2, "variables/part.bin": 1000}


@pytest.fixture(scope="module")
def told(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    sandbox.command("reset")
    folder = tmp_path_factory.mktemp("downloads")
    content = json.loads(sandbox.run([sys.executable, "-c", SCRIPT, str(folder)]).stdout)
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("case", ["whole", "with a slash", "exact"])
def test_a_folder_is_its_objects_and_no_others(told: dict[str, Any], case: str) -> None:
    assert told[case] == [WHOLE, ""]


def test_a_bucket_is_a_folder_too(told: dict[str, Any]) -> None:
    assert set(told["bucket"][0]) == {
        "model/contract.json",
        "model/variables/part.bin",
        "model-2/other.json",
        "top.txt",
    }


def test_more_bytes_than_allowed_are_refused(told: dict[str, Any]) -> None:
    files, problem = told["too large"]
    assert problem == "gs://folders-test/model is larger than 1,001 bytes"
    assert sum(files.values()) <= 1001


def test_of_a_large_folder_some_files_can_be_brought(told: dict[str, Any]) -> None:
    assert told["some"] == [{"contract.json": 2}, ""]


def test_where_nothing_is_nothing_comes(told: dict[str, Any]) -> None:
    assert told["nothing there"] == [{}, ""]


def test_objects_are_listed_by_how_their_paths_begin(told: dict[str, Any]) -> None:
    assert told["below"] == ["variables/part.bin"]


@pytest.mark.parametrize("uri", ["", "folders-test/model", "s3://bucket/x", "gs://", "gs:///x", "/tmp/gs://bucket"])
def test_what_is_no_folder_of_cloud_storage_is_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(folders.FolderError, match="is no gs:// folder"):
        folders.download(uri, tmp_path, 10, project="sandbox")


@given(st.lists(st.sampled_from(["a", "b", "..", ".", "c.d", "..."]), min_size=1, max_size=5), st.booleans())
def test_no_path_leaves_its_folder(parts: list[str], absolute: bool) -> None:
    relative = PurePosixPath(("/" if absolute else "") + "/".join(parts))
    root = Path("/anywhere/deep/down/in/a/folder")
    # Where the path leads, by the rules of file systems: each `..` goes up one folder.
    depth, least = 0, 0
    for part in relative.parts:
        depth += -1 if part == ".." else 1
        least = min(least, depth)
    leaves = absolute or least < 0
    assert folders.is_inside(relative) <= (not leaves)
    if folders.is_inside(relative):
        assert (root / relative).resolve().is_relative_to(root)
