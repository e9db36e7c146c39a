import pytest

FILES = {"saved_model.pb": b"graph", "variables/variables.index": b"index"}


@pytest.fixture
def artifacts(vertex):
    folder = vertex.home / "storage" / "bucket" / "model"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_upload_gives_a_typed_operation_and_a_model(vertex):
    operation = vertex.call("POST", "models:upload", vertex.model(labels={"team": "maps"}))
    assert operation["metadata"]["@type"].endswith("UploadModelOperationMetadata")
    response = vertex.result(operation)
    assert response["@type"] == "type.googleapis.com/google.cloud.aiplatform.v1.UploadModelResponse"
    assert response["modelVersionId"] == "1"
    # The project's number, whatever the request said.
    assert response["model"].startswith("projects/123456789012/locations/us-central1/models/")
    model = vertex.call("GET", f"/v1/{response['model']}")
    assert model["displayName"] == "tiny"
    assert model["labels"] == {"team": "maps"}
    assert model["versionAliases"] == ["default"]
    assert model["supportedDeploymentResourcesTypes"] == ["DEDICATED_RESOURCES"]


def test_operations_are_found_at_every_path_that_clients_poll(vertex):
    name = vertex.call("POST", "models:upload", vertex.model())["name"]
    short = name.split("/models/")[0] + "/operations/" + name.rpartition("/")[2]
    for prefix in ("v1", "v1beta1", "ui"):
        for path in (name, short):
            assert vertex.settle(vertex.call("GET", f"/{prefix}/{path}"))["name"] == name
    assert vertex.call("POST", f"/v1/{name}:wait", {"timeout": "1s"})["done"]
    assert [found["name"] for found in vertex.call("GET", "operations")["operations"]] == [name]
    vertex.call("DELETE", f"/v1/{name}")
    vertex.call("GET", f"/v1/{name}", expect=404)


def test_versions_and_aliases(vertex):
    base = vertex.upload().partition("@")[0]
    second = vertex.model(versionAliases=["champion"])
    response = vertex.result(vertex.call("POST", "models:upload", {**second, "parentModel": base}))
    assert (response["model"], response["modelVersionId"]) == (base, "2")
    assert vertex.call("GET", f"/v1/{base}")["versionId"] == "1"
    assert vertex.call("GET", f"/v1/{base}@champion")["versionId"] == "2"
    assert vertex.call("GET", f"/v1/{base}@2")["versionAliases"] == ["champion"]
    body = {"versionAliases": ["default", "best", "-champion"]}
    merged = vertex.call("POST", f"/v1/{base}@2:mergeVersionAliases", body)
    assert set(merged["versionAliases"]) == {"default", "best"}
    assert vertex.call("GET", f"/v1/{base}")["versionId"] == "2"
    vertex.call("GET", f"/v1/{base}@champion", expect=404)
    versions = vertex.call("GET", f"/v1/{base}:listVersions")["models"]
    assert [(found["name"], found["versionId"]) for found in versions] == [(f"{base}@1", "1"), (f"{base}@2", "2")]
    refusal = vertex.call("POST", f"/v1/{base}@2:mergeVersionAliases", {"versionAliases": ["-default"]}, expect=400)
    assert "'default' cannot be removed" in refusal["error"]["message"]
    vertex.call("DELETE", f"/v1/{base}@2:deleteVersion", expect=400)
    vertex.result(vertex.call("DELETE", f"/v1/{base}@1:deleteVersion"))
    vertex.call("GET", f"/v1/{base}@1", expect=404)


def test_a_version_with_the_default_alias_takes_it_over(vertex):
    base = vertex.upload().partition("@")[0]
    body = {**vertex.model(versionAliases=["default"]), "parentModel": f"{base}@1"}
    vertex.result(vertex.call("POST", "models:upload", body))
    assert vertex.call("GET", f"/v1/{base}")["versionId"] == "2"
    assert vertex.call("GET", f"/v1/{base}@1").get("versionAliases", []) == []


def test_artifacts_are_copied_so_that_the_source_may_go(vertex, artifacts):
    body = vertex.model(artifactUri="gs://bucket/model")
    base = vertex.result(vertex.call("POST", "models:upload", body))["model"]
    (artifacts / "saved_model.pb").write_bytes(b"overwritten in place")
    assert vertex.call("GET", f"/v1/{base}")["artifactUri"] == "gs://bucket/model"
    endpoint = vertex.endpoint()
    vertex.result(vertex.deploy(endpoint, base))
    [[_, environment]] = vertex.predict(endpoint, "environment")["predictions"]
    served = vertex.home / "storage" / environment["AIP_STORAGE_URI"].removeprefix("gs://")
    assert served != artifacts
    assert {name: (served / name).read_bytes() for name in FILES} == FILES
    vertex.call("DELETE", f"/v1/{base}", expect=400)
    deployed = vertex.call("GET", f"/v1/{endpoint}")["deployedModels"][0]["id"]
    vertex.result(vertex.call("POST", f"/v1/{endpoint}:undeployModel", {"deployedModelId": deployed}))
    vertex.result(vertex.call("DELETE", f"/v1/{base}"))
    assert not served.exists()


@pytest.mark.parametrize("uri", ["gs://bucket/nothing", "gs://absent/model"])
def test_absent_artifacts_fail_the_operation_and_leave_no_model(vertex, uri):
    operation = vertex.settle(vertex.call("POST", "models:upload", vertex.model(artifactUri=uri)))
    assert operation["error"]["code"] == 9
    assert uri in operation["error"]["message"]
    assert vertex.call("GET", "models")["models"] == []


@pytest.mark.parametrize("uri", ["gs://bucket/../../secrets", "gs://..", "bucket/model", "/etc"])
def test_artifacts_cannot_lie_outside_storage(vertex, uri):
    operation = vertex.settle(vertex.call("POST", "models:upload", vertex.model(artifactUri=uri)))
    assert operation["error"]["code"] == 3


def test_list_filters_orders_and_pages(vertex):
    for number, team in enumerate(["a", "b", "a"]):
        vertex.upload(displayName=f"model {number}", labels={"team": team})
    found = vertex.call("GET", "models", params={"filter": 'labels.team="a"'})["models"]
    assert [model["displayName"] for model in found] == ["model 2", "model 0"]
    found = vertex.call("GET", "models", params={"filter": 'labels.team=a AND NOT display_name="model 0"'})["models"]
    assert [model["displayName"] for model in found] == ["model 2"]
    first = vertex.call("GET", "models", params={"pageSize": "2", "orderBy": "display_name"})
    rest = vertex.call("GET", "models", params={"pageToken": first["nextPageToken"], "orderBy": "display_name"})
    assert [m["displayName"] for m in first["models"] + rest["models"]] == ["model 0", "model 1", "model 2"]
    vertex.call("GET", "models", params={"filter": "display_name="}, expect=400)


def test_patch_changes_what_its_mask_names(vertex):
    base = vertex.upload(labels={"team": "a", "stage": "test"}).partition("@")[0]
    change = {"displayName": "renamed", "description": "not in the mask", "labels": {"stage": "live"}}
    model = vertex.call("PATCH", f"/v1/{base}", change, params={"updateMask": "display_name,labels.stage"})
    assert (model["displayName"], model["labels"]) == ("renamed", {"team": "a", "stage": "live"})
    assert "description" not in model
    vertex.call("PATCH", f"/v1/{base}", {}, params={"updateMask": "artifactUri"}, expect=400)
    error = vertex.call("PATCH", f"/v1/{base}", {}, params={"updateMask": "displayName"}, expect=400)["error"]
    assert "displayName has 0 characters" in error["message"]
    vertex.call("PATCH", f"/v1/{base}", {}, expect=400)


def test_evaluations_are_kept_per_version(vertex):
    base = vertex.upload().partition("@")[0]
    body = {"modelEvaluation": {"displayName": "test blocks", "metrics": {"overall_accuracy": 0.75}}}
    made = vertex.call("POST", f"/v1/{base}/evaluations:import", body)
    assert vertex.call("GET", f"/v1/{made['name']}")["metrics"] == {"overall_accuracy": 0.75}
    assert vertex.call("GET", f"/v1/{base}/evaluations")["modelEvaluations"] == [made]
    vertex.result(vertex.call("POST", "models:upload", {**vertex.model(), "parentModel": base}))
    assert vertex.call("GET", f"/v1/{base}@2/evaluations")["modelEvaluations"] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"model": {"displayName": "a", "containerSpek": {}}}, 'Unknown name "containerSpek"'),
        ({"model": {"displayName": ["a"]}}, "Invalid JSON payload"),
        ({"model": {}}, "model.displayName is not set"),
        ({"model": {"displayName": "a" * 129}}, "129 characters"),
        (
            {"model": {"displayName": "a", "containerSpec": {"imageUri": "i", "predictRoute": "p"}}},
            "must begin with '/'",
        ),
        ({"model": {"displayName": "a", "versionAliases": ["No Good"]}}, "'No Good' is not valid"),
        ({"model": {"displayName": "a"}, "modelId": "Not-Valid"}, "modelId 'Not-Valid'"),
        ({"model": {"displayName": "a"}, "parentModel": "models/1"}, "is not a name of the form"),
        ([], "must be a JSON object"),
    ],
)
def test_malformed_uploads_are_refused(vertex, body, words):
    error = vertex.call("POST", "models:upload", body, expect=400)["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    assert words in error["message"]


def test_what_is_not_there_is_not_found(vertex):
    assert vertex.call("GET", "models/1", expect=404)["error"]["status"] == "NOT_FOUND"
    vertex.call("DELETE", "models/1", expect=404)
    vertex.call("GET", "operations/1", expect=404)
    vertex.call("GET", "/v1/nothing", expect=404)
    vertex.call("GET", "/v1/projects/No%20Good/locations/us-central1/models", expect=400)


def test_unsupported_collections_are_refused_by_name(vertex):
    error = vertex.call("POST", "nasJobs", {}, expect=400)["error"]
    assert "'nasJobs'" in error["message"]
