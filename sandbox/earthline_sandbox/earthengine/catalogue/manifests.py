"""Image manifests: which files, bands and masks become the bands of an asset.

Source: https://developers.google.com/earth-engine/guides/image_manifest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthline_sandbox.earthengine.catalogue.layers import Layer, band_count
from earthline_sandbox.earthengine.formats.patches import Mixer, stitch
from earthline_sandbox.errors import invalid

POLICIES = {"MEAN", "SAMPLE", "MIN", "MAX", "MODE", "MEDIAN"}
_TFRECORDS = (".tfrecord", ".tfrecord.gz")


@dataclass(frozen=True)
class Tileset:
    """One tileset of a manifest, opened.

    Attributes:
        bands: `(name, files, band number in each)` of every band; the name is empty where the files have none.
        crs: Replaces the files' own reference system.
    """

    bands: Sequence[tuple[str, Sequence[Path], int]]
    crs: str | None

    def layer(self, position: int, missing: Sequence[float] | None, mask: int | None) -> Layer:
        """The band at a position, from 0."""
        _, paths, index = self.bands[position]
        return Layer(paths, index, self.crs, missing, mask)


@dataclass(frozen=True)
class Manifest:
    """An ImageManifest whose sources are found.

    Attributes:
        given: The manifest.
        source: Gives the file of a `gs://` address.
        scratch: Folder for what is put together of TFRecords.
        limit_bytes: Largest size of one band, uncompressed.
    """

    given: Mapping[str, Any]
    source: Callable[[str], Path]
    scratch: Path
    limit_bytes: int

    def layers(self) -> list[tuple[str, Layer]]:
        """(band id, layer) of every band of the asset; raises ApiError where the manifest cannot be followed."""
        tilesets = self._tilesets()
        masks = self._masks(tilesets)
        general = self.given.get("missingData")
        plan: list[tuple[str, Layer]] = []
        if self.given.get("bands"):
            for position, band in enumerate(self.given["bands"]):
                plan.append(self._band(band, position, tilesets, masks, general))
        else:
            for tileset_id, tileset in tilesets.items():
                mask = masks.get(tileset_id)
                for position, (name, _, index) in enumerate(tileset.bands):
                    if index != mask:
                        layer = tileset.layer(position, _missing(general), mask)
                        plan.append((name or f"b{len(plan) + 1}", layer))
        names = [name for name, _ in plan]
        if len(set(names)) != len(names):
            raise invalid(f"Band ids of the manifest are not unique: {names}.")
        return plan

    def pyramiding(self, names: Sequence[str]) -> dict[str, str]:
        """Pyramiding policy by band; raises INVALID_ARGUMENT for an unknown one."""
        default = str(self.given.get("pyramidingPolicy", "MEAN"))
        policies = {name: default for name in names}
        for band in self.given.get("bands") or []:
            policies[band["id"]] = str(band.get("pyramidingPolicy", default))
        for policy in policies.values():
            if policy not in POLICIES:
                raise invalid(f"Unknown pyramidingPolicy '{policy}'; use one of {sorted(POLICIES)}.")
        return policies

    def _tilesets(self) -> dict[str, Tileset]:
        found: dict[str, Tileset] = {}
        for tileset in self.given.get("tilesets", []):
            found[str(tileset.get("id", ""))] = self._tileset(tileset)
        if not found:
            raise invalid("The image manifest needs 'tilesets' with sources: [{'uris': ['gs://bucket/file.tif']}].")
        return found

    def _tileset(self, tileset: Mapping[str, Any]) -> Tileset:
        prefix = str(self.given.get("uriPrefix", ""))
        uris = [[prefix + str(uri) for uri in source.get("uris", [])] for source in tileset.get("sources", [])]
        if not uris:
            raise invalid("Each tileset needs 'sources' with at least one file.")
        if not all(uris):
            raise invalid("Each source of a tileset needs 'uris'.")
        crs = tileset.get("crs")
        flat = [uri for some in uris for uri in some]
        if any(uri.lower().endswith(_TFRECORDS) for uri in flat):
            return Tileset(self._stitched(flat), crs)
        # The first file holds the pixels, the others (.prj, .tfw) belong to it.
        paths = [self.source(some[0]) for some in uris]
        return Tileset([("", paths, index + 1) for index in range(band_count(paths[0]))], crs)

    def _stitched(self, uris: Sequence[str]) -> list[tuple[str, Sequence[Path], int]]:
        mixers = [uri for uri in uris if uri.lower().endswith(".json")]
        shards = [uri for uri in uris if uri.lower().endswith(_TFRECORDS)]
        if len(mixers) != 1 or len(shards) + 1 != len(uris):
            raise invalid(
                "A tileset of TFRecords needs its mixer: 'uris' must hold the .tfrecord or .tfrecord.gz files and one "
                f".json file, not {list(uris)}."
            )
        mixer = Mixer.read(self.source(mixers[0]))
        # Shards are numbered in their names, and a client may list them in any order.
        paths = [self.source(uri) for uri in sorted(shards)]
        made = stitch(paths, mixer, self.scratch, limit_bytes=self.limit_bytes)
        return [(name, [path], 1) for name, path in made.items()]

    def _masks(self, tilesets: Mapping[str, Tileset]) -> dict[str, int]:
        masks: dict[str, int] = {}
        for mask in self.given.get("maskBands", []):
            tileset_id = str(mask.get("tilesetId", next(iter(tilesets))))
            if tileset_id not in tilesets or mask.get("bandIds"):
                raise invalid("maskBands of single bands, or of an unknown tileset, are not supported by the sandbox.")
            masks[tileset_id] = tilesets[tileset_id].bands[-1][2]
        return masks

    def _band(
        self,
        band: Mapping[str, Any],
        position: int,
        tilesets: Mapping[str, Tileset],
        masks: Mapping[str, int],
        general: Any,
    ) -> tuple[str, Layer]:
        tileset_id = str(band.get("tilesetId", next(iter(tilesets))))
        if tileset_id not in tilesets:
            raise invalid(f"Band '{band.get('id')}' names tileset '{tileset_id}', which the manifest lacks.")
        tileset, name = tilesets[tileset_id], band.get("id")
        if not isinstance(name, str) or not name:
            raise invalid("Field 'id' of each band is required and must be a string.")
        names = [known for known, _, _ in tileset.bands]
        default = position if len(tilesets) == 1 else 0
        # Features of a TFRecord have names but no order.
        default = names.index(name) if name in names else default
        index = int(band.get("tilesetBandIndex", default))
        if not 0 <= index < len(names):
            raise invalid(f"Band '{name}' is band {index + 1} of a file with {len(names)} bands.")
        missing = _missing(band.get("missingData", general))
        return name, tileset.layer(index, missing, masks.get(tileset_id))


def _missing(data: Any) -> list[float] | None:
    if data is None:
        return None
    values = data.get("values", []) if isinstance(data, Mapping) else None
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        raise invalid("missingData must look like {'values': [0, -9999]}.")
    return values
