"""The catalogue on disk: one folder per asset, its metadata as JSON, its bands as GeoTIFFs.

An asset `projects/p/assets/a/b` is the folder of that path below the catalogue's root. What belongs to the asset
itself lies in `@asset.json` and `@files/<version>/`; no asset can have such a name, so children never collide.
Metadata is replaced atomically and only after its files are whole: a killed sandbox leaves the old asset or the new.
"""

import contextlib
import json
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from earthline_sandbox.earthengine.catalogue.names import folder_of, id_of, is_root, name_of, parent_of
from earthline_sandbox.earthengine.records import AssetRecord, BandRecord
from earthline_sandbox.errors import ApiError, invalid

CONTAINERS = ("FOLDER", "IMAGE_COLLECTION")
TYPES = ("FOLDER", "IMAGE_COLLECTION", "IMAGE", "TABLE", "CLASSIFIER")

_METADATA = "@asset.json"
_FILES = "@files"


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC with microseconds, the one form that the client parses without loss."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class StoredAsset:
    """An asset with what only the REST surface shows.

    Attributes:
        record: What the evaluator sees.
        name: REST name.
        pyramiding: Policy by band name.
        size_bytes: Bytes on disk.
        policy: IAM policy.
    """

    record: AssetRecord
    name: str
    pyramiding: Mapping[str, str]
    size_bytes: int
    policy: Mapping[str, Any]


def missing(asset_id: str) -> ApiError:
    """What Earth Engine says of an asset that is not there, and of one that the caller may not see."""
    return ApiError("NOT_FOUND", f"Asset '{name_of(asset_id)}' does not exist or doesn't allow this operation.")


class Assets:
    """Every asset of one sandbox; implements `records.Catalogue`.

    Reads need no lock, since metadata is replaced in one step; changes hold one lock for the whole catalogue.
    """

    def __init__(self, root: Path) -> None:
        """Opens the catalogue below `root`, which need not exist."""
        self.root = root
        self._lock = threading.RLock()
        self._read: dict[Path, tuple[int, StoredAsset]] = {}

    def find(self, asset_id: str) -> StoredAsset | None:
        """The asset of an id or REST name, or None; every project's root is there."""
        name = name_of(asset_id)
        path = folder_of(self.root, name) / _METADATA
        try:
            stamp = path.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return self._root(name) if is_root(name) else None
        known = self._read.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        asset = _from_json(name, path.parent, json.loads(path.read_bytes()))
        self._read[path] = (stamp, asset)
        return asset

    def stored(self, asset_id: str) -> StoredAsset:
        """The asset of an id or REST name; raises NOT_FOUND."""
        asset = self.find(asset_id)
        if asset is None:
            raise missing(asset_id)
        return asset

    def get(self, asset_id: str) -> AssetRecord:
        """The record of an asset; raises NOT_FOUND."""
        return self.stored(asset_id).record

    def images(self, collection_id: str) -> Sequence[AssetRecord]:
        """The images of a collection, in the order of their ids; raises NOT_FOUND."""
        collection = self.get(collection_id)
        if collection.type not in CONTAINERS:
            raise invalid(f"Asset '{collection_id}' is not an ImageCollection, but {_article(collection.type)}.")
        return [child.record for child in self.children(collection_id) if child.record.type == "IMAGE"]

    def children(self, asset_id: str) -> list[StoredAsset]:
        """The assets directly below a folder or collection, by name; raises NOT_FOUND."""
        parent = self.stored(asset_id)
        if parent.record.type not in CONTAINERS:
            raise invalid(
                f"Asset '{parent.name}' is {_article(parent.record.type)}; only folders and collections hold assets."
            )
        folder = folder_of(self.root, parent.name)
        if not folder.is_dir():
            return []
        found = []
        for entry in sorted(os.scandir(folder), key=lambda item: item.name):
            if entry.is_dir() and not entry.name.startswith("@"):
                child = self.find(f"{parent.name}/{entry.name}")
                if child is not None:
                    found.append(child)
        return found

    def all(self) -> Iterator[StoredAsset]:
        """Every asset, parents before their children."""
        for path in sorted(self.root.rglob(_METADATA)):
            asset = self.find("/".join(path.parent.relative_to(self.root).parts))
            if asset is not None:
                yield asset

    def check_target(self, name: str, type_: str, *, overwrite: bool, make_parents: bool = False) -> None:
        """Raises where an asset of a type cannot be put there.

        Something is there and may not be overwritten, or is of another type, which is never overwritten; or the parent
        does not hold such assets.
        """
        if is_root(name):
            raise invalid(f"'{name}' is the root folder of a project and cannot be written.")
        found = self.find(name)
        if found is not None and not overwrite:
            raise invalid(f"Cannot overwrite asset '{name}'.")
        if found is not None and (found.record.type != type_ or type_ in CONTAINERS):
            count = len(self.children(name)) if found.record.type in CONTAINERS else 0
            held = f" with {count} asset{'s' * (count > 1)}" if count else ""
            raise invalid(
                f"Cannot overwrite asset '{name}': it is {_article(found.record.type)}{held}. An asset is replaced by "
                "one of its own type only, a folder or collection never. Delete it first, or choose another id."
            )
        parent = self.find(parent_of(name))
        if parent is None:
            if not make_parents:
                raise missing(parent_of(name))
            self.check_target(parent_of(name), "FOLDER", overwrite=False, make_parents=True)
        elif parent.record.type not in CONTAINERS:
            raise invalid(f"Asset '{parent.name}' is {_article(parent.record.type)} and cannot hold '{name}'.")
        elif parent.record.type == "IMAGE_COLLECTION" and type_ != "IMAGE":
            raise invalid(f"Asset '{parent.name}' is an ImageCollection and holds images only, not '{name}'.")

    def staging(self, name: str) -> Path:
        """A fresh folder for the files of a new version of an asset; `put` makes it the asset's own."""
        folder = folder_of(self.root, name) / _FILES / uuid.uuid4().hex
        folder.mkdir(parents=True)
        return folder

    @contextlib.contextmanager
    def staged(self, name: str) -> Iterator[Path]:
        """The same for a block that ends with `put`; where it fails, the folder goes."""
        folder = self.staging(name)
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def put(
        self,
        name: str,
        type_: str,
        *,
        properties: Mapping[str, Any] | None = None,
        bands: Sequence[BandRecord] = (),
        footprint: Mapping[str, Any] | None = None,
        features_path: Path | None = None,
        pyramiding: Mapping[str, str] | None = None,
        overwrite: bool = False,
        make_parents: bool = False,
    ) -> StoredAsset:
        """Creates or replaces an asset in one step.

        Args:
            name: REST name.
            type_: One of `TYPES`.
            properties: User and system properties.
            bands: For images; their files lie in a folder that `staging(name)` gave.
            footprint: GeoJSON geometry in EPSG:4326.
            features_path: For tables and classifiers; a file in a folder that `staging(name)` gave.
            pyramiding: Policy by band name.
            overwrite: Replaces an asset of that name.
            make_parents: Creates missing folders above it.

        Raises:
            ApiError: The name is taken, or there is no folder to hold it.
        """
        with self._lock:
            self.check_target(name, type_, overwrite=overwrite, make_parents=make_parents)
            if self.find(parent_of(name)) is None:
                self.put(parent_of(name), "FOLDER", make_parents=True)
            previous = self.find(name)
            now = time.time()
            record = AssetRecord(
                id=id_of(name),
                type=type_,
                properties=dict(properties or {}),
                bands=tuple(bands),
                footprint=footprint,
                features_path=features_path,
                update_time=timestamp(now),
                version=int(now * 1e6),
            )
            asset = StoredAsset(record, name, dict(pyramiding or {}), 0, {})
            current = {path.parent for path in _files(asset)}
            asset = replace(asset, size_bytes=sum(path.stat().st_size for path in _files(asset)))
            self._write(asset)
            for stale in {path.parent for path in _files(previous)} - current if previous else ():
                shutil.rmtree(stale, ignore_errors=True)
            return asset

    def change(self, asset: StoredAsset, **changes: Any) -> StoredAsset:
        """Rewrites an asset's metadata; `changes` are fields of its record, or `policy`."""
        with self._lock:
            if is_root(asset.name):
                raise invalid(f"'{asset.name}' is the root folder of a project and cannot be changed.")
            now = time.time()
            policy = changes.pop("policy", asset.policy)
            record = replace(asset.record, update_time=timestamp(now), version=int(now * 1e6), **changes)
            changed = replace(asset, record=record, policy=policy)
            self._write(changed)
            return changed

    def copy(self, source_id: str, name: str, *, overwrite: bool = False) -> StoredAsset:
        """Copies an image, table or empty folder; raises NOT_FOUND or INVALID_ARGUMENT."""
        with self._lock:
            source = self.stored(source_id)
            self.check_target(name, source.record.type, overwrite=overwrite)
            if source.record.type in CONTAINERS and self.children(source.name):
                raise invalid(f"Asset '{source.name}' is not empty; copy its assets one by one.")
            moved: dict[Path, Path] = {}
            if paths := _files(source):
                staging = self.staging(name)
                for path in paths:
                    moved[path] = staging / path.name
                    # A band's overviews lie beside it.
                    for file in path.parent.glob(f"{path.stem}.*{path.suffix}"):
                        shutil.copyfile(file, staging / file.name)
                    shutil.copyfile(path, moved[path])
            record = source.record
            return self.put(
                name,
                record.type,
                properties=record.properties,
                bands=[replace(band, path=moved[band.path]) for band in record.bands],
                footprint=record.footprint,
                features_path=moved[record.features_path] if record.features_path else None,
                pyramiding=source.pyramiding,
                overwrite=overwrite,
            )

    def move(self, source_id: str, name: str) -> StoredAsset:
        """Renames an asset with everything below it; raises NOT_FOUND or INVALID_ARGUMENT."""
        with self._lock:
            source = self.stored(source_id)
            if is_root(source.name):
                raise invalid(f"'{source.name}' is the root folder of a project and cannot be moved.")
            self.check_target(name, source.record.type, overwrite=False)
            if f"{name}/".startswith(f"{source.name}/"):
                raise invalid(f"Cannot move '{source.name}' into itself.")
            target = folder_of(self.root, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(folder_of(self.root, source.name), target)
            self._read.clear()
            return self.stored(name)

    def delete(self, asset_id: str) -> None:
        """Deletes an asset; raises NOT_FOUND, or INVALID_ARGUMENT where it still holds others."""
        with self._lock:
            asset = self.stored(asset_id)
            if is_root(asset.name):
                raise invalid(f"'{asset.name}' is the root folder of a project and cannot be deleted.")
            if asset.record.type in CONTAINERS and (children := self.children(asset.name)):
                raise invalid(
                    f"Asset '{asset.name}' has {len(children)} children and cannot be deleted; delete them first."
                )
            folder = folder_of(self.root, asset.name)
            # One rename takes the asset out of sight; what a crash leaves behind is never read again.
            trash = folder.with_name(f"@trash-{uuid.uuid4().hex}")
            os.replace(folder, trash)
            self._read.pop(folder / _METADATA, None)
            shutil.rmtree(trash, ignore_errors=True)

    def sweep(self) -> None:
        """Deletes what a crash left behind: files of versions that were never finished, and half-deleted assets."""
        with self._lock:
            for path in list(self.root.rglob("@trash-*")):
                shutil.rmtree(path, ignore_errors=True)
            for folder in list(self.root.rglob(_FILES)):
                asset = self.find("/".join(folder.parent.relative_to(self.root).parts))
                kept = {path.parent for path in _files(asset)} if asset else set()
                for version in folder.iterdir():
                    if version not in kept:
                        shutil.rmtree(version, ignore_errors=True)

    def clear(self) -> None:
        """Deletes every asset."""
        with self._lock:
            shutil.rmtree(self.root, ignore_errors=True)
            self._read.clear()

    def _root(self, name: str) -> StoredAsset:
        record = AssetRecord(id=name, type="FOLDER", update_time=timestamp(0))
        return StoredAsset(record, name, {}, 0, {})

    def _write(self, asset: StoredAsset) -> None:
        folder = folder_of(self.root, asset.name)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _METADATA
        temporary = folder / f"{_METADATA}.{uuid.uuid4().hex}"
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(_to_json(asset, folder), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        self._read.pop(path, None)


def _files(asset: StoredAsset) -> set[Path]:
    paths = {band.path for band in asset.record.bands}
    return paths | {asset.record.features_path} if asset.record.features_path else paths


def _article(type_: str) -> str:
    shown = {
        "IMAGE": "an Image",
        "IMAGE_COLLECTION": "an ImageCollection",
        "TABLE": "a Table",
        "CLASSIFIER": "a Classifier",
    }
    return shown.get(type_, "a Folder")


def _to_json(asset: StoredAsset, folder: Path) -> dict[str, Any]:
    record = asset.record
    return {
        "type": record.type,
        "properties": dict(record.properties),
        "bands": [
            {
                "name": band.name,
                "file": str(band.path.relative_to(folder)),
                "index": band.index,
                "data_type": band.data_type,
                "crs": band.crs,
                "transform": list(band.transform),
                "shape": list(band.shape),
                "nodata": None if band.nodata is None else repr(band.nodata),
            }
            for band in record.bands
        ],
        "footprint": record.footprint,
        "features": str(record.features_path.relative_to(folder)) if record.features_path else None,
        "update_time": record.update_time,
        "version": record.version,
        "pyramiding": dict(asset.pyramiding),
        "size_bytes": asset.size_bytes,
        "policy": dict(asset.policy),
    }


def _from_json(name: str, folder: Path, data: Mapping[str, Any]) -> StoredAsset:
    bands = tuple(
        BandRecord(
            name=band["name"],
            path=folder / band["file"],
            index=band["index"],
            data_type=band["data_type"],
            crs=band["crs"],
            transform=tuple(band["transform"]),
            shape=tuple(band["shape"]),
            nodata=None if band["nodata"] is None else float(band["nodata"]),
        )
        for band in data["bands"]
    )
    record = AssetRecord(
        id=id_of(name),
        type=data["type"],
        properties=data["properties"],
        bands=bands,
        footprint=data["footprint"],
        features_path=folder / data["features"] if data["features"] else None,
        update_time=data["update_time"],
        version=data["version"],
    )
    return StoredAsset(record, name, data["pyramiding"], data["size_bytes"], data["policy"])
