"""What the sandbox's Earth Engine costs: over the wire with the real client, beside NumPy and rasterio by hand."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ee
import httpx
import numpy as np
import pyproj
import rasterio
from google.auth.credentials import AnonymousCredentials
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from rasterio.windows import Window

from benchmarks.figures import Figure

ROUNDS = 3
CRS, LEFT, TOP, SIDE = "EPSG:32617", 600_000, 4_000_000, 10
ROOT = "projects/sandbox/assets"
BY_HAND = "by hand, NumPy and rasterio"


@contextmanager
def sandbox() -> Iterator[tuple[Path, str]]:
    """A running sandbox whose environment this process has, and the address of its application."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sandbox"]
        home = ["--home", f"{folder}/home"]
        subprocess.run([*command, "start", *home], check=True, capture_output=True)
        try:
            variables = subprocess.run([*command, "env", "--json", *home], check=True, capture_output=True).stdout
            os.environ.update(json.loads(variables))
            ee.Initialize(AnonymousCredentials(), project="sandbox")
            yield Path(folder), f"http://{os.environ['GCE_METADATA_HOST']}"
        finally:
            os.environ.clear()
            os.environ.update(before)
            subprocess.run([*command, "stop", *home], check=True, capture_output=True)


def scenes(folder: Path, address: str, name: str, count: int, bands: int, side: int) -> list[Path]:
    """Writes rasters with a tenth of their pixels masked, and adds them to the catalogue as images of a collection."""
    generator = np.random.default_rng(count)
    paths = []
    for number in range(count):
        values = generator.integers(1, 10_000, (bands, side, side)).astype("uint16")
        values[:, generator.random((side, side)) < 0.1] = 0
        paths.append(folder / f"{name}{number}.tif")
        profile = {"driver": "GTiff", "count": bands, "height": side, "width": side, "dtype": "uint16", "nodata": 0}
        profile |= {"tiled": True, "compress": "deflate", "blockxsize": 256, "blockysize": 256}
        with rasterio.open(paths[-1], "w", crs=CRS, transform=Affine(SIDE, 0, LEFT, 0, -SIDE, TOP), **profile) as sink:
            sink.write(values)
        body = {"asset": f"{ROOT}/{name}/s{number}", "files": [str(paths[-1])]}
        httpx.post(
            f"{address}/_sandbox/earthengine/add", json=body, headers={"X-Sandbox": "1"}, timeout=600, trust_env=False
        ).raise_for_status()
    return paths


def pixels(image: ee.Image, side: int, column: int = 0) -> Any:
    """A square of an image."""
    transform = {"scaleX": SIDE, "scaleY": -SIDE, "translateX": LEFT + SIDE * column, "translateY": TOP}
    grid = {"dimensions": {"width": side, "height": side}, "affineTransform": transform, "crsCode": CRS}
    return ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid})


def median_by_hand(paths: list[Path], side: int, bands: int) -> Any:
    """The same of files: band by band, so that memory stays small."""
    sources = [rasterio.open(path) for path in paths]
    found = []
    for band in range(1, bands + 1):
        stack = np.stack([source.read(band, window=Window(0, 0, side, side)) for source in sources]).astype("float32")
        stack[stack == 0] = np.nan
        with np.errstate(all="ignore"):
            found.append(np.nanmedian(stack, axis=0))
    for source in sources:
        source.close()
    return np.stack(found)


def points_by_hand(path: Path, points: list[tuple[float, float]]) -> Any:
    """Values of a file at places in longitude and latitude."""
    to_crs = pyproj.Transformer.from_crs("EPSG:4326", CRS, always_xy=True)
    with rasterio.open(path) as source:
        return list(source.sample([to_crs.transform(*point) for point in points]))


def stratified_by_hand(path: Path, classes: int, each: int) -> Any:
    """Rows of so many random pixels of each class of the first band."""
    generator = np.random.default_rng(0)
    with rasterio.open(path) as source:
        values = source.read()
    labels = values[0] % classes
    chosen = [generator.choice(np.flatnonzero((labels == k) & (values[0] > 0)), each) for k in range(classes)]
    return values.reshape(len(values), -1)[:, np.concatenate(chosen)]


def tile_by_hand(path: Path, bounds: tuple[float, float, float, float]) -> Any:
    """Three bands in Web Mercator, as a picture's bytes."""
    west, _, east, north = bounds
    size = (east - west) / 256
    target = np.zeros((3, 256, 256), "float32")
    with rasterio.open(path) as source:
        transform = Affine(size, 0, west, 0, -size, north)
        band = rasterio.band(source, [1, 2, 3])
        reproject(band, target, dst_transform=transform, dst_crs="EPSG:3857", resampling=Resampling.nearest)
    colors = np.clip(target / 10_000 * 255, 0, 255).astype("uint8")
    profile = {"driver": "PNG", "height": 256, "width": 256, "count": 3, "dtype": "uint8", "transform": transform}
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as sink:
            sink.write(colors)
        return memory.read()


def timed(call: Callable[[], Any]) -> float:
    """Median seconds of a few calls, after one that warms caches."""
    call()
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def measure() -> list[Figure]:
    """Times of the sandbox over those by hand, and of many requests at a time over one."""
    with sandbox() as (folder, address):
        few = scenes(folder, address, "few", 4, 2, 1_100)
        many = scenes(folder, address, "many", 20, 10, 600)
        one = ee.Image(f"{ROOT}/many/s0")
        median = ee.ImageCollection(f"{ROOT}/few").median()
        composite = ee.ImageCollection(f"{ROOT}/many").median()
        to_lonlat = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
        points = [to_lonlat.transform(LEFT + 60 * n + 5, TOP - 60 * n - 5) for n in range(90)]
        table = ee.FeatureCollection([ee.Feature(ee.Geometry.Point(point)) for point in points])
        sampled = one.sampleRegions(table, scale=SIDE, projection=CRS)
        labelled = one.addBands(one.select(0).mod(5).toByte().rename("class"))
        strata = labelled.stratifiedSample(1_000, "class", scale=SIDE, projection=CRS)
        fetcher = one.select([0, 1, 2]).getMapId({"min": 0, "max": 10_000})["tile_fetcher"]
        zoom, (x, y) = 15, to_lonlat.transform(LEFT + 2_000, TOP - 2_000)
        column = int((x + 180) / 360 * 2**zoom)
        row = int((1 - np.arcsinh(np.tan(np.radians(y))) / np.pi) / 2 * 2**zoom)
        size = 2 * np.pi * 6_378_137 / 2**zoom
        west, north = -np.pi * 6_378_137 + size * column, np.pi * 6_378_137 - size * row
        bounds = (west, north - size, west + size, north)
        pairs: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
            (
                "1024 x 1024 median of 4 scenes, 2 bands",
                lambda: pixels(median, 1_024),
                lambda: median_by_hand(few, 1_024, 2),
            ),
            (
                "512 x 512 composite of 20 scenes, 10 bands",
                lambda: pixels(composite, 512),
                lambda: median_by_hand(many, 512, 10),
            ),
            ("90-point sampleRegions", sampled.getInfo, lambda: points_by_hand(many[0], points)),
            ("5,000-point stratifiedSample", strata.size().getInfo, lambda: stratified_by_hand(many[0], 5, 1_000)),
            ("map tile", lambda: fetcher.fetch_tile(column, row, zoom), lambda: tile_by_hand(many[0], bounds)),
        ]
        figures = [Figure(name, timed(here), BY_HAND, timed(hand), "s") for name, here, hand in pairs]
        figures.append(_throughput(one))
        ee.Reset()
    return figures


def _throughput(image: ee.Image) -> Figure:
    """Requests a second and core at 40 at a time, beside one at a time."""
    places = [3 * number for number in range(40)]
    begun = time.perf_counter()
    for place in places:
        pixels(image, 128, place)
    serial = len(places) / (time.perf_counter() - begun)
    with ThreadPoolExecutor(40) as pool:
        begun = time.perf_counter()
        list(pool.map(lambda place: pixels(image, 128, place), places))
    together = len(places) / (time.perf_counter() - begun) / (os.cpu_count() or 1)
    return Figure("40 concurrent computePixels, per core", together, "one at a time", serial, "requests/s")


if __name__ == "__main__":
    for figure in measure():
        print(
            f"{figure.name:<48} {figure.value:8.3f} {figure.reference:8.3f} {figure.unit:<10} ratio {figure.ratio:.2f}"
        )
