"""A small catalogue in memory, and the evaluator over it: what the tests of functions compute with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from ee import apitestcase

from earthline_sandbox.earthengine.evaluation.evaluation import Evaluator
from earthline_sandbox.earthengine.pixels.grid import Grid
from earthline_sandbox.earthengine.records import AssetRecord, BandRecord
from earthline_sandbox.errors import not_found

CRS = "EPSG:32617"
TRANSFORM = (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0)
SHAPE = (60, 80)
GRID = Grid(CRS, TRANSFORM, SHAPE)
DAY = 86_400_000


class Assets:
    """A catalogue in memory."""

    def __init__(self) -> None:
        self.records: dict[str, AssetRecord] = {}

    def get(self, asset_id: str) -> AssetRecord:
        if asset_id not in self.records:
            raise not_found(f"Asset '{asset_id}' does not exist.")
        return self.records[asset_id]

    def images(self, collection_id: str) -> list[AssetRecord]:
        return [record for name, record in sorted(self.records.items()) if name.startswith(f"{collection_id}/")]


@dataclass
class World:
    """Four small scenes of two bands and a class raster, what their files hold, and an evaluator over them."""

    evaluator: Evaluator
    assets: Assets
    red: list[np.ndarray]
    nir: list[np.ndarray]
    classes: np.ndarray
    folder: Path

    def evaluate(self, value: Any) -> Any:
        """Evaluates what the real client would send."""
        return self.evaluator.evaluate(ee.serializer.encode(value, for_cloud_api=True))

    def compute(self, value: Any) -> Any:
        """What `getInfo` would give."""
        return self.evaluator.to_json(self.evaluate(value))

    def pixels(self, image: Any, grid: Grid = GRID) -> list[np.ma.MaskedArray]:
        """Bands of an image on a grid, masked."""
        fetched = self.evaluator.image_of(self.evaluate(image)).fetch(grid)
        return [
            np.ma.MaskedArray(item.values, np.broadcast_to(~(item.mask > 0), item.values.shape[:2]))
            if item.values.ndim == 2
            else np.ma.MaskedArray(
                item.values,
                np.broadcast_to(
                    ~(item.mask > 0).reshape(item.mask.shape + (1,) * (item.values.ndim - 2)), item.values.shape
                ),
            )
            for item in fetched
        ]

    def pixel(self, image: Any) -> float | None:
        """The value of a one-band image that is the same everywhere; None where it is masked."""
        return self.pixels(image, Grid("EPSG:4326", (1, 0, 0, 0, -1, 1), (1, 1)))[0].tolist()[0][0]

    def add(
        self, name: str, arrays: dict[str, np.ndarray], *, crs: str = CRS, transform: Any = TRANSFORM, **record: Any
    ) -> None:
        """Writes an image asset of several bands."""
        bands = []
        nodata = record.pop("nodata", None)
        for band, array in arrays.items():
            path = self.folder / f"{name.replace('/', '_')}_{band}.tif"
            height, width = array.shape
            profile = {"driver": "GTiff", "count": 1, "dtype": array.dtype, "crs": crs, "nodata": nodata}
            with rasterio.open(
                path, "w", height=height, width=width, transform=rasterio.Affine(*transform), **profile
            ) as file:
                file.write(array, 1)
            bands.append(BandRecord(band, path, 1, str(array.dtype), crs, transform, array.shape, nodata))
        self.assets.records[name] = AssetRecord(name, "IMAGE", bands=bands, version=7, **record)


@pytest.fixture(scope="module", autouse=True)
def client():
    """The real client, able to build graphs: as it is where a test initialized it, else without any server."""
    if ee.data.is_initialized():
        yield ee
        return
    patch = pytest.MonkeyPatch()
    patch.setattr(ee.data, "_install_cloud_api_resource", lambda: None)
    patch.setattr(ee.data, "getAlgorithms", apitestcase.GetAlgorithms)
    patch.setattr(ee.deprecation, "_FetchDataCatalogStac", dict)
    ee.Initialize(None, "", project="sandbox")
    yield ee
    patch.undo()
    ee.Reset()


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    """Scenes `C/s0` to `C/s3` a day apart, and `classes`."""
    generator = np.random.default_rng(7)
    assets = Assets()
    red = [generator.integers(1, 5_000, SHAPE).astype("uint16") for _ in range(4)]
    nir = [generator.integers(1, 5_000, SHAPE).astype("uint16") for _ in range(4)]
    for array in (*red, *nir):
        array[generator.random(SHAPE) < 0.1] = 0
    classes = generator.integers(0, 5, SHAPE).astype("uint8")
    made = World(Evaluator(assets), assets, red, nir, classes, tmp_path_factory.mktemp("scenes"))
    assets.records["C"] = AssetRecord("C", "IMAGE_COLLECTION", {"title": "scenes"})
    for number in range(4):
        properties = {"system:time_start": 1_577_836_800_000 + number * DAY, "cloud": 10 * number, "tile": f"t{number}"}
        made.add(f"C/s{number}", {"red": red[number], "nir": nir[number]}, nodata=0, properties=properties)
    made.add("classes", {"class": classes})
    return made
