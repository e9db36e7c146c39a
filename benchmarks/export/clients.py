"""Ways to fetch many patches of Earth Engine: the product's, and usual ones, each by the unmodified client.

`python -m benchmarks.export.clients` reads its task as JSON and tells when each patch arrived.
"""

import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ee
import numpy as np

from benchmarks.export.quota_server import LEFT, SCALE, TOP, value
from earthline.earth_engine import connection
from earthline.earth_engine.pixels import fetch, stream
from earthline.earth_engine.retry import PixelsError
from earthline.grid import Grid

Place = tuple[int, int]
"""Row and column of a patch's first pixel."""
GRID = Grid("EPSG:32617", (SCALE, 0.0, LEFT, 0.0, -SCALE, TOP), (10**6, 10**6))
SIDE = 64
FURTHER_THREADS = 0.25
"""As `components.export_examples` has it: threads beside those whose requests are under way, in parts of these."""


def plain(place: Place) -> np.ndarray[Any, Any]:
    """A patch by the client alone."""
    grid = GRID.window(*place, (SIDE, SIDE)).to_request()
    found: np.ndarray[Any, Any] = ee.data.computePixels(
        {"expression": ee.Image(1), "fileFormat": "NUMPY_NDARRAY", "grid": grid}
    )
    return found


def decorated(place: Place) -> np.ndarray[Any, Any]:
    """A patch by the client, tried again after any error, as Google's own notebooks do it."""
    from google.api_core.retry import Retry, if_exception_type

    again = Retry(if_exception_type(Exception), initial=1.0, maximum=60.0, multiplier=2.0, timeout=600.0)
    found: np.ndarray[Any, Any] = again(plain)(place)
    return found


def serial(places: Iterable[Place], arrived: Callable[[Place, Any], None]) -> None:
    """One after the other."""
    for place in places:
        arrived(place, plain(place))


def pool(places: Iterable[Place], arrived: Callable[[Place, Any], None], threads: int) -> None:
    """Many threads with a retry decorator."""
    with ThreadPoolExecutor(threads) as executor:
        list(executor.map(lambda place: arrived(place, decorated(place)), places))


def beam(places: Sequence[Place], arrived: Callable[[Place, Any, float], None]) -> None:
    """A Beam pipeline that makes one call for each element."""
    import apache_beam
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    # What a pipeline runs is a copy: it cannot add to a list that this function sees.
    with tempfile.TemporaryDirectory() as folder:

        def note(place: Place, found: Any) -> None:
            with open(f"{folder}/{place[0]}_{place[1]}.npy", "wb") as sink:
                np.save(sink, found)

        with apache_beam.Pipeline(runner=FnApiRunner()) as pipeline:
            elements = pipeline | apache_beam.Create(list(places))
            _ = elements | apache_beam.Map(lambda place: (place, decorated(place))) | apache_beam.MapTuple(note)
        for place in places:
            written = f"{folder}/{place[0]}_{place[1]}.npy"
            arrived(place, np.load(written), os.path.getmtime(written))


def product(places: Iterable[Place], arrived: Callable[[Place, Any], None], share: int) -> list[str]:
    """The way of `export_examples`: threads before the door; tells which patches did not come."""
    image, lost = ee.Image(1), []

    def one(place: Place) -> np.ndarray[Any, Any] | PixelsError:
        try:
            return fetch(image, GRID.window(*place, (SIDE, SIDE)), 6, f"patch at row {place[0]}, column {place[1]}")
        except PixelsError as error:
            return error

    threads = share + max(1, round(FURTHER_THREADS * share))
    with ThreadPoolExecutor(threads) as executor:
        for place, found in stream(executor, one, places, 2 * threads):
            if isinstance(found, PixelsError):
                lost.append(str(found))
            else:
                arrived(place, found)
    return lost


def main() -> None:
    """Connects, says so, waits for a line, fetches, and tells how it went."""
    task = json.loads(sys.stdin.readline())
    way, share = task["way"], task["share"]
    if way == "product":
        connection.HIGH_VOLUME = task["url"]
        connection.connect("sandbox", share, task["per_second"])
    else:
        from google.auth.credentials import AnonymousCredentials

        ee.Initialize(AnonymousCredentials(), project="sandbox", url=task["url"])
    times: list[float] = []
    which: list[Place] = []
    wrong: list[Place] = []
    places = [tuple(place) for place in task["places"]]

    def arrived(place: Place, found: Any, when: float | None = None) -> None:
        times.append(time.time() if when is None else when)
        which.append(place)
        if not np.array_equal(found["b"], value(*place, (SIDE, SIDE))):
            wrong.append(place)

    ways: dict[str, Callable[..., list[str] | None]] = {
        "serial": serial,
        "pool": functools.partial(pool, threads=share),
        "beam": beam,
        "product": functools.partial(product, share=share),
    }
    print("ready", flush=True)
    sys.stdin.readline()
    begun, lost, error = time.time(), [], ""
    try:
        lost = ways[way](places, arrived) or []
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"
    print(
        json.dumps({"begun": begun, "times": times, "which": which, "wrong": wrong, "lost": lost, "error": error}),
        flush=True,
    )


if __name__ == "__main__":
    main()
