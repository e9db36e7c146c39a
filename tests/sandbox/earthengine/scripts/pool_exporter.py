"""Downloads patches round points with a pool of threads and retries, as Google's notebooks on data extraction do."""

import concurrent.futures
import io
import sys

import ee
import numpy as np
import requests
from google.api_core import exceptions, retry

SIDE, BANDS = 32, ["B3", "B4"]


@retry.Retry(initial=0.1, timeout=60)
def patch_round(image, point):
    region = ee.Geometry.Point(point).buffer(28.5 * SIDE / 2, 1).bounds(1)
    request = {"region": region, "dimensions": [SIDE, SIDE], "format": "NPY", "bands": BANDS}
    answer = requests.get(image.getDownloadURL(request), timeout=60)
    if answer.status_code == 429:
        raise exceptions.TooManyRequests(answer.text)
    answer.raise_for_status()
    return np.load(io.BytesIO(answer.content))


@retry.Retry(initial=0.1, timeout=60)
def points_in(image, number):
    sample = image.stratifiedSample(number, "B3", image.geometry(), 500, seed=1, geometries=True, dropNulls=True)
    found = sample.limit(number).getInfo()["features"]
    return [feature["geometry"]["coordinates"] for feature in found]


def main(asset, file):
    ee.Initialize(project="sandbox")
    image = ee.Image(asset).select(BANDS)
    points = points_in(image.select("B3").gt(60).addBands(image), 12)
    with concurrent.futures.ThreadPoolExecutor(max_workers=6) as pool:
        patches = list(pool.map(lambda point: patch_round(image, point), points))
    np.savez(file, patches=np.stack(patches), points=points)


if __name__ == "__main__":
    main(*sys.argv[1:])
