"""The discovery document from which clients build their methods, and the list of server functions."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

ROOT_URL = "https://earthengine.googleapis.com/"
VERSIONS = ("v1", "v1alpha", "v1beta")

_ASSET = "^projects/[^/]+/assets/.*$"
_PROJECT = "^projects/[^/]+$"
_PAGED = ("pageSize", "pageToken")

# resource, method, HTTP method, path, query parameters, response; the name in braces is a path parameter.
_METHODS: Sequence[tuple[str, str, str, str, Sequence[str], str]] = (
    ("", "getConfig", "GET", "{+name}", (), "ProjectConfig"),
    ("", "updateConfig", "PATCH", "{+name}", ("updateMask",), "ProjectConfig"),
    ("", "listAssets", "GET", "{+parent}:listAssets", (*_PAGED, "filter", "view"), "ListAssetsResponse"),
    ("algorithms", "list", "GET", "{+parent}/algorithms", (), "ListAlgorithmsResponse"),
    ("assets", "copy", "POST", "{+sourceName}:copy", (), "EarthEngineAsset"),
    ("assets", "create", "POST", "{+parent}/assets", ("assetId",), "EarthEngineAsset"),
    ("assets", "delete", "DELETE", "{+name}", (), "Empty"),
    ("assets", "get", "GET", "{+name}", (), "EarthEngineAsset"),
    ("assets", "getIamPolicy", "POST", "{+resource}:getIamPolicy", (), "Policy"),
    ("assets", "getPixels", "POST", "{+name}:getPixels", (), "HttpBody"),
    ("assets", "listAssets", "GET", "{+parent}:listAssets", (*_PAGED, "filter", "view"), "ListAssetsResponse"),
    ("assets", "listFeatures", "GET", "{+asset}:listFeatures", (*_PAGED, "region", "filter"), "ListFeaturesResponse"),
    ("assets", "move", "POST", "{+sourceName}:move", (), "EarthEngineAsset"),
    ("assets", "patch", "PATCH", "{+name}", ("updateMask",), "EarthEngineAsset"),
    ("assets", "setIamPolicy", "POST", "{+resource}:setIamPolicy", (), "Policy"),
    ("assets", "testIamPermissions", "POST", "{+resource}:testIamPermissions", (), "TestIamPermissionsResponse"),
    ("classifier", "export", "POST", "{+project}/classifier:export", (), "Operation"),
    ("featureView", "create", "POST", "{+parent}/featureView", (), "FeatureView"),
    ("filmstripThumbnails", "create", "POST", "{+parent}/filmstripThumbnails", ("workloadTag",), "FilmstripThumbnail"),
    ("filmstripThumbnails", "getPixels", "GET", "{+name}:getPixels", (), "HttpBody"),
    ("image", "computePixels", "POST", "{+project}/image:computePixels", (), "HttpBody"),
    ("image", "export", "POST", "{+project}/image:export", (), "Operation"),
    ("image", "import", "POST", "{+project}/image:import", (), "Operation"),
    ("image", "importExternal", "POST", "{+project}/image:importExternal", (), "EarthEngineAsset"),
    (
        "imageCollection",
        "computeImages",
        "POST",
        "{+project}/imageCollection:computeImages",
        (),
        "ComputeImagesResponse",
    ),
    ("map", "export", "POST", "{+project}/map:export", (), "Operation"),
    ("maps", "create", "POST", "{+parent}/maps", ("workloadTag",), "EarthEngineMap"),
    ("maps.tiles", "get", "GET", "{+parent}/tiles/{zoom}/{x}/{y}", (), "HttpBody"),
    ("operations", "cancel", "POST", "{+name}:cancel", (), "Empty"),
    ("operations", "delete", "DELETE", "{+name}", (), "Empty"),
    ("operations", "get", "GET", "{+name}", (), "Operation"),
    ("operations", "list", "GET", "{+name}/operations", (*_PAGED, "filter"), "ListOperationsResponse"),
    ("operations", "wait", "POST", "{+name}:wait", (), "Operation"),
    ("table", "computeFeatures", "POST", "{+project}/table:computeFeatures", (), "ComputeFeaturesResponse"),
    ("table", "export", "POST", "{+project}/table:export", (), "Operation"),
    ("table", "import", "POST", "{+project}/table:import", (), "Operation"),
    ("tables", "create", "POST", "{+parent}/tables", ("workloadTag",), "Table"),
    ("tables", "getFeatures", "GET", "{+name}:getFeatures", (), "HttpBody"),
    ("thumbnails", "create", "POST", "{+parent}/thumbnails", ("workloadTag",), "Thumbnail"),
    ("thumbnails", "getPixels", "GET", "{+name}:getPixels", (), "HttpBody"),
    ("value", "compute", "POST", "{+project}/value:compute", (), "ComputeValueResponse"),
    ("video", "export", "POST", "{+project}/video:export", (), "Operation"),
    ("videoThumbnails", "create", "POST", "{+parent}/videoThumbnails", ("workloadTag",), "VideoThumbnail"),
    ("videoThumbnails", "getPixels", "GET", "{+name}:getPixels", (), "HttpBody"),
)

_INTEGERS = ("pageSize", "x", "y", "zoom")
_STANDARD = {
    "$.xgafv": "V1 error format.",
    "access_token": "OAuth access token.",
    "alt": "Data format for response.",
    "callback": "JSONP",
    "fields": "Selector specifying which fields to include in a partial response.",
    "key": "API key.",
    "oauth_token": "OAuth 2.0 token for the current user.",
    "quotaUser": "Available to use for quota purposes for server-side applications.",
    "uploadType": "Legacy upload protocol for media.",
    "upload_protocol": "Upload protocol for media.",
}


@cache
def document(version: str) -> dict[str, Any]:
    """The discovery document of one API version."""
    top: dict[str, Any] = {"methods": {}, "resources": {}}
    schemas: dict[str, Any] = {}
    for resource, name, http, path, query, response in _METHODS:
        target = top
        for part in resource.split(".") if resource else ():
            target = target.setdefault("resources", {}).setdefault(part, {})
        full = ".".join(filter(None, ["earthengine.projects", resource, name]))
        target.setdefault("methods", {})[name] = _method(version, full, resource, http, path, query, response)
        schemas.setdefault(response, _schema(response, "pageToken" in query or response.startswith("Compute")))
    schemas["Request"] = _schema("Request", False)
    parameters: dict[str, Any] = {
        name: {"description": text, "location": "query", "type": "string"} for name, text in _STANDARD.items()
    }
    parameters["prettyPrint"] = {
        "description": "Returns response with indentations and line breaks.",
        "location": "query",
        "type": "boolean",
        "default": "true",
    }
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": f"earthengine:{version}",
        "name": "earthengine",
        "version": version,
        "revision": "20260101",
        "title": "Google Earth Engine API",
        "description": "Earth Engine as the sandbox serves it.",
        "ownerDomain": "google.com",
        "ownerName": "Google",
        "documentationLink": "https://developers.google.com/earth-engine",
        "protocol": "rest",
        "rootUrl": ROOT_URL,
        "baseUrl": ROOT_URL,
        "basePath": "",
        "servicePath": "",
        "batchPath": "batch",
        "canonicalName": "Earth Engine",
        "fullyEncodeReservedExpansion": True,
        "version_module": True,
        "auth": {"oauth2": {"scopes": {scope: {"description": "Earth Engine."} for scope in _SCOPES}}},
        "parameters": parameters,
        "schemas": schemas,
        "resources": {"projects": top},
    }


_SCOPES = (
    "https://www.googleapis.com/auth/earthengine",
    "https://www.googleapis.com/auth/cloud-platform",
)


@cache
def algorithms() -> bytes:
    """The signatures of all server functions, as the installed client's own test data has them (JSON)."""
    return resources.files("ee.tests").joinpath("algorithms.json").read_bytes()


def _method(
    version: str, full: str, resource: str, http: str, path: str, query: Sequence[str], response: str
) -> dict[str, Any]:
    order = [part.strip("{+}") for part in path.split("/") for part in [part.split(":")[0]] if part.startswith("{")]
    parameters: dict[str, Any] = {}
    for name in (*order, *query):
        parameters[name] = {"type": "integer" if name in _INTEGERS else "string", "description": ""}
        if name in _INTEGERS:
            parameters[name]["format"] = "int32"
        if name in order:
            parameters[name] |= {"location": "path", "required": True}
            if pattern := _pattern(resource, path, name):
                parameters[name]["pattern"] = pattern
        else:
            parameters[name]["location"] = "query"
    method: dict[str, Any] = {
        "id": full,
        "path": f"{version}/{path}",
        "flatPath": f"{version}/{path.replace('+', '')}",
        "httpMethod": http,
        "description": "",
        "parameters": parameters,
        "parameterOrder": order,
        "response": {"$ref": response},
        "scopes": list(_SCOPES),
    }
    if http in ("POST", "PATCH"):
        method["request"] = {"$ref": "Request"}
    return method


def _pattern(resource: str, path: str, name: str) -> str | None:
    if name in ("x", "y", "zoom"):
        return None
    if path == "{+name}" and not resource:
        return "^projects/[^/]+/config$"
    if (resource == "assets" and name != "parent") or (path.startswith("{+parent}:listAssets") and resource):
        return _ASSET
    if resource == "operations" and path != "{+name}/operations":
        return "^projects/[^/]+/operations/.*$"
    if resource == "maps.tiles":
        return "^projects/[^/]+/maps/[^/]+$"
    if path.startswith("{+name}:get"):
        return f"^projects/[^/]+/{resource}/[^/]+$"
    return _PROJECT


def _schema(name: str, paged: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    if paged:
        properties["nextPageToken"] = {"type": "string", "description": "Retrieves the next page."}
    return {"id": name, "type": "object", "description": "", "properties": properties}
