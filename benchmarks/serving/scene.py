"""A whole scene through Earth Engine's predictImage in the sandbox, beside the same model called on the same array.

What the map takes is parted by the same work done with less and less around it: tiles through the server without Earth
Engine, tiles without the server, and the array as one, without tiles.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ee
import numpy as np
import rasterio
from google.cloud import aiplatform, storage
from rasterio.transform import Affine

from benchmarks.measurements import Measurement
from benchmarks.sandbox import sandbox
from benchmarks.serving import processes
from benchmarks.serving import tiles as tiles_of
from benchmarks.serving.prepared import SIZES, prepare
from benchmarks.serving.processes import Worker
from earthline.earth_engine import ee_model
from earthline.formats.served.contract import Contract
from earthline.grid import Grid

ASSET = "projects/sandbox/assets/scene"
BUCKET = "earthline-sandbox"
CRS, LEFT, TOP, SCALE = "EPSG:32617", 600_000, 4_000_000, 30
CONCURRENCY = 8
TILES_A_SIDE = 4
"""Tiles of a request for pixels along each side, as predict_map asks."""


def measure(*, rounds: int = 3, tiles: tuple[int, int] = (11, 20), name: str = "quickstart") -> list[Measurement]:
    """The map and its parts.

    Args:
        rounds: How often each is measured; the median counts.
        tiles: Of the scene, along its height and its width.
        name: Model of `prepared.SIZES`, which answers the class alone.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "model")
        prepare(folder, name)
        contract = Contract.read(folder)
        rows, columns = contract.tile_shape
        shape = tiles[0] * rows, tiles[1] * columns
        with Worker("benchmarks.serving.in_process", str(folder), "chosen") as runtime:
            sent = tuple(side + more for side, more in zip(contract.tile_shape, contract.overlap, strict=True))
            each = [runtime(scene=shape) for _ in range(rounds + 1)][1:]
            classes = np.load(folder / "scene.npy")
            runtime(shape=sent, write=True)
        with (
            processes.product(folder, Path(place, "server.log")) as server,
            Worker("benchmarks.serving.load", str(folder)) as generator,
        ):
            load = {"host": "127.0.0.1", "port": server.port, "path": server.path, "concurrency": CONCURRENCY}
            told_all = [generator(**load, seconds=3) for _ in range(rounds + 1)][1:]
            served = [tiles[0] * tiles[1] / (len(told["latencies"]) / told["seconds"]) for told in told_all]
        mapped, found = _through_earth_engine(folder, contract, shape, rounds)
    own, tile, worked = (statistics.median(times[way] for times in each) for way in ("one", "tiles", "tiles_processor"))
    wall, wire = statistics.median(each.seconds for each in mapped), statistics.median(served)
    spent = {way: statistics.median(getattr(each, way) for each in mapped) for way in ("server", "sandbox")}
    pixels = f"{shape[0] * shape[1] / 1e6:.1f} Mpx, {SIZES[name].told}"
    share = "share of the map's time"
    return [
        Measurement(f"{pixels}: the map through predictImage", wall, "the array in process", own, "s"),
        Measurement("  model: the array in process", own, share, wall, "s"),
        Measurement("  tiling: as tiles with their overlap", tile - own, share, wall, "s"),
        Measurement("  wire: through the server", wire - tile, share, wall, "s"),
        Measurement("  Earth Engine: pixels, requests, the map", wall - wire, share, wall, "s"),
        Measurement("  processor time of the server", spent["server"], "of the tiles in process", worked, "s"),
        Measurement("  processor time of the sandbox", spent["sandbox"], "of the tiles in process", worked, "s"),
        Measurement("  pixels of the same class as in process", float((found == classes).mean()), "all", 1, ""),
    ]


@dataclass(frozen=True)
class _Map:
    """What a map took.

    Attributes:
        seconds: By the clock.
        sandbox: Processor seconds of the sandbox: Earth Engine, and Vertex AI between it and the server.
        server: Processor seconds of the server behind it.
    """

    seconds: float
    sandbox: float
    server: float


def _through_earth_engine(
    folder: Path, contract: Contract, shape: tuple[int, int], rounds: int
) -> tuple[list[_Map], np.ndarray[Any, Any]]:
    """What each map took, and the classes of the last."""
    with sandbox() as (place, service):
        path = place / "scene.tif"
        profile = {"driver": "GTiff", "count": len(contract.bands), "dtype": "uint8", "tiled": True}
        profile |= {"height": shape[0], "width": shape[1], "blockxsize": 256, "blockysize": 256}
        transform = Affine(SCALE, 0, LEFT, 0, -SCALE, TOP)
        with rasterio.open(path, "w", crs=CRS, transform=transform, **profile) as sink:
            sink.write(tiles_of.scene(len(contract.bands), shape))
        service.add(ASSET, path)
        endpoint = _deployed(folder)
        image = ee.Image(ASSET).rename(list(contract.bands)).toFloat()
        image = image.addBands(image.select([0]).multiply(0).add(1).rename(contract.valid))
        rows, columns = contract.tile_shape
        (output,) = contract.outputs
        # As register_ee_model describes it: bands travel in the contract's types.
        model = ee_model.build(ee_model.arguments(endpoint, contract, Grid(CRS, tuple(transform)[:6], shape)))
        given = model.predictImage(image).select([output.name])
        found = np.zeros(shape, np.uint8)
        ask = _asking(given, output.name, (rows * TILES_A_SIDE, columns * TILES_A_SIDE), found)
        times: list[_Map] = []
        for turn in range(rounds + 1):
            begun, spent = time.perf_counter(), service.processor_seconds_by_process()
            ask()
            seconds, after = time.perf_counter() - begun, service.processor_seconds_by_process()
            if turn:
                times.append(_Map(seconds, *(now - before for now, before in zip(after, spent, strict=True))))
    return times, found


def _asking(image: Any, band: str, block: tuple[int, int], found: np.ndarray[Any, Any]) -> Callable[[], None]:
    """What fetches all pixels into an array, so many requests at once."""
    corners = [
        (row, column) for row in range(0, found.shape[0], block[0]) for column in range(0, found.shape[1], block[1])
    ]

    def fetch(corner: tuple[int, int]) -> None:
        row, column = corner
        height, width = min(block[0], found.shape[0] - row), min(block[1], found.shape[1] - column)
        grid = {
            "dimensions": {"width": width, "height": height},
            "affineTransform": {
                "scaleX": SCALE,
                "scaleY": -SCALE,
                "translateX": LEFT + SCALE * column,
                "translateY": TOP - SCALE * row,
            },
            "crsCode": CRS,
        }
        pixels = ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid})
        found[row : row + height, column : column + width] = pixels[band]

    def ask() -> None:
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            list(pool.map(fetch, corners))

    return ask


def _deployed(folder: Path) -> str:
    """The endpoint of the model, made by Google's own clients."""
    bucket = storage.Client(project="sandbox").bucket(BUCKET)
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.blob(f"benchmark/{path.relative_to(folder)}").upload_from_filename(str(path))
    aiplatform.init(project="sandbox", location="us-central1", api_transport="rest")
    model = aiplatform.Model.upload(
        display_name="benchmark",
        artifact_uri=f"gs://{BUCKET}/benchmark",
        serving_container_image_uri="earthline:0.1.0",
        serving_container_command=["python3", "-m", "serving"],
        serving_container_ports=[8080],
        serving_container_predict_route="/predict",
        serving_container_health_route="/health",
    )
    name: str = model.deploy(machine_type="n1-standard-4").resource_name
    return name
