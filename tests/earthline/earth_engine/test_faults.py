"""Requests over the real wire: what passes the door, and what becomes of faults."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

BEGIN = """
import json, os
from concurrent.futures import ThreadPoolExecutor
import ee
import numpy as np
from earthline.earth_engine import retry
from earthline.earth_engine.connection import connect
from earthline.earth_engine.pixels import fetch
from earthline.grid import Grid

connect("sandbox", int(os.environ["SHARE"]))
retry.FIRST_PAUSE, retry.LONGEST_PAUSE = 0.01, 0.05
grid = Grid("EPSG:32617", (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_000_000.0), (64, 64))
image = ee.Image.pixelCoordinates(ee.Projection("EPSG:32617")).toInt32()
places = [(8 * row, 8 * column) for row in range(8) for column in range(8)]
"""
SHARED = """
def work(place):
    # What a step does beside: questions, not through `ask`, and pixels.
    assert ee.Number(place[0]).add(place[1]).getInfo() == sum(place)
    return fetch(image, grid.window(*place, (32, 32)), 1, "patch")
with ThreadPoolExecutor(8) as pool:
    list(pool.map(work, places[:24]))
"""
FAULTY = """
got, lost, asked = {}, [], []
def work(place):
    try:
        got[place] = fetch(image, grid.window(*place, (64, 64)), 8, f"patch {place}", lambda: asked.append(1))
    except retry.PixelsError as error:
        lost.append(str(error))
with ThreadPoolExecutor(10) as pool:
    list(pool.map(work, places * 2))
whole = fetch(image, grid.window(0, 0, (120, 120)), 20, "whole")
for (row, column), found in got.items():
    assert np.array_equal(found, whole[row : row + 64, column : column + 64]), (row, column)
print(json.dumps({"got": len(got), "lost": lost, "asked": len(asked)}))
"""
WRONG = """
for wrong in (image.select("missing"), ee.Image("projects/sandbox/assets/none/such")):
    try:
        fetch(wrong, grid, 6, "patch")
    except retry.RefusedError as error:
        print(error)
"""


@pytest.fixture
def log(clean_sandbox):
    """Reads and clears the log of requests; limits and faults are as before afterwards."""
    url = f"http://127.0.0.1:{clean_sandbox.port}/_sandbox/earthengine"
    with httpx.Client(base_url=url, headers={"X-Sandbox": "1"}, trust_env=False) as client:
        client.delete("/requests").raise_for_status()
        yield lambda: client.get("/requests").raise_for_status().json()["requests"]
    clean_sandbox.command("faults", "clear")
    clean_sandbox.command("limits", "concurrent=40")


def test_everything_passes_one_door_in_each_of_two_processes(clean_sandbox, log):
    clean_sandbox.command("limits", "concurrent=4")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: clean_sandbox.python(BEGIN + SHARED, SHARE="2"), range(2)))
    statuses = [entry["status"] for entry in log()]
    assert len(statuses) > 90 and set(statuses) == {200}


def test_faults_of_every_kind_lose_nothing_and_change_no_pixel(clean_sandbox, log):
    kinds = ("429", "503", "memory", "timeout", "reset", "truncated", "stall")
    for seed, kind in enumerate(kinds):
        # What asks for less strikes halves as often as wholes here: rarely enough that none is struck to the end.
        probability = "0.03" if kind in ("memory", "timeout") else "0.06"
        clean_sandbox.command(
            *("faults", "add", kind, "--method", "image:computePixels", "--probability", probability),
            *("--seed", str(seed), "--seconds", "2"),
        )
    outcome = json.loads(clean_sandbox.python(BEGIN + FAULTY, SHARE="8"))
    assert outcome["got"] == 64 and not outcome["lost"]
    # A stalled request that was given up comes into the log when its stall ends.
    time.sleep(2.5)
    entries = [entry for entry in log() if entry["method"] == "image:computePixels"]
    assert {entry.get("fault") for entry in entries} == {None, *kinds}
    # Those of the last window are not counted there.
    assert outcome["asked"] > 140 and outcome["asked"] <= len(entries)


def test_a_request_that_is_wrong_is_made_once(clean_sandbox, log):
    told = clean_sandbox.python(BEGIN + WRONG, SHARE="2")
    assert "missing" in told and "name bands that every image" in told and "check the id" in told
    assert [entry["status"] for entry in log() if entry["method"] == "image:computePixels"] == [400, 400]
