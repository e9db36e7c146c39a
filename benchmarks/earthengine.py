"""What the sandbox's Earth Engine costs: over the wire with the real client, beside NumPy and rasterio by hand.

Each computation has two rows. The first is the whole request as a client sees it: its own serialization, the proxy,
TLS, the service, the answer's way back and its parsing. The second is the service's share of it, by its own request
log; what lies between the two belongs to the client and to the wire. By hand, files are opened, read and closed by each
call, and all cores are used where there is much to read; the service keeps decoded blocks, so both rows are of warm
caches. The rows named `first` are of the very first request instead. Here and there the least of several turns counts:
on a machine that others use, that is the one figure that repeats.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import ee
import httpx
import numpy as np
import psutil
import pyproj
import rasterio
from google.auth.credentials import AnonymousCredentials
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from benchmarks.figures import Figure

ROUNDS = 7
CRS, LEFT, TOP, SIDE = "EPSG:32617", 600_000, 4_000_000, 10
ROOT = "projects/sandbox/assets"
BY_HAND = "by hand, NumPy and rasterio"
CORES = os.cpu_count() or 1


class Workload(NamedTuple):
    """One computation, twice.

    Attributes:
        name: As the table shows it.
        request: Asks the sandbox for it, with the real client.
        by_hand: Computes it of the files.
        large: Whether the first request is shown as well.
    """

    name: str
    request: Callable[[], Any]
    by_hand: Callable[[], Any]
    large: bool = False


class Service:
    """The sandbox's own interface, for what it tells of requests."""

    def __init__(self, address: str) -> None:
        """Takes the address of its application."""
        self._client = httpx.Client(
            base_url=f"{address}/_sandbox", headers={"X-Sandbox": "1"}, timeout=600, trust_env=False
        )
        self._process = psutil.Process(self._client.get("/status").raise_for_status().json()["pid"])

    def add(self, asset: str, path: Path) -> None:
        """Adds a file to the catalogue, in place of one of the same name."""
        body = {"asset": asset, "files": [str(path)], "force": True}
        self._client.post("/earthengine/add", json=body).raise_for_status()

    def processor_seconds(self) -> float:
        """Processor time of the sandbox's process since it began."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def seconds(self, call: Callable[[], Any]) -> float:
        """How long the service worked on the one request that `call` makes."""
        self._client.delete("/earthengine/requests").raise_for_status()
        call()
        (entry,) = self._client.get("/earthengine/requests").raise_for_status().json()["requests"]
        return float(entry["milliseconds"]) / 1_000


@contextmanager
def sandbox() -> Iterator[tuple[Path, Service]]:
    """A running sandbox whose environment this process has."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "earthline_sandbox"]
        home = ["--home", f"{folder}/home"]
        subprocess.run([*command, "start", *home], check=True, capture_output=True)
        try:
            variables = subprocess.run([*command, "env", "--json", *home], check=True, capture_output=True).stdout
            os.environ.update(json.loads(variables))
            ee.Initialize(AnonymousCredentials(), project="sandbox")
            yield Path(folder), Service(f"http://{os.environ['GCE_METADATA_HOST']}")
        finally:
            os.environ.clear()
            os.environ.update(before)
            subprocess.run([*command, "stop", *home], check=True, capture_output=True)


def scenes(folder: Path, service: Service, name: str, count: int, bands: int, side: int) -> list[Path]:
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
        service.add(f"{ROOT}/{name}/s{number}", paths[-1])
    return paths


def pixels(image: ee.Image, side: int, column: int = 0) -> Any:
    """A square of an image."""
    transform = {"scaleX": SIDE, "scaleY": -SIDE, "translateX": LEFT + SIDE * column, "translateY": TOP}
    grid = {"dimensions": {"width": side, "height": side}, "affineTransform": transform, "crsCode": CRS}
    return ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid})


def read(path: Path, side: int) -> Any:
    """All bands of a square of a file."""
    with rasterio.open(path) as source:
        return source.read(window=Window(0, 0, side, side))


def median_by_hand(paths: list[Path], side: int) -> Any:
    """The median of what is not 0: files and bands in parallel, by sorting, and counts of what is valid."""
    with ThreadPoolExecutor(CORES) as pool:
        stack = np.stack(list(pool.map(lambda path: read(path, side), paths)), axis=1)
        return np.stack(list(pool.map(_masked_median, stack)))


def _masked_median(stack: Any) -> Any:
    # Masked pixels are 0 and sort to the front: the valid ones lie behind them.
    masked = (stack == 0).sum(axis=0)
    valid = len(stack) - masked
    stack = np.sort(stack, axis=0)
    low = np.take_along_axis(stack, np.minimum(masked + (valid - 1) // 2, len(stack) - 1)[None], axis=0)[0]
    high = np.take_along_axis(stack, np.minimum(masked + valid // 2, len(stack) - 1)[None], axis=0)[0]
    return (low.astype("float64") + high) / 2


def points_by_hand(path: Path, points: list[tuple[float, float]]) -> Any:
    """Values of a file at places in longitude and latitude, by one window around them."""
    x, y = pyproj.Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(*zip(*points, strict=True))
    with rasterio.open(path) as source:
        columns, rows = (np.floor(place).astype(int) for place in ~source.transform @ (np.array(x), np.array(y)))
        top, left = rows.min(), columns.min()
        values = source.read(window=Window(left, top, np.ptp(columns) + 1, np.ptp(rows) + 1))
    found = values[:, rows - top, columns - left]
    return found[:, (found > 0).all(axis=0)].T.tolist()


def stratified_by_hand(path: Path, classes: int, each: int) -> Any:
    """So many random pixels of each class of the first band."""
    generator = np.random.default_rng(0)
    with rasterio.open(path) as source:
        values = source.read()
    valid = (values > 0).all(axis=0)
    labels = values[0] % classes
    chosen = [generator.choice(np.flatnonzero((labels == k) & valid), each, replace=False) for k in range(classes)]
    return values.reshape(len(values), -1)[:, np.concatenate(chosen)].T


def tile_by_hand(path: Path, bounds: tuple[float, float, float, float]) -> bytes:
    """Three bands in Web Mercator, as a picture's bytes with transparency."""
    west, _, east, north = bounds
    size = (east - west) / 256
    transform = Affine(size, 0, west, 0, -size, north)
    grid = {"crs": "EPSG:3857", "transform": transform, "width": 256, "height": 256}
    with rasterio.open(path) as source, WarpedVRT(source, **grid) as warped:
        values, mask = warped.read([1, 2, 3]), warped.dataset_mask()
    colors = np.clip(values * np.float32(255 / 10_000), 0, 255).astype("uint8")
    profile = {"driver": "PNG", "height": 256, "width": 256, "count": 4, "dtype": "uint8", "transform": transform}
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as sink:
            sink.write(np.concatenate([colors, mask[None]]))
        return bytes(memory.read())


def seconds(call: Callable[[], Any]) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def compared(service: Service, work: Workload) -> list[Figure]:
    """Times of a computation, in turns with the same by hand."""
    first = seconds(work.request), seconds(work.by_hand)
    whole, inside, by_hand = [], [], []
    for _ in range(ROUNDS):
        whole.append(seconds(work.request))
        by_hand.append(seconds(work.by_hand))
        inside.append(service.seconds(work.request))
    figures = [
        Figure(work.name, min(whole), BY_HAND, min(by_hand), "s"),
        Figure("  the service's share", min(inside), BY_HAND, min(by_hand), "s"),
    ]
    return [*figures, Figure("  first", first[0], BY_HAND, first[1], "s")] if work.large else figures


def workloads(few: list[Path], many: list[Path]) -> list[Workload]:
    """What is measured."""
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
    return [
        Workload(
            "1024 x 1024 median of 4 scenes, 2 bands",
            lambda: pixels(median, 1_024),
            lambda: median_by_hand(few, 1_024),
            large=True,
        ),
        Workload(
            "512 x 512 composite of 20 scenes, 10 bands",
            lambda: pixels(composite, 512),
            lambda: median_by_hand(many, 512),
            large=True,
        ),
        Workload("90-point sampleRegions", sampled.getInfo, lambda: points_by_hand(many[0], points)),
        Workload(
            "5,000-point stratifiedSample, counted",
            strata.size().getInfo,
            lambda: len(stratified_by_hand(many[0], 5, 1_000)),
        ),
        Workload(
            "5,000-point stratifiedSample, all features",
            strata.getInfo,
            lambda: stratified_by_hand(many[0], 5, 1_000).tolist(),
        ),
        Workload(
            "256-pixel map tile",
            lambda: fetcher.fetch_tile(column, row, zoom),
            lambda: tile_by_hand(many[0], bounds),
        ),
    ]


def measure() -> list[Figure]:
    """Times of the sandbox over those by hand, and of many requests at a time over one."""
    with sandbox() as (folder, service):
        few = scenes(folder, service, "few", 4, 2, 1_100)
        many = scenes(folder, service, "many", 20, 10, 600)
        figures = [figure for work in workloads(few, many) for figure in compared(service, work)]
        nothing = ee.Number(1).getInfo
        nothing()
        whole = min(seconds(nothing) for _ in range(3 * ROUNDS))
        inside = min(service.seconds(nothing) for _ in range(3 * ROUNDS))
        figures.append(Figure("request of a number", whole, "the service's share", inside, "s"))
        ee.Reset()
        return [*figures, *_throughput(service)]


_CLIENT = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
import ee
from google.auth.credentials import AnonymousCredentials
from benchmarks.earthengine import ROOT, pixels

ee.Initialize(AnonymousCredentials(), project="sandbox")
image, threads, requests = ee.Image(f"{ROOT}/many/s0"), int(sys.argv[1]), int(sys.argv[2])
with ThreadPoolExecutor(threads) as pool:
    list(pool.map(lambda place: pixels(image, 128, 3 * place), range(threads)))
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.time()
    list(pool.map(lambda place: pixels(image, 128, 3 * (place % 40)), range(requests)))
    print(begun, time.time(), flush=True)
"""


def _throughput(service: Service) -> list[Figure]:
    """Requests a second and core at 40 at a time, beside one at a time; clients are processes, one for each core.

    On a machine that others use, processes that wait for it are told by the second figure: the processor time of a
    request, which grows where threads are in each other's way.
    """
    alone = [_rate(service, 1, 1, 80) for _ in range(3)]
    together = [_rate(service, CORES, 40 // CORES, 240) for _ in range(3)]
    name, beside = "40 concurrent computePixels, per core", "one at a time"
    rates = max(rate for rate, _ in together) / CORES, max(rate for rate, _ in alone)
    times = min(spent for _, spent in together), min(spent for _, spent in alone)
    return [
        Figure(name, rates[0], beside, rates[1], "requests/s"),
        Figure("  the service's processor time each", times[0], beside, times[1], "s"),
    ]


def _rate(service: Service, clients: int, threads: int, requests: int) -> tuple[float, float]:
    """Requests a second of several clients, once their connections are open; and the service's time for each."""
    command = [sys.executable, "-c", _CLIENT, str(threads), str(requests // clients)]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(clients)]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    before = service.processor_seconds()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    times = [[float(word) for word in process.communicate()[0].split()] for process in running]
    spent = service.processor_seconds() - before
    return requests / (max(end for _, end in times) - min(begun for begun, _ in times)), spent / requests


if __name__ == "__main__":
    for figure in measure():
        print(
            f"{figure.name:<48} {figure.value:8.4f} {figure.reference:8.4f} {figure.unit:<10} ratio {figure.ratio:.2f}"
        )
