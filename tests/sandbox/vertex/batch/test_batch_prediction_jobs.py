"""Batch prediction over the wire: jsonl in Cloud Storage through a model's container to jsonl in Cloud Storage."""

import gzip
import json
import string
import struct

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earthline_sandbox.errors import ApiError
from earthline_sandbox.vertex.batch import batch_formats, batch_instances

MACHINE = {"machineSpec": {"machineType": "n1-standard-2"}, "startingReplicaCount": 1}


def body(model, *uris, **extra):
    return {
        "displayName": "batch",
        "model": model,
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": list(uris)}},
        "outputConfig": {
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": "gs://bucket/out"},
        },
        "dedicatedResources": MACHINE,
        **extra,
    }


@pytest.fixture
def bucket(vertex):
    folder = vertex.home / "storage" / "bucket"
    folder.mkdir(parents=True)
    return folder


def put(bucket, name, *instances):
    path = bucket / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{item if isinstance(item, str) else json.dumps(item)}\n" for item in instances))
    return f"gs://bucket/{name}"


def run(vertex, *arguments, **extra):
    return vertex.wait(vertex.call("POST", "batchPredictionJobs", body(*arguments, **extra))["name"])


def output(vertex, job, name):
    folder = vertex.home / "storage" / job["outputInfo"]["gcsOutputDirectory"].removeprefix("gs://")
    assert sorted(path.name for path in folder.iterdir()) == [
        "prediction.errors_stats-00000-of-00001",
        "prediction.results-00000-of-00001",
    ]
    return [json.loads(line) for line in (folder / f"prediction.{name}-00000-of-00001").read_text().splitlines()]


def test_every_instance_of_every_object_is_predicted_in_order(vertex, bucket):
    model = vertex.upload("one", displayName="land cover/1")
    first = put(bucket, "in/a.jsonl", [1, 2], {"k": "v"}, "", 3)
    put(bucket, "in/b.jsonl", "text".join('""'))
    put(bucket, "in/c.txt", "no instance")
    done = run(vertex, model, first, "gs://bucket/in/*.jsonl", labels={"team": "maps"})
    assert done["state"] == "JOB_STATE_SUCCEEDED", done
    assert output(vertex, done, "results") == [
        {"instance": instance, "prediction": ["one", instance]} for instance in ([1, 2], {"k": "v"}, 3, "text")
    ]
    assert output(vertex, done, "errors_stats") == []
    assert done["completionStats"] == {"successfulCount": "4", "failedCount": "0", "incompleteCount": "0"}
    assert (done["model"], done["modelVersionId"]) == (model.partition("@")[0], "1")
    assert done["outputInfo"]["gcsOutputDirectory"].startswith("gs://bucket/out/prediction-land_cover_1-20")
    assert done["createTime"] <= done["startTime"] <= done["endTime"]
    assert done["labels"] == {"team": "maps"}
    # No server is left, and no deployment was made of the model.
    assert vertex.service.status()["batch_prediction_jobs"] == {}
    assert "deployedModels" not in vertex.call("GET", f"/v1/{model}")


def test_instances_that_fail_are_told_apart(vertex, bucket):
    uri = put(bucket, "in.jsonl", 1, "{no json", "refuse".join('""'), 4)
    tuning = {"manualBatchTuningParameters": {"batchSize": 1}}
    done = run(vertex, vertex.upload("one"), uri, **tuning)
    assert done["state"] == "JOB_STATE_SUCCEEDED"
    assert [line["instance"] for line in output(vertex, done, "results")] == [1, 4]
    malformed, refused = output(vertex, done, "errors_stats")
    assert malformed["instance"] == "{no json"
    assert (malformed["error"]["code"], malformed["error"]["message"][:19]) == (3, "The line is no JSON")
    assert refused == {"instance": "refuse", "error": {"code": 9, "message": "instances[0] must be a number"}}
    assert done["completionStats"] == {"successfulCount": "2", "failedCount": "2", "incompleteCount": "0"}


def test_a_job_of_which_nothing_succeeds_has_failed(vertex, bucket):
    done = run(vertex, vertex.upload("one"), put(bucket, "in.jsonl", "garbage".join('""')))
    assert done["state"] == "JOB_STATE_FAILED"
    assert "as many predictions" in done["error"]["message"]
    assert done["completionStats"]["failedCount"] == "1"
    assert len(output(vertex, done, "errors_stats")) == 1


def test_a_container_that_crashes_on_an_instance_is_restarted_for_the_others(vertex, bucket):
    uri = put(bucket, "in.jsonl", 1, "crash".join('""'), 3)
    done = run(vertex, vertex.upload("one"), uri, manualBatchTuningParameters={"batchSize": 1})
    assert done["state"] == "JOB_STATE_SUCCEEDED", done
    assert [line["instance"] for line in output(vertex, done, "results")] == [1, 3]
    [error] = output(vertex, done, "errors_stats")
    assert (error["instance"], error["error"]["code"]) == ("crash", 14)


def test_filters_choose_what_is_sent_and_shown(vertex, bucket):
    uri = put(bucket, "in.jsonl", {"id": "a", "x": 1, "y": 2}, {"x": 3, "y": 4})
    config = {"instanceType": "array", "keyField": "id", "includedFields": ["y", "x"]}
    done = run(vertex, vertex.upload("one"), uri, instanceConfig=config)
    assert output(vertex, done, "results") == [{"key": "a", "prediction": ["one", [2, 1]]}]
    assert "no key field 'id'" in output(vertex, done, "errors_stats")[0]["error"]["message"]


def framed(*records):
    """A TFRecord file; the checksums are not looked at."""
    return b"".join(struct.pack("<Q", len(record)) + b"crc1" + record + b"crc2" for record in records)


def read(vertex, path, kind, content):
    path.write_bytes(content)
    return list(batch_formats.read(vertex.settings, path, kind))


def test_every_documented_format_is_read_as_documented(vertex, bucket):
    file = bucket / "in"
    table = b'"input1","input2","input3"\n0.1,1.2,"cat1"\n4.0,5.0,"cat2"\n'
    columns = [{"input1": 0.1, "input2": 1.2, "input3": "cat1"}, {"input1": 4.0, "input2": 5.0, "input3": "cat2"}]
    assert read(vertex, file, "csv", table) == [(row, "") for row in columns]
    assert batch_instances.transform(columns[0], "csv", {}).sent == [0.1, 1.2, "cat1"]
    filters = {"keyField": "input3", "excludedFields": ["input1"]}
    filtered = batch_instances.transform(columns[0], "csv", filters)
    assert (filtered.sent, filtered.shown) == ([1.2], {"key": "cat1"})
    records = framed(b"one", b"", b"\xff")
    expected = [({"b64": text}, "") for text in ("b25l", "", "/w==")]
    assert read(vertex, file, "tf-record", records) == expected
    assert read(vertex, file, "tf-record-gzip", gzip.compress(records)) == expected
    (bucket / "image").write_bytes(b"one")
    found, missing = read(vertex, file, "file-list", b"gs://bucket/image\ngs://bucket/none\n")
    assert found == expected[0]
    assert missing[0] == "gs://bucket/none"
    assert "cannot be read" in missing[1]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("tf-record", framed(b"one")[:-1]),
        ("tf-record", b"\xff" * 12),
        ("tf-record-gzip", gzip.compress(framed(b"one"))[:-9]),
        ("tf-record-gzip", gzip.compress(framed(b"one"))[:10] + b"\xff" * 20),
        ("csv", b"a,b\n1,2\n"),
    ],
    # Without names of their own the tests would be named after the time that gzip writes down.
    ids=["short record", "no record", "short gzip", "no gzip", "one column too many"],
)
def test_an_object_of_broken_structure_is_refused(vertex, bucket, kind, content):
    with pytest.raises(ApiError, match="in "):
        read(vertex, bucket / "in", kind, content)


def test_tf_records_are_predicted(vertex, bucket):
    (bucket / "in.tfrecord").write_bytes(framed(b"one", b"two"))
    source = {"instancesFormat": "tf-record", "gcsSource": {"uris": ["gs://bucket/in.tfrecord"]}}
    done = run(vertex, vertex.upload("one"), inputConfig=source)
    instances = [{"b64": "b25l"}, {"b64": "dHdv"}]
    assert output(vertex, done, "results") == [{"instance": i, "prediction": ["one", i]} for i in instances]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(sorted(batch_formats.KINDS)), content=st.binary(max_size=40))
def test_any_content_is_read_or_refused(vertex_service, tmp_path, kind, content):
    try:
        found = read(vertex_service, tmp_path / "in", kind, content)
    except (ApiError, OSError):
        return
    for value, error in found:
        orjson.dumps(value)
        assert isinstance(error, str)


def test_a_model_that_no_registry_manages_predicts(vertex, bucket):
    put(bucket, "weights/saved_model.pb", "graph")
    spec = vertex.model("free")["model"]["containerSpec"]
    unmanaged = {"artifactUri": "gs://bucket/weights", "containerSpec": spec}
    job = {**body("", put(bucket, "in.jsonl", "environment".join('""'))), "unmanagedContainerModel": unmanaged}
    done = vertex.wait(vertex.call("POST", "batchPredictionJobs", job)["name"])
    [line] = output(vertex, done, "results")
    assert line["prediction"][1]["AIP_STORAGE_URI"] == "gs://bucket/weights"


def test_cancel_keeps_what_is_done_and_delete_forgets(vertex, bucket):
    slow = {"env": [{"name": "ANSWER", "value": "x"}, {"name": "DELAY", "value": "60"}]}
    model = vertex.upload(containerSpec=slow)
    made = vertex.call("POST", "batchPredictionJobs", body(model, put(bucket, "in.jsonl", 1)))
    assert made["state"] == "JOB_STATE_PENDING"
    vertex.call("DELETE", f"/v1/{made['name']}", expect=400)
    vertex.call("POST", f"/v1/{made['name']}:cancel")
    done = vertex.wait(made["name"])
    assert done["state"] == "JOB_STATE_CANCELLED"
    assert done["completionStats"]["incompleteCount"] == "-1"
    vertex.result(vertex.call("DELETE", f"/v1/{made['name']}"))
    assert vertex.call("GET", "batchPredictionJobs")["batchPredictionJobs"] == []


def test_a_restart_fails_what_ran_with_the_reason(vertex, bucket):
    slow = {"env": [{"name": "ANSWER", "value": "x"}, {"name": "DELAY", "value": "60"}]}
    job = body(vertex.upload(containerSpec=slow), put(bucket, "in.jsonl", 1))
    made = vertex.call("POST", "batchPredictionJobs", job)
    vertex.stop()
    vertex.start()
    found = vertex.call("GET", f"/v1/{made['name']}")
    assert found["state"] == "JOB_STATE_FAILED"
    assert "sandbox" in found["error"]["message"]


def test_a_model_that_does_not_start_fails_the_job_with_the_end_of_its_log(vertex, bucket):
    spec = {"command": ["python3", "-c", "print('no weights here'); raise SystemExit(3)"], "args": []}
    done = run(vertex, vertex.upload(containerSpec=spec), put(bucket, "in.jsonl", 1))
    assert done["state"] == "JOB_STATE_FAILED"
    assert done["error"]["message"].endswith("no weights here")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": ""}, "Exactly one of model and unmanagedContainerModel"),
        (
            {"inputConfig": {"instancesFormat": "bigquery", "gcsSource": {"uris": ["gs://b/x"]}}},
            "'bigquery' is not supp",
        ),
        ({"inputConfig": {"instancesFormat": "jsonl"}}, "inputConfig.gcsSource.uris is not set"),
        ({"inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["/etc/passwd"]}}}, "begins with gs://"),
        ({"dedicatedResources": {}}, "machineSpec.machineType is not set"),
        ({"dedicatedResources": {"machineSpec": {"machineType": "laptop"}}}, 'Machine type "laptop"'),
        (
            {
                "inputConfig": {"instancesFormat": "tf-record", "gcsSource": {"uris": ["gs://b/x"]}},
                "instanceConfig": {"keyField": "id"},
            },
            "instances have no fields",
        ),
        ({"instanceConfig": {"instanceType": "list"}}, "'list' is neither"),
        ({"instanceConfig": {"includedFields": ["a"], "excludedFields": ["b"]}}, "give one of them"),
        ({"generateExplanation": True}, "generateExplanation is not supported"),
        ({"modelParametres": {}}, 'Unknown name "modelParametres"'),
    ],
)
def test_malformed_jobs_are_refused(vertex, change, words):
    model = vertex.upload("one")
    error = vertex.call("POST", "batchPredictionJobs", {**body(model, "gs://bucket/in.jsonl"), **change}, expect=400)
    assert words in error["error"]["message"]


@pytest.mark.parametrize(
    "uri", ["gs://bucket/none.jsonl", "gs://bucket/../storage/x", "gs://bucket/../*", "gs://b/**x"]
)
def test_instances_that_are_not_there_fail_the_job(vertex, bucket, uri):
    done = run(vertex, vertex.upload("one"), uri)
    assert done["state"] == "JOB_STATE_FAILED"
    assert done["error"]["code"] in (3, 5)


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=2)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "instanceType": st.sampled_from(["object", "array"]),
        "keyField": NAMES,
        "includedFields": st.lists(NAMES, max_size=3, unique=True),
        "excludedFields": st.lists(NAMES, max_size=3),
    },
)
JSON = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | NAMES, lambda inner: st.lists(inner, max_size=3))


@given(value=JSON | st.dictionaries(NAMES, JSON, max_size=4), config=CONFIGS)
def test_an_instance_is_transformed_or_refused(value, config):
    found = batch_instances.transform(value, "jsonl", config)
    assert list(found.shown) in (["instance"], ["key"])
    if found.error:
        return
    if not isinstance(value, dict):
        assert found.sent == value
        return
    if "keyField" in config:
        assert found.shown == {"key": value[config["keyField"]]}
    expected = config.get("includedFields") or [
        name for name in value if name != config.get("keyField") and name not in config.get("excludedFields", [])
    ]
    if config.get("instanceType") == "array":
        assert found.sent == [value[name] for name in expected]
    else:
        assert found.sent == {name: value[name] for name in expected}
