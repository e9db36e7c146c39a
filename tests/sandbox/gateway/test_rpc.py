import httpx
import pytest
from google.api import httpbody_pb2
from google.longrunning import operations_pb2

from earthline_sandbox.gateway.rpc import find_method, read_response, transcode


@pytest.mark.parametrize(
    "path",
    [
        "/google.cloud.aiplatform.v1.ModelService/NoSuchMethod",
        "/google.cloud.nothing.v9.Service/Method",
        "/google.longrunning.Operations/NoSuchMethod",
        "/os.path/Join",
        "/google.cloud.aiplatform.v1.PredictionService/StreamRawPredict",
        "//",
        "",
    ],
)
def test_unknown_methods_are_lookup_errors_that_name_them(path: str) -> None:
    with pytest.raises(LookupError):
        find_method(path)


def test_a_create_call_becomes_a_post_with_its_body() -> None:
    method = find_method("/google.cloud.aiplatform.v1.ModelService/UploadModel")
    request = method.request(parent="projects/p/locations/us-central1")
    request.model.display_name = "m"
    rest = transcode(method, request)
    assert (rest["method"], rest["uri"]) == ("POST", "/v1/projects/p/locations/us-central1/models:upload")
    assert b'"displayName"' in rest["content"]


def test_an_update_call_has_its_mask_in_the_query() -> None:
    method = find_method("/google.cloud.aiplatform.v1.ModelService/UpdateModel")
    request = method.request()
    request.model.name = "projects/p/locations/us-central1/models/1"
    request.update_mask.paths.append("display_name")
    rest = transcode(method, request)
    assert (rest["method"], rest["uri"]) == ("PATCH", "/v1/projects/p/locations/us-central1/models/1")
    assert rest["query"] == [("updateMask", "displayName")]


def test_lists_and_booleans_in_the_query() -> None:
    method = find_method("/google.cloud.aiplatform.v1.ModelService/ListModels")
    request = method.request(parent="projects/p/locations/l", page_size=5, filter="a=1")
    request.read_mask.paths.extend(["name", "labels"])
    assert dict(transcode(method, request)["query"]) == {"pageSize": "5", "filter": "a=1", "readMask": "name,labels"}


def test_raw_bytes_stay_raw_both_ways() -> None:
    method = find_method("/google.cloud.aiplatform.v1.PredictionService/RawPredict")
    body = httpbody_pb2.HttpBody(content_type="application/x-thing", data=b"\x00\xff")
    rest = transcode(method, method.request(endpoint="projects/p/locations/l/endpoints/1", http_body=body))
    assert (rest["content"], rest["type"]) == (b"\x00\xff", b"application/x-thing")
    answer = httpx.Response(200, content=b"\x01\x02", headers={"content-type": "a/b"})
    read = httpbody_pb2.HttpBody.FromString(read_response(method, answer))
    assert (read.content_type, read.data) == ("a/b", b"\x01\x02")


def test_a_media_type_is_any_header_and_nothing_that_ends_one() -> None:
    method = find_method("/google.cloud.aiplatform.v1.PredictionService/RawPredict")

    def media_type(text: str) -> bytes:
        body = httpbody_pb2.HttpBody(content_type=text, data=b"x")
        found: bytes = transcode(method, method.request(endpoint="projects/p/locations/l/endpoints/1", http_body=body))[
            "type"
        ]
        return found

    assert media_type('text/plain; name="größe"') == 'text/plain; name="größe"'.encode()
    assert media_type("  ") == b"application/json"
    for text in ("a/b\r\nHost: elsewhere", "a/b\0", "a\x7fb"):
        with pytest.raises(ValueError, match="holds a control character"):
            media_type(text)
    answer = httpx.Response(200, content=b"", headers=[(b"content-type", "text/größe".encode())])
    assert httpbody_pb2.HttpBody.FromString(read_response(method, answer)).content_type == "text/größe"


def test_operations_are_polled_by_their_name() -> None:
    method = find_method("/google.longrunning.Operations/GetOperation")
    name = "projects/p/locations/us-central1/models/7/operations/5"
    assert transcode(method, method.request(name=name))["uri"] == f"/v1/{name}"
    kind = "type.googleapis.com/google.cloud.aiplatform.v1.UploadModelResponse"
    find_method("/google.cloud.aiplatform.v1.ModelService/UploadModel")
    answer = httpx.Response(200, json={"name": name, "done": True, "response": {"@type": kind, "model": "m"}})
    operation = operations_pb2.Operation.FromString(read_response(method, answer))
    assert operation.done
    assert operation.response.type_url == kind


def test_a_request_without_its_name_is_refused() -> None:
    method = find_method("/google.cloud.aiplatform.v1.ModelService/GetModel")
    with pytest.raises(ValueError):
        transcode(method, method.request())
