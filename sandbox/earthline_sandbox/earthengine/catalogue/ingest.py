"""Ingestion: image and table manifests, or a user's own files, become assets.

Manifests: https://developers.google.com/earth-engine/guides/image_manifest and table_upload.
"""

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from earthline_sandbox.earthengine.catalogue import pyramids
from earthline_sandbox.earthengine.catalogue.assets import Assets, StoredAsset
from earthline_sandbox.earthengine.catalogue.layers import Layer, band_count, band_descriptions, footprint, write_band
from earthline_sandbox.earthengine.catalogue.manifests import POLICIES, Manifest
from earthline_sandbox.earthengine.catalogue.names import name_of
from earthline_sandbox.earthengine.catalogue.table_sources import read_table
from earthline_sandbox.earthengine.limits import Limits
from earthline_sandbox.errors import invalid, not_found

Progress = Callable[[float], None]

_MAX_TABLE_BYTES = 256 * 2**20
_BAND_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


@dataclass(frozen=True)
class Ingestion:
    """Turns manifests into assets.

    Attributes:
        assets: The catalogue.
        storage: Folder of Cloud Storage's objects: `<bucket>/<object name>`.
        limits: Sizes.
    """

    assets: Assets
    storage: Path
    limits: Limits = field(default_factory=Limits)

    def source(self, uri: str) -> Path:
        """The file of a `gs://` address; raises NOT_FOUND or INVALID_ARGUMENT."""
        bucket, _, key = uri.removeprefix("gs://").partition("/")
        if not uri.startswith("gs://") or not bucket or not key:
            raise invalid(f"Invalid source uri '{uri}': it must look like gs://bucket/object.")
        root = (self.storage / bucket).resolve()
        path = (root / key).resolve()
        if not path.is_relative_to(root) or bucket in (".", "..") or not path.is_file():
            raise not_found(f"Source file '{uri}' was not found in Cloud Storage.")
        return path

    def image(
        self, manifest: Mapping[str, Any], *, overwrite: bool, progress: Progress = lambda _: None
    ) -> StoredAsset:
        """Ingests an ImageManifest; raises ApiError, and leaves no asset behind where it does."""
        name = name_of(required(manifest, "name"))
        self.assets.check_target(name, "IMAGE", overwrite=overwrite)
        with tempfile.TemporaryDirectory(prefix="earthengine-ingest-") as scratch:
            read = Manifest(manifest, self.source, Path(scratch), self.limits.asset_bytes)
            plan = read.layers()
            pyramiding = read.pyramiding([band for band, _ in plan])
            properties = _properties(manifest)
            return self._put_image(name, plan, pyramiding, properties, overwrite=overwrite, progress=progress)

    def files(
        self,
        asset_id: str,
        paths: Sequence[Path],
        *,
        band_names: Sequence[str] | None = None,
        properties: Mapping[str, Any] | None = None,
        crs: str | None = None,
        pyramiding: Mapping[str, str] | None = None,
        default_policy: str = "MEAN",
        overwrite: bool = True,
    ) -> StoredAsset:
        """Makes one image of local rasters, whose bands follow each other; missing folders above it are created.

        Args:
            asset_id: Id or REST name.
            paths: Rasters that are readable here.
            band_names: One per band; by default the bands' descriptions in their files where they are names that
                differ, else the files' names where each has one band, else `b1`, `b2`, ….
            properties: User and system properties.
            crs: Replaces the files' own reference system.
            pyramiding: Policy by band name.
            default_policy: Policy of the other bands; Earth Engine's default is `MEAN`.
            overwrite: Replaces an image of that name.

        Raises:
            ApiError: INVALID_ARGUMENT, naming the file.
        """
        name = name_of(asset_id)
        self.assets.check_target(name, "IMAGE", overwrite=overwrite, make_parents=True)
        layers = [Layer([path], index + 1, crs=crs) for path in paths for index in range(band_count(path))]
        names = list(band_names or _default_names(paths))
        if not layers or len(names) != len(layers) or len(set(names)) != len(names):
            raise invalid(f"{len(layers)} bands in the files need {len(layers)} different names, not {names}.")
        policies = _policies(names, pyramiding or {}, default_policy)
        plan = list(zip(names, layers, strict=True))
        return self._put_image(name, plan, policies, properties, overwrite=overwrite, make_parents=True)

    def table(self, manifest: Mapping[str, Any], *, overwrite: bool) -> StoredAsset:
        """Ingests a TableManifest of CSV, GeoJSON, shapefile or TFRecord sources; raises ApiError."""
        name = name_of(required(manifest, "name"))
        self.assets.check_target(name, "TABLE", overwrite=overwrite)
        features: list[dict[str, Any]] = []
        for source in manifest.get("sources", []):
            for uri in source.get("uris", []):
                features.extend(read_table(uri, self.source(uri), source))
        if not features:
            raise invalid("The table manifest's sources hold no features.")
        for number, feature in enumerate(features):
            feature.setdefault("id", f"{number:020x}")
        try:
            # Numbers that JSON has no words for, NaN and infinity, become null.
            content = orjson.dumps({"type": "FeatureCollection", "features": features}, option=orjson.OPT_NON_STR_KEYS)
        except TypeError as error:
            raise invalid(f"The sources of the table hold a value that cannot be kept: {error}.") from error
        properties = _properties(manifest)
        with self.assets.staged(name) as staging:
            path = staging / "features.geojson"
            path.write_bytes(content)
            return self.assets.put(name, "TABLE", properties=properties, features_path=path, overwrite=overwrite)

    def _put_image(
        self,
        name: str,
        plan: Sequence[tuple[str, Layer]],
        pyramiding: Mapping[str, str],
        properties: Mapping[str, Any] | None,
        *,
        overwrite: bool,
        make_parents: bool = False,
        progress: Progress = lambda _: None,
    ) -> StoredAsset:
        """Writes the bands with their overviews and makes them the asset; where one fails, nothing of it is left."""
        bands = []
        with self.assets.staged(name) as staging:
            for number, (band, layer) in enumerate(plan):
                progress(number / len(plan))
                path = staging / f"{number + 1}.tif"
                bands.append(write_band(layer, band, path, limit_bytes=self.limits.asset_bytes))
                pyramids.build(bands[-1], pyramiding[band])
            return self.assets.put(
                name,
                "IMAGE",
                properties=properties,
                bands=bands,
                footprint=footprint(bands),
                pyramiding=pyramiding,
                overwrite=overwrite,
                make_parents=make_parents,
            )


def required(data: Mapping[str, Any], key: str) -> str:
    """A text field that must be there; raises INVALID_ARGUMENT naming it."""
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise invalid(f"Field '{key}' is required and must be a string.")
    return value


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time; raises INVALID_ARGUMENT."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(f"'{text}' is not a time such as 2000-03-31T15:42:00Z.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _properties(manifest: Mapping[str, Any]) -> dict[str, Any]:
    properties = dict(manifest.get("properties") or {})
    for name, key in (("startTime", "system:time_start"), ("endTime", "system:time_end")):
        value = manifest.get(name)
        if isinstance(value, Mapping):
            properties[key] = int(value.get("seconds", 0)) * 1000
        elif value:
            properties[key] = milliseconds(str(value))
    return properties


def _policies(names: Sequence[str], given: Mapping[str, str], default: str) -> dict[str, str]:
    for band in given:
        if band not in names:
            raise invalid(f"There is no band '{band}' to give a pyramiding policy; the bands are {', '.join(names)}.")
    for policy in (default, *given.values()):
        if policy not in POLICIES:
            raise invalid(f"Unknown pyramiding policy '{policy}'; use one of {', '.join(sorted(POLICIES))}.")
    return {name: given.get(name, default) for name in names}


def _default_names(paths: Sequence[Path]) -> list[str]:
    described = [text for path in paths for text in band_descriptions(path)]
    if all(map(_BAND_NAME.fullmatch, described)) and len(set(described)) == len(described):
        return described
    counts = [band_count(path) for path in paths]
    if len(paths) > 1 and set(counts) == {1}:
        return [path.stem for path in paths]
    return [f"b{number + 1}" for number in range(sum(counts))]
