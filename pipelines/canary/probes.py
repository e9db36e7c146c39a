"""Tests how Earth Engine calls an endpoint where the documents leave it open, by a model that answers with shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ee
import numpy as np
from google.cloud import aiplatform

from earthline.config import Config
from earthline.earth_engine import ee_model
from earthline.earth_engine.pixels import fetch
from earthline.earth_engine.retry import PixelsError, ask
from earthline.grid import Grid

COMMAND = ("python3", "-m", "serving.echo")
LENGTH, OUTPUT, SMALL, BYTE = "length", "shape", "byte", 200
"""Band and outputs of `serving.echo`, and the value of the second one."""
MACHINE = "n1-standard-2"
TILE, OVERLAP = 32, 8
"""Pixels of the side of the tile that shows what overlap means, and of its overlap."""
LARGE_TILE = 96
"""Pixels of the side of the tiles that show how much is taken: a float32 band of one has 49,152 bytes in base64."""
BANDS = (28, 31, 34, 40, 110, 215)
"""Bands of a request, or numbers of an answer's pixel: 1.4, 1.5, 1.7, 2.0, 5.4 and 10.6 MB."""
MOST_PAYLOAD_BYTES = 5_242_880
"""Said to be the most that `maxPayloadBytes` takes (github.com/nasaharvest/presto); above what is tried on purpose."""
ATTEMPTS = 3
_BAND_BYTES = LARGE_TILE * LARGE_TILE * 4 * 4 // 3
_PATCH = (4, 4)


@dataclass(frozen=True)
class Answer:
    """The answer to a question.

    Attributes:
        question: In a few words.
        answer: A value that a program can read; None where it is still not known.
        detail: What was seen, in a sentence.
    """

    question: str
    answer: str | int | bool | None
    detail: str


def deploy(config: Config, name: str, *, dedicated: bool) -> str:
    """Puts the model that answers shapes on an endpoint; takes minutes.

    Args:
        config: Has image, project and labels; `earthline.vertex.connection.connect` comes first.
        name: Display name of endpoint and model.
        dedicated: Whether the endpoint is one with a host name of its own.

    Returns:
        Resource name of the endpoint.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Vertex AI refuses it.
    """
    model = aiplatform.Model.upload(
        display_name=name,
        serving_container_image_uri=config.environment.image,
        serving_container_command=list(COMMAND),
        serving_container_ports=[8080],
        serving_container_predict_route="/predict",
        serving_container_health_route="/health",
        labels=config.environment.resource_labels,
    )
    endpoint = aiplatform.Endpoint.create(
        display_name=name, labels=config.environment.resource_labels, dedicated_endpoint_enabled=dedicated
    )
    endpoint.deploy(model, machine_type=MACHINE, min_replica_count=1, max_replica_count=1)
    return str(endpoint.resource_name)


def shared(endpoint: str, grid: Grid) -> list[Answer]:
    """What an ordinary endpoint shows.

    Args:
        endpoint: Its resource name.
        grid: Of the workflow's region; the middle of it is asked for.
    """
    return [
        _overlap(endpoint, grid),
        _input_bands(endpoint, grid),
        _bytes(endpoint, grid),
        _types(endpoint, grid),
        _largest("largest request", endpoint, grid, [(bands, 2) for bands in BANDS]),
        _largest("largest answer", endpoint, grid, [(1, length) for length in BANDS]),
    ]


def dedicated(endpoint: str, grid: Grid) -> Answer:
    """Whether Earth Engine reaches a dedicated endpoint.

    Args:
        endpoint: Its resource name.
        grid: As `shared`.
    """
    question = "dedicated endpoint"
    try:
        _shape_sent(endpoint, grid, TILE, OVERLAP)
    except PixelsError as error:
        return Answer(question, False, f"Earth Engine did not reach it: {error}")
    return Answer(question, True, "Earth Engine reached it")


def _overlap(endpoint: str, grid: Grid) -> Answer:
    question = "inputOverlapSize"
    try:
        height, width = _shape_sent(endpoint, grid, TILE, OVERLAP)
    except PixelsError as error:
        return Answer(question, None, f"not known: {error}")
    said = f"a tile of {TILE} px with overlap {OVERLAP} arrived as {height} x {width} px"
    meanings = {TILE + OVERLAP: "total", TILE + 2 * OVERLAP: "each edge"}
    if height == width and height in meanings:
        return Answer(question, meanings[height], f"{meanings[height]}: {said}")
    return Answer(question, None, f"neither the total nor at each edge: {said}")


def _input_bands(endpoint: str, grid: Grid) -> Answer:
    question = "bands of predictImage"
    predicted = _predicted(endpoint, grid, tile=TILE, overlap=OVERLAP)
    try:
        names: Sequence[str] = ask(predicted.bandNames().getInfo, ATTEMPTS, "names of the predicted bands")
    except PixelsError as error:
        return Answer(question, None, f"not known: {error}")
    kept = LENGTH in names
    return Answer(question, "merged" if kept else "alone", f"it gives {', '.join(names)}")


def _bytes(endpoint: str, grid: Grid) -> Answer:
    """Whether outputs of one byte arrive, which `serving.outputs` sends; the guide shows floats alone."""
    question = "outputs of uint8"
    kind = {"type": "PixelType", "precision": "uint8"}
    predicted = _predicted(endpoint, grid, tile=TILE, overlap=OVERLAP, length=1, outputs={SMALL: {"type": kind}})
    place = f"a tile of {TILE} px, one byte a pixel"
    try:
        found = fetch(predicted.select([SMALL]).unmask(0, False), _middle(grid), ATTEMPTS, place)[SMALL]
    except PixelsError as error:
        return Answer(question, False, f"write `type: float32` at each of serving.outputs: {error}")
    seen = sorted({int(value) for value in found.flat})
    if seen == [BYTE]:
        return Answer(question, True, "a class id travels in one byte")
    told = f"{BYTE} arrived as {', '.join(map(str, seen))}; write `type: float32` at each of serving.outputs"
    return Answer(question, False, told)


def _types(endpoint: str, grid: Grid) -> Answer:
    """How many bytes a band of 16 bits has on its way, which `serving.input_types: auto` counts on."""
    question = "inputs of uint16"
    kind = {"type": "PixelType", "precision": "uint16"}
    predicted = _predicted(endpoint, grid, tile=TILE, overlap=OVERLAP, length=3, inputs=kind)
    place = f"a tile of {TILE} px, a band of uint16"
    size = predicted.select([OUTPUT]).arrayGet([2]).rename(["size"]).unmask(0, False)
    try:
        found = int(fetch(size, _middle(grid), ATTEMPTS, place)["size"][0, 0])
    except PixelsError as error:
        return Answer(question, False, f"write `serving.input_types: float32`: {error}")
    if found == np.dtype("uint16").itemsize:
        return Answer(question, True, "a value of 16 bits travels in 2 bytes")
    return Answer(question, False, f"a value of 16 bits travels in {found} bytes; write `serving.input_types: float32`")


def _middle(grid: Grid) -> Grid:
    rows, columns = (side // 2 for side in grid.shape)
    return grid.window(rows, columns, _PATCH)


def _largest(question: str, endpoint: str, grid: Grid, tries: Sequence[tuple[int, int]]) -> Answer:
    """The largest of several requests, or answers, that gets through.

    Args:
        question: Which of the two.
        endpoint: Resource name.
        grid: As `shared`.
        tries: (bands of the request, numbers of a pixel of the answer), growing.
    """
    largest, refusal = 0, "nothing was refused"
    for bands, length in tries:
        size = _BAND_BYTES * max(bands, length)
        try:
            _shape_sent(endpoint, grid, LARGE_TILE, 0, bands=bands, length=length)
        except PixelsError as error:
            refusal = f"{size:,} bytes: {error}"
            break
        largest = size
    if not largest:
        return Answer(question, None, f"not known: {refusal}")
    return Answer(question, largest, f"{largest:,} bytes came through; {refusal}")


def _shape_sent(
    endpoint: str, grid: Grid, tile: int, overlap: int, *, bands: int = 1, length: int = 2
) -> tuple[int, int]:
    """(height, width) in pixels of what the endpoint got for the tile in the middle of a grid."""
    predicted = _predicted(endpoint, grid, tile=tile, overlap=overlap, bands=bands, length=length).select([OUTPUT])
    shape = ee.Image.cat([predicted.arrayGet([axis]).rename([name]) for axis, name in enumerate(("height", "width"))])
    place = f"a tile of {tile} px with overlap {overlap}, {bands} band(s), {length} number(s) a pixel"
    found = fetch(shape.unmask(0, False), _middle(grid), ATTEMPTS, place)
    return int(found["height"][0, 0]), int(found["width"][0, 0])


def _predicted(
    endpoint: str,
    grid: Grid,
    *,
    tile: int,
    overlap: int,
    bands: int = 1,
    length: int = 2,
    outputs: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Any:
    names = [LENGTH, *(f"band{number}" for number in range(1, bands))]
    real = {"type": "PixelType", "precision": "float"}
    described = {
        "endpoint": endpoint,
        "inputTypeOverride": dict.fromkeys(names, inputs or real),
        "proj": {"crs": grid.crs, "transform": list(grid.transform)},
        "fixInputProj": True,
        "inputTileSize": [tile, tile],
        "inputOverlapSize": [overlap, overlap],
        "outputBands": outputs or {OUTPUT: {"type": real, "dimensions": 1}},
        **({"outputMultiplier": length / bands} if length > bands else {}),
        "maxPayloadBytes": MOST_PAYLOAD_BYTES,
        "payloadFormat": "SERIALIZED_TF_TENSORS",
    }
    image = ee.Image.constant([length, *([0] * (bands - 1))]).rename(names).toFloat()
    return ee_model.build(described).predictImage(image)
