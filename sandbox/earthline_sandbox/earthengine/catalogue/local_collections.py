"""Image collections of a user's own files: every raster of a folder, or every item of a STAC catalogue on this disk.

STAC: https://github.com/radiantearth/stac-spec. Only files below the catalogue's own folder are read.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earthline_sandbox.earthengine.catalogue.assets import StoredAsset
from earthline_sandbox.earthengine.catalogue.ingest import Ingestion, milliseconds
from earthline_sandbox.earthengine.catalogue.names import name_of
from earthline_sandbox.errors import invalid

_RASTERS = (".tif", ".tiff", ".jp2")
_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12]\d|3[01])(?!\d)")
_MAX_IMAGES = 10_000
_MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Scene:
    """One image to be.

    Attributes:
        name: Id within the collection.
        paths: Its rasters, whose bands follow each other.
        bands: Band ids; None takes those of the files.
        properties: User and system properties.
    """

    name: str
    paths: Sequence[Path]
    bands: Sequence[str] | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageOptions:
    """How images are made of a user's files.

    Attributes:
        bands: Band ids; None takes those of the files.
        crs: Replaces the files' own reference system.
        pyramiding: Policy by band name.
        default_policy: Policy of the other bands; None leaves Earth Engine's default, `MEAN`.
        force: Whether images of the same name are replaced.
    """

    bands: Sequence[str] | None = None
    crs: str | None = None
    pyramiding: Mapping[str, str] = field(default_factory=dict)
    default_policy: str | None = None
    force: bool = False


def add_collection(
    ingestion: Ingestion, asset_id: str, source: Path, properties: Mapping[str, Any], made: ImageOptions
) -> tuple[StoredAsset, int]:
    """Makes or extends a collection.

    Args:
        ingestion: Writes the images.
        asset_id: Id of the collection.
        source: A folder, or a STAC catalogue, collection, item or item collection (`.json`).
        properties: Of the collection.
        made: How every image is made; without band ids, they are those of the files, or of the STAC assets.

    Returns:
        The collection, and how many images were written.

    Raises:
        ApiError: INVALID_ARGUMENT: nothing to read there, a file that is none, or images that are there already
            and may not be replaced.
    """
    name = name_of(asset_id)
    scenes = list(_of_folder(source) if source.is_dir() else _of_stac(source))
    if not scenes or len(scenes) > _MAX_IMAGES:
        raise invalid(f"'{source}' holds {len(scenes)} images; a collection needs 1 to {_MAX_IMAGES}.")
    found = ingestion.assets.find(name)
    if found is None:
        found = ingestion.assets.put(name, "IMAGE_COLLECTION", properties=properties, make_parents=True)
    elif found.record.type != "IMAGE_COLLECTION":
        raise invalid(f"Asset '{name}' exists and is no ImageCollection.")
    there = [scene.name for scene in scenes if ingestion.assets.find(f"{name}/{scene.name}") is not None]
    if there and not made.force:
        raise invalid(
            f"{len(there)} of the {len(scenes)} images are in '{name}' already, '{there[0]}' among them: --force "
            "replaces them."
        )
    for scene in scenes:
        ingestion.files(
            f"{name}/{scene.name}",
            scene.paths,
            band_names=made.bands or scene.bands,
            properties=scene.properties,
            crs=made.crs,
            pyramiding=made.pyramiding,
            default_policy=made.default_policy or "MEAN",
        )
    return found, len(scenes)


def _of_folder(folder: Path) -> Iterator[Scene]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _RASTERS and path.is_file():
            day = _DAY.search(path.stem)
            time = {"system:time_start": milliseconds("-".join(day.groups()))} if day else {}
            yield Scene(_id(path.stem), [path], properties=time)


def _of_stac(catalogue: Path) -> Iterator[Scene]:
    root = catalogue.resolve().parent
    waiting, seen = [catalogue.resolve()], {catalogue.resolve()}
    while waiting:
        path = waiting.pop()
        data = _read(path)
        items = data.get("features", []) if data.get("type") == "FeatureCollection" else [data]
        for item in items:
            if item.get("type") == "Feature":
                yield _scene(item, path, root)
        for link in data.get("links", []):
            if link.get("rel") in ("item", "child"):
                target = _below(root, path, str(link.get("href", "")))
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES} bytes")
        data = json.loads(path.read_bytes())
        if not isinstance(data, dict):
            raise ValueError("it is no object")
    except (OSError, ValueError, RecursionError) as error:
        raise invalid(f"'{path}' is no STAC document that can be read: {error}.") from error
    return data


def _scene(item: Mapping[str, Any], path: Path, root: Path) -> Scene:
    files: dict[str, Path] = {}
    for key, asset in sorted((item.get("assets") or {}).items()):
        href = str(asset.get("href", ""))
        if href.lower().endswith(_RASTERS) and "thumbnail" not in (asset.get("roles") or ()):
            files[key] = _below(root, path, href)
    if not files:
        raise invalid(f"The STAC item '{item.get('id')}' in '{path}' has no raster among its assets.")
    given = item.get("properties") or {}
    kept = {key: value for key, value in given.items() if isinstance(value, int | float | str)}
    for key, name in (("start_datetime", "system:time_start"), ("end_datetime", "system:time_end")):
        if time := given.get(key) or (given.get("datetime") if name == "system:time_start" else None):
            kept[name] = milliseconds(str(time))
    # One band a file is named by its asset; files of several bands name them themselves.
    return Scene(_id(str(item.get("id", ""))), list(files.values()), list(files) if len(files) > 1 else None, kept)


def _below(root: Path, document: Path, href: str) -> Path:
    target = (document.parent / href).resolve()
    if "://" in href or not target.is_relative_to(root) or not target.is_file():
        raise invalid(f"'{href}' of '{document}' is no file below the catalogue's folder.")
    return target


def _id(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text).lstrip("_.-") or "image"
