"""What the sandbox's Earth Engine costs: over the wire with the real client, beside NumPy and rasterio by hand.

Each computation has two rows. The first is the whole request as a client sees it: its own serialization, the proxy,
TLS, the service, the answer's way back and its parsing. The second is the service's share of it, by its own request
log; what lies between the two belongs to the client and to the wire. By hand, files are opened, read and closed by each
call, and all cores are used where there is much to read; the service keeps decoded blocks, so both rows are of warm
caches. The rows named `first` are of the very first request instead. Here and there the least of several turns counts:
on a machine that others use, that is the one that repeats.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import ee
import numpy as np
import pyproj
import rasterio
from rasterio.transform import Affine

from benchmarks import by_hand
from benchmarks.measurements import Measurement
from benchmarks.sandbox import Service, sandbox

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


def seconds(call: Callable[[], Any]) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def compared(service: Service, work: Workload) -> list[Measurement]:
    """Times of a computation, in turns with the same by hand."""
    first = seconds(work.request), seconds(work.by_hand)
    whole, inside, hand = [], [], []
    for _ in range(ROUNDS):
        whole.append(seconds(work.request))
        hand.append(seconds(work.by_hand))
        inside.append(service.seconds(work.request))
    measurements = [
        Measurement(work.name, min(whole), BY_HAND, min(hand), "s"),
        Measurement("  the service's share", min(inside), BY_HAND, min(hand), "s"),
    ]
    return [*measurements, Measurement("  first", first[0], BY_HAND, first[1], "s")] if work.large else measurements


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
            lambda: by_hand.median(few, 1_024),
            large=True,
        ),
        Workload(
            "512 x 512 composite of 20 scenes, 10 bands",
            lambda: pixels(composite, 512),
            lambda: by_hand.median(many, 512),
            large=True,
        ),
        Workload("90-point sampleRegions", sampled.getInfo, lambda: by_hand.points(many[0], CRS, points)),
        Workload(
            "5,000-point stratifiedSample, counted",
            strata.size().getInfo,
            lambda: len(by_hand.stratified(many[0], 5, 1_000)),
        ),
        Workload(
            "5,000-point stratifiedSample, all features",
            strata.getInfo,
            lambda: by_hand.stratified(many[0], 5, 1_000).tolist(),
        ),
        Workload(
            "256-pixel map tile",
            lambda: fetcher.fetch_tile(column, row, zoom),
            lambda: by_hand.tile(many[0], bounds),
        ),
    ]


def measure() -> list[Measurement]:
    """Times of the sandbox over those by hand, and of many requests at a time over one."""
    with sandbox() as (folder, service):
        few = scenes(folder, service, "few", 4, 2, 1_100)
        many = scenes(folder, service, "many", 20, 10, 600)
        measurements = [measurement for work in workloads(few, many) for measurement in compared(service, work)]
        nothing = ee.Number(1).getInfo
        nothing()
        whole = min(seconds(nothing) for _ in range(3 * ROUNDS))
        inside = min(service.seconds(nothing) for _ in range(3 * ROUNDS))
        measurements.append(Measurement("request of a number", whole, "the service's share", inside, "s"))
        ee.Reset()
        return [*measurements, *_throughput(service)]


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


def _throughput(service: Service) -> list[Measurement]:
    """Requests a second and core at 40 at a time, beside one at a time; clients are processes, one for each core.

    On a machine that others use the second row says more: the processor time of a request, which grows where threads
    are in each other's way and not where they wait for a processor.
    """
    alone = [_rate(service, 1, 1, 80) for _ in range(3)]
    together = [_rate(service, CORES, 40 // CORES, 240) for _ in range(3)]
    name, beside = "40 concurrent computePixels, per core", "one at a time"
    rates = max(rate for rate, _ in together) / CORES, max(rate for rate, _ in alone)
    times = min(spent for _, spent in together), min(spent for _, spent in alone)
    return [
        Measurement(name, rates[0], beside, rates[1], "requests/s"),
        Measurement("  the service's processor time each", times[0], beside, times[1], "s"),
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
