"""What the catalogue tells the evaluator about an asset: plain records, no rasters opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class BandRecord:
    """One band of an image asset, stored in a GeoTIFF of its own or as one band of a shared file.

    Attributes:
        name: Band id, as `bandNames()` gives it.
        path: GeoTIFF that holds it.
        index: Band number in that file, from 1.
        data_type: NumPy dtype name of the stored values.
        crs: Authority code such as `EPSG:32119`, or WKT.
        transform: Pixel to CRS, as Earth Engine orders it: (scaleX, shearX, translateX, shearY, scaleY, translateY).
        shape: Size in pixels `(height, width)`.
        nodata: Stored value that means masked; NaN is masked as well. None where every pixel is valid or the
            file carries a mask band.
    """

    name: str
    path: Path
    index: int
    data_type: str
    crs: str
    transform: tuple[float, float, float, float, float, float]
    shape: tuple[int, int]
    nodata: float | None = None


@dataclass(frozen=True)
class AssetRecord:
    """One asset of the catalogue.

    Attributes:
        id: Name without `projects/earthengine-public/assets/` for public ids (`LANDSAT/LE07/C02/T1/…`), and whole
            (`projects/<project>/assets/…`) for the others: what Earth Engine shows as `id`.
        type: `IMAGE`, `IMAGE_COLLECTION`, `TABLE`, `CLASSIFIER` or `FOLDER`.
        properties: User and system properties; times are milliseconds since 1970 under `system:time_start`
            and `system:time_end`.
        bands: For images.
        footprint: GeoJSON geometry in EPSG:4326, for images.
        features_path: For tables: a GeoJSON FeatureCollection file in EPSG:4326; for classifiers: their own file.
        update_time: RFC 3339.
        version: Microseconds since 1970 of the last change, as Earth Engine's `version`.
    """

    id: str
    type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    bands: Sequence[BandRecord] = ()
    footprint: Mapping[str, Any] | None = None
    features_path: Path | None = None
    update_time: str = ""
    version: int = 0


class Catalogue(Protocol):
    """What the evaluator asks of the catalogue."""

    def get(self, asset_id: str) -> AssetRecord:
        """The asset of that id (public, or `projects/…/assets/…`); raises ApiError NOT_FOUND in Google's words."""

    def images(self, collection_id: str) -> Sequence[AssetRecord]:
        """The images of a collection, by id; raises ApiError NOT_FOUND where the collection does not exist."""


class PredictionClient(Protocol):
    """How `Model.predictImage` reaches a Vertex AI endpoint: by its API, as Earth Engine itself does."""

    def predict(self, endpoint: str, instances: Sequence[bytes]) -> tuple[Sequence[Any], int]:
        """POSTs `{"instances": …}` to `…/{endpoint}:predict`; raises ApiError.

        Args:
            endpoint: Full name.
            instances: JSON of each.

        Returns:
            The answer's `predictions`, and the bytes of the answer.
        """

    def call(self, endpoint: str, method: str, request: bytes) -> bytes:
        """Calls a gRPC method of the deployed model by `directRawPredict` and gives its answer; raises ApiError."""
