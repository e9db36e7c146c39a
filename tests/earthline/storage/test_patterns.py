"""Files by names with * and ?: the same here and in Cloud Storage, read by the real client."""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from earthline.storage.patterns import PatternError, find, reading

SCRIPT = """
import gzip, json
from google.cloud import storage
from earthline.storage.patterns import PatternError, find, reading

bucket = storage.Client(project="sandbox").create_bucket("patterns-test")
for name in ("set/a-1.gz", "set/a-2.gz", "set/b-1.gz", "other/a-3.gz"):
    bucket.blob(name).upload_from_string(gzip.compress(name.encode() * 1000))
packed = bucket.blob("set/said-1")
packed.content_encoding = "gzip"
packed.upload_from_string(gzip.compress(b"it says that it is packed"))
bucket.blob("set/plain-1").upload_from_string(b"as it is")


def names(*patterns):
    return [found.name.removeprefix("gs://patterns-test/") for found in find(patterns, "sandbox")]


def read(name):
    with reading(f"gs://patterns-test/{name}", "sandbox") as file:
        return file.read(30).decode()


try:
    problem = names("gs://patterns-test/set/a-1.gz", "gs://patterns-test/none*")
except PatternError as error:
    problem = str(error)
before = find(["gs://patterns-test/set/plain-1"], "sandbox")
bucket.blob("set/plain-1").upload_from_string(b"as it was")
after = find(["gs://patterns-test/set/plain-1"], "sandbox")
print(json.dumps({
    "some": names("gs://patterns-test/set/a-?.gz"),
    "twice": names("gs://patterns-test/set/a*", "gs://patterns-test/set/*-1.gz"),
    "one": names("gs://patterns-test/set/plain-1"),
    "problem": problem,
    "read": [read("set/a-1.gz"), read("set/said-1"), read("set/plain-1")],
    "changed": before != after and before[0].size == 8,
}))
"""


@pytest.fixture(scope="module")
def told(sandbox: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(sandbox.run([sys.executable, "-c", SCRIPT]).stdout)
    return content


def test_objects_are_found_by_their_names(told: dict[str, Any]) -> None:
    assert told["some"] == ["set/a-1.gz", "set/a-2.gz"]
    assert told["twice"] == ["set/a-1.gz", "set/a-2.gz", "set/b-1.gz"]
    assert told["one"] == ["set/plain-1"]
    assert told["problem"] == "gs://patterns-test/none* matches no file; check the name"


def test_objects_are_unpacked_whatever_they_say_of_themselves(told: dict[str, Any]) -> None:
    assert told["read"] == [("set/a-1.gz" * 3), "it says that it is packed", "as it was"]


def test_another_content_is_another_version(told: dict[str, Any]) -> None:
    assert told["changed"]


def test_files_of_this_machine_are_found_and_unpacked(tmp_path: Path) -> None:
    for name in ("b-2", "a-1", "c"):
        (tmp_path / name).write_bytes(gzip.compress(name.encode()) if name == "a-1" else name.encode())
    found = find([str(tmp_path / "?-*"), str(tmp_path / "a-1")])
    assert [(Path(each.name).name, each.size) for each in found] == [
        ("a-1", (tmp_path / "a-1").stat().st_size),
        ("b-2", 3),
    ]
    contents = []
    for each in found:
        with reading(each.name) as file:
            contents.append(file.read())
    assert contents == [b"a-1", b"b-2"]
    with pytest.raises(PatternError, match="none matches no file"):
        find([str(tmp_path / "none")])
