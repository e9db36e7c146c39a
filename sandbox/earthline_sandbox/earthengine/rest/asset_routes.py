"""REST methods of assets: get, list, create, update, copy, move, delete, policies, and the features of tables."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from starlette.routing import Route

from earthline_sandbox.earthengine.catalogue import listing
from earthline_sandbox.earthengine.catalogue.assets import CONTAINERS, Assets, StoredAsset, timestamp
from earthline_sandbox.earthengine.catalogue.ingest import Ingestion, milliseconds
from earthline_sandbox.earthengine.catalogue.names import is_root, name_of
from earthline_sandbox.earthengine.rest.dispatch import Call, Dispatcher
from earthline_sandbox.errors import invalid

_PAGE = 1_000
_TIMES = {"startTime": "system:time_start", "endTime": "system:time_end"}
_MASK_TIMES = {"start_time": "startTime", "startTime": "startTime", "end_time": "endTime", "endTime": "endTime"}
_QUOTA = {"maxSizeBytes": str(250 * 2**30), "maxAssets": "10000"}


class AssetRoutes:
    """The routes of `projects.assets`."""

    def __init__(self, assets: Assets, ingestion: Ingestion) -> None:
        """Serves one catalogue."""
        self._assets = assets
        self._ingestion = ingestion

    def routes(self, dispatcher: Dispatcher) -> list[Route]:
        """Routes, those with a verb after the name first."""
        name = "projects/{project}/assets/{asset:path}"
        route = dispatcher.route
        return [
            route("GET", "projects/{project}:listAssets", self._list),
            route("GET", "projects/{project}/assets:listAssets", self._list),
            route("GET", f"{name}:listAssets", self._list),
            route("GET", f"{name}:listFeatures", self._features),
            route("POST", f"{name}:copy", self._copy),
            route("POST", f"{name}:move", self._move),
            route("POST", f"{name}:getIamPolicy", self._get_policy),
            route("POST", f"{name}:setIamPolicy", self._set_policy),
            route("POST", f"{name}:testIamPermissions", self._test_permissions),
            route("POST", "projects/{project}/assets", self._create),
            route("GET", name, self._get),
            route("PATCH", name, self._patch),
            route("DELETE", name, self._delete),
        ]

    def _get(self, call: Call) -> Any:
        asset = self._assets.stored(_name(call))
        shown = asset_json(asset)
        if is_root(asset.name):
            below = [item for item in self._assets.all() if item.name.startswith(f"{asset.name}/")]
            used = {"sizeBytes": str(sum(item.size_bytes for item in below)), "assetCount": str(len(below))}
            shown["quota"] = used | _QUOTA
        return shown

    def _list(self, call: Call) -> Any:
        children = self._assets.children(_name(call))
        if text := call.query.get("filter"):
            test = listing.parse(text)
            children = [child for child in children if test(child)]
        found, token = listing.page(children, call.number("pageSize"), call.query.get("pageToken", ""), _PAGE)
        basic = call.query.get("view", "").upper() == "BASIC"
        answer: dict[str, Any] = {"assets": [asset_json(child, basic=basic) for child in found]}
        if token:
            answer["nextPageToken"] = token
        return answer

    def _create(self, call: Call) -> Any:
        asset_id = call.query.get("assetId") or call.body.get("name", "")
        name = name_of(
            str(asset_id)
            if str(asset_id).startswith("projects/") and "/assets/" in str(asset_id)
            else f"projects/{call.project}/assets/{asset_id}"
        )
        kind = str(call.body.get("type", ""))
        location = call.body.get("cloudStorageLocation") or call.body.get("cloud_storage_location")
        if kind == "IMAGE" and isinstance(location, Mapping):
            manifest = {**call.body, "name": name, "tilesets": [{"sources": [{"uris": location.get("uris", [])}]}]}
            return asset_json(self._ingestion.image(manifest, overwrite=False))
        if kind not in CONTAINERS:
            raise invalid(f"Cannot create an asset of type '{kind}' without data; use one of {', '.join(CONTAINERS)}.")
        properties = _checked(call.body.get("properties") or {})
        _set_times(properties, call.body, _TIMES)
        return asset_json(self._assets.put(name, kind, properties=properties, overwrite=False))

    def _patch(self, call: Call) -> Any:
        stored = self._assets.stored(_name(call))
        body = call.body.get("asset") if isinstance(call.body.get("asset"), Mapping) else call.body
        assert isinstance(body, Mapping)
        paths = _mask(call.query.get("updateMask") or call.body.get("updateMask"))
        given = _checked(body.get("properties") or {}, deletable=True)
        properties = dict(stored.record.properties)
        if not paths or "properties" in paths:
            system = {key: value for key, value in properties.items() if key in _TIMES.values()}
            properties = system | given
        for path in paths or list(_TIMES):
            if path in _MASK_TIMES:
                field = _MASK_TIMES[path]
                properties.pop(_TIMES[field], None)
                _set_times(properties, body, {field: _TIMES[field]})
            elif path.startswith("properties."):
                key = path.removeprefix("properties.").strip('"')
                if given.get(key) is None:
                    properties.pop(key, None)
                else:
                    properties[key] = given[key]
            elif path != "properties":
                raise invalid(f"Field '{path}' of an asset cannot be updated; use start_time, end_time, properties.")
        kept = {key: value for key, value in properties.items() if value is not None}
        return asset_json(self._assets.change(stored, properties=kept))

    def _delete(self, call: Call) -> Any:
        self._assets.delete(_name(call))
        return {}

    def _copy(self, call: Call) -> Any:
        target = name_of(str(call.body.get("destinationName", "")))
        return asset_json(self._assets.copy(_name(call), target, overwrite=bool(call.body.get("overwrite"))))

    def _move(self, call: Call) -> Any:
        return asset_json(self._assets.move(_name(call), name_of(str(call.body.get("destinationName", "")))))

    def _get_policy(self, call: Call) -> Any:
        return self._assets.stored(_name(call)).policy or {"etag": "BwAAAAAAAAA="}

    def _set_policy(self, call: Call) -> Any:
        stored = self._assets.stored(_name(call))
        return self._assets.change(stored, policy=dict(call.section("policy"))).policy

    def _test_permissions(self, call: Call) -> Any:
        self._assets.stored(_name(call))
        return {"permissions": call.body.get("permissions", [])}

    def _features(self, call: Call) -> Any:
        record = self._assets.get(_name(call))
        if record.features_path is None:
            raise invalid(f"Asset '{record.id}' is not a table.")
        features = json.loads(record.features_path.read_bytes())["features"]
        start = call.number("pageToken") if call.query.get("pageToken") else 0
        end = start + (call.number("pageSize") or _PAGE)
        answer: dict[str, Any] = {"type": "FeatureCollection", "features": features[start:end]}
        if end < len(features):
            answer["nextPageToken"] = str(end)
        return answer


def asset_json(asset: StoredAsset, *, basic: bool = False) -> dict[str, Any]:
    """A REST `EarthEngineAsset`."""
    record = asset.record
    shown: dict[str, Any] = {"type": record.type, "name": asset.name, "id": record.id}
    if basic:
        return shown
    properties = dict(record.properties)
    for field, key in _TIMES.items():
        value = properties.pop(key, None)
        if isinstance(value, int | float):
            shown[field] = timestamp(value / 1000)
    shown["updateTime"] = record.update_time
    if properties:
        shown["properties"] = properties
    for field in ("title", "description"):
        if isinstance(properties.get(field), str):
            shown[field] = properties[field]
    if record.bands:
        shown["bands"] = [_band_json(asset, number) for number in range(len(record.bands))]
    if record.footprint:
        shown["geometry"] = dict(record.footprint)
    if record.type in ("IMAGE", "TABLE", "CLASSIFIER"):
        shown["sizeBytes"] = str(asset.size_bytes)
    return shown


def _band_json(asset: StoredAsset, number: int) -> dict[str, Any]:
    band = asset.record.bands[number]
    kind = np.dtype(band.data_type)
    data_type: dict[str, Any] = {"precision": "DOUBLE" if kind.name == "float64" else "FLOAT"}
    if kind.kind in "iu":
        info = np.iinfo(kind)
        data_type = {"precision": "INT", "range": {"min": int(info.min), "max": int(info.max)}}
    a, b, c, d, e, f = band.transform
    terms = {"scaleX": a, "shearX": b, "translateX": c, "shearY": d, "scaleY": e, "translateY": f}
    return {
        "id": band.name,
        "dataType": data_type,
        "grid": {
            "crsCode" if band.crs.startswith("EPSG:") else "crsWkt": band.crs,
            "dimensions": {"width": band.shape[1], "height": band.shape[0]},
            "affineTransform": {key: value for key, value in terms.items() if value},
        },
        "pyramidingPolicy": asset.pyramiding.get(band.name, "MEAN"),
    }


def _name(call: Call) -> str:
    return name_of(f"projects/{call.project}/assets/{call.path.get('asset', '')}")


def _mask(value: Any) -> Sequence[str]:
    if isinstance(value, Mapping):
        value = value.get("paths", [])
    if isinstance(value, str):
        value = [part for part in value.split(",") if part]
    if not isinstance(value, list | type(None)) or not all(isinstance(item, str) for item in value or []):
        raise invalid("updateMask must be a list of fields.")
    return value or []


def _set_times(properties: dict[str, Any], body: Mapping[str, Any], fields: Mapping[str, str]) -> None:
    for field, key in fields.items():
        value = body.get(field, body.get("start_time" if field == "startTime" else "end_time"))
        if value:
            properties[key] = milliseconds(str(value))


def _checked(properties: Any, *, deletable: bool = False) -> dict[str, Any]:
    """Properties of an asset are numbers, text, or lists of one of them."""
    if not isinstance(properties, Mapping):
        raise invalid("Field 'properties' must be an object.")
    for key, value in properties.items():
        scalar = isinstance(value, int | float | str)
        flat = isinstance(value, list) and all(isinstance(item, int | float | str) for item in value)
        if not (scalar or flat or (deletable and value is None)):
            raise invalid(f"Property '{key}' of an asset must be a number, a text, or a list of these.")
    return dict(properties)
