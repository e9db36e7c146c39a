"""How many threads share the work, how it ends, and what it costs."""

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import ee
import httplib2
import numpy as np
import pytest
from googleapiclient.errors import HttpError

from earthline.earth_engine import retry
from earthline.earth_engine.pixels import fetch, stream
from earthline.earth_engine.retry import PixelsError, RefusedError, TooHeavyError
from earthline.grid import Grid


def test_no_more_than_asked_are_under_way_and_items_are_taken_as_needed():
    lock, taken, busy, most = threading.Lock(), [], [0], [0]

    def items():
        for item in range(40):
            taken.append(item)
            yield item

    def work(item):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.002)
        with lock:
            busy[0] -= 1
        return item * item

    with ThreadPoolExecutor(4) as pool:
        results = stream(pool, work, items(), 6)
        first = next(results)
        assert first == (first[0], first[0] ** 2)
        assert len(taken) <= 6
        rest = dict(results)
    assert {first[0], *rest} == set(range(40))
    assert most[0] == 4


def test_the_first_error_ends_the_work():
    def work(item):
        if item == 3:
            raise PixelsError("no")
        return item

    with ThreadPoolExecutor(2) as pool, pytest.raises(PixelsError):
        list(stream(pool, work, range(1000), 4))


def npy(pixels):
    """Pixels of one band as Earth Engine sends them."""
    sent = io.BytesIO()
    np.save(sent, pixels.astype("int32").view([("b", "int32")]).reshape(pixels.shape))
    return sent.getvalue()


def refused(message):
    """An error as the Earth Engine client raises it."""
    answer = httplib2.Response({"status": 400})
    try:
        raise HttpError(answer, b'{"error": {"message": "%s"}}' % message.encode())
    except HttpError:
        raise ee.EEException(message)  # noqa: B904  # as the client does it, without `from`


GRID = Grid("EPSG:32617", (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0), (40, 50))
WHOLE = np.arange(40 * 50).reshape(40, 50)


class Served:
    """Stands for `ee.data.computePixels`: serves a raster, but no window of more than so many pixels."""

    def __init__(self, monkeypatch, most, message="User memory limit exceeded."):
        self.shapes, self.most, self.message = [], most, message
        monkeypatch.setattr(ee.data, "computePixels", self.compute)

    def compute(self, request):
        width, height = request["grid"]["dimensions"]["width"], request["grid"]["dimensions"]["height"]
        self.shapes.append((height, width))
        if height * width > self.most:
            refused(self.message)
        placed = request["grid"]["affineTransform"]
        row, column = round((4_000_000 - placed["translateY"]) / 30), round((placed["translateX"] - 600_000) / 30)
        return npy(WHOLE[row : row + height, column : column + width])


class Image(ee.encodable.Encodable):
    def encode_cloud_value(self, _):
        return {"constantValue": 1}


def test_each_request_is_told_those_that_are_repeated_too(monkeypatch):
    whole = npy(np.zeros((2, 3)))
    answers = [ConnectionError(), TimeoutError(), whole[:-1], npy(np.zeros((3, 2))), b"PK", whole]

    def compute(request):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(ee.data, "computePixels", compute)
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.001)
    requests = []
    grid = Grid("EPSG:32617", (30.0, 0.0, 0.0, 0.0, -30.0, 0.0), (2, 3))
    pixels = fetch(None, grid, 6, "patch", requested=lambda: requests.append(None))
    assert pixels.shape == (2, 3) and len(requests) == 6


def test_what_is_too_heavy_is_halved_and_stitched_and_later_windows_begin_with_what_worked(monkeypatch):
    served, image, told = Served(monkeypatch, 600), Image(), []
    found = fetch(image, GRID, 3, "tile", requested=lambda: told.append(None))
    assert np.array_equal(found["b"], WHOLE) and found["b"].flags.writeable
    # Each size that is too large is found out once, and no smaller one is asked for than is needed.
    assert [shape for shape in served.shapes if shape[0] * shape[1] > 600] == [(40, 50), (40, 25)]
    assert {shape for shape in served.shapes if shape[0] * shape[1] <= 600} == {(20, 25)}
    assert len(told) == len(served.shapes) == 6
    served.shapes.clear()
    assert np.array_equal(fetch(image, GRID, 3, "tile")["b"], WHOLE)
    assert served.shapes == [(20, 25)] * 4


def test_a_size_that_mostly_works_is_not_given_up_for_one_failure(monkeypatch):
    served, image = Served(monkeypatch, 3_000), Image()
    for _ in range(2):
        fetch(image, GRID, 3, "tile")
    served.most = 1_999
    fetch(image, GRID, 3, "tile")
    served.most = 3_000
    served.shapes.clear()
    fetch(image, GRID, 3, "tile")
    assert served.shapes == [(40, 50)]


def test_a_heavy_size_is_tried_again_now_and_then(monkeypatch):
    served, image = Served(monkeypatch, 1_999), Image()
    fetch(image, GRID, 3, "tile")
    served.most = 3_000
    served.shapes.clear()
    for _ in range(20):
        fetch(image, GRID, 3, "tile")
    assert served.shapes[-1] == (40, 50)
    served.shapes.clear()
    fetch(image, GRID, 3, "tile")
    assert served.shapes == [(40, 50)]


def test_what_is_too_heavy_even_for_a_few_pixels_says_so(monkeypatch):
    served = Served(monkeypatch, 0, "Computation timed out.")
    with pytest.raises(TooHeavyError, match=r"tile: .*timed out.*shorter date range"):
        fetch(Image(), GRID, 3, "tile")
    # The last size twice, since so little may have met a bad moment.
    assert served.shapes[-1] == served.shapes[-2] and len(served.shapes) <= 9


def test_a_place_that_is_too_heavy_for_any_size_teaches_nothing_of_other_places(monkeypatch):
    served, image = Served(monkeypatch, 0), Image()
    for _ in range(3):
        with pytest.raises(TooHeavyError):
            fetch(image, GRID, 3, "tile")
    served.most = 3_000
    served.shapes.clear()
    assert np.array_equal(fetch(image, GRID, 3, "tile")["b"], WHOLE)
    assert served.shapes == [(40, 50)]


def test_a_wrong_request_is_made_once(monkeypatch):
    served = Served(monkeypatch, 0, "Image.select: Band pattern 'B9' did not match any bands.")
    with pytest.raises(RefusedError, match="name bands that every image"):
        fetch(Image(), GRID, 6, "tile")
    assert served.shapes == [(40, 50)]


def test_an_expression_is_encoded_once_and_stays_the_same(monkeypatch):
    encoded, image = [], Image()
    monkeypatch.setattr(image, "encode_cloud_value", lambda _: encoded.append(1) or {"constantValue": 1})
    expressions = []
    monkeypatch.setattr(
        ee.data,
        "computePixels",
        lambda request: expressions.append(ee.serializer.encode(request["expression"])) or npy(WHOLE),
    )
    for _ in range(3):
        fetch(image, GRID, 1, "tile")
    assert len(encoded) == 1
    assert expressions == [ee.serializer.encode(Image())] * 3


EXPRESSIONS = """
import ee
from earthline.earth_engine.connection import connect
from earthline.earth_engine.expressions import encoded

connect("sandbox")
days = ee.ImageCollection([ee.Image(1), ee.Image(2).clip(ee.Geometry.BBox(1, 2, 3, 4))])
inner = lambda image: days.map(lambda other: other.add(image).rename("sum")).mosaic()
composite = days.map(inner).map(inner).median().addBands(days.first().multiply(0.5)).set("key", {"a": [1, None, "b"]})
for image in (ee.Image(1), composite, days.mean().updateMask(composite.select(0).gt(1))):
    assert ee.serializer.encode(image) == ee.serializer.encode(encoded(image)) == ee.serializer.encode(encoded(image))
"""


def test_expressions_of_all_kinds_stay_the_same(sandbox):
    sandbox.python(EXPRESSIONS)


LIMITED = """
import os
import numpy as np
from earthline.config import load
from earthline.earth_engine import connection, imagery
from earthline.earth_engine.pixels import fetch
from pathlib import Path

data = load(Path(os.environ["CONFIG"])).data
connection.connect("sandbox")
grid = imagery.grid(data).window(50, 60, (90, 110))
requests = []
found = fetch(imagery.image(data).unmask(0, False), grid, 3, "window", lambda: requests.append(1))
np.save(os.environ["OUTPUT"], found)
print(len(requests))
"""


def test_windows_beyond_earth_engines_limits_are_the_same_pixels(clean_sandbox, request, tmp_path):
    clean_sandbox.command("seed", "north_carolina")
    config = str(request.config.rootpath / "configs" / "quickstart.yaml")
    assert int(clean_sandbox.python(LIMITED, CONFIG=config, OUTPUT=str(tmp_path / "whole.npy"))) == 1
    try:
        clean_sandbox.command("limits", "pixels_bytes=40000", "pixels_side=100")
        assert int(clean_sandbox.python(LIMITED, CONFIG=config, OUTPUT=str(tmp_path / "parts.npy"))) > 4
    finally:
        clean_sandbox.command("limits", "pixels_bytes=50331648", "pixels_side=32768")
    whole, parts = np.load(tmp_path / "whole.npy"), np.load(tmp_path / "parts.npy")
    assert whole.shape == (90, 110) and len(np.unique(whole[whole.dtype.names[0]])) > 9
    assert whole.dtype == parts.dtype and np.array_equal(whole, parts)
