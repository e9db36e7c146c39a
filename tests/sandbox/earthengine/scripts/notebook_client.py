"""What a notebook does: thumbnails, downloads, map tiles, tables as data frames, an export and its polling."""

import io
import json
import sys
import time
import urllib.request

import ee
import numpy as np
import rasterio
import requests
from google.cloud import storage

asset, bucket = sys.argv[1:]
ee.Initialize()
image = ee.Image(asset).select(["B3", "B2", "B1"])
seen = {}

address = image.getThumbURL({"min": 0, "max": 255, "dimensions": 128, "format": "jpg"})
with urllib.request.urlopen(address) as answer:
    seen["thumbnail"] = [answer.headers["Content-Type"], answer.read(3).hex()]

identity = ee.data.getDownloadId({"image": image, "format": "GEO_TIFF", "crs": "EPSG:32119", "scale": 28.5})
with rasterio.open(io.BytesIO(requests.get(ee.data.makeDownloadUrl(identity), timeout=60).content)) as download:
    downloaded, corner = download.read(), download.transform.to_gdal()
seen["download"] = [list(downloaded.shape), list(corner)]

tiles = image.getMapId({"min": 0, "max": 255})["tile_fetcher"].url_format
tile = requests.get(tiles.format(z=9, x=143, y=201), timeout=60)
seen["tile"] = [tile.status_code, tile.headers["Content-Type"]]

samples = image.sample(region=image.geometry(), scale=285, numPixels=50, seed=3, geometries=True)
frame = ee.data.computeFeatures({"expression": samples, "fileFormat": "PANDAS_DATAFRAME"})
places = ee.data.computeFeatures({"expression": samples, "fileFormat": "GEOPANDAS_GEODATAFRAME"})
listed = samples.getInfo()["features"]
seen["frame"] = [sorted(frame.columns), frame["B3"].tolist() == [row["properties"]["B3"] for row in listed]]
seen["places"] = [
    [place.x, place.y] == row["geometry"]["coordinates"] for place, row in zip(places.geometry, listed, strict=True)
]
# As geemap does before it writes a CSV.
seen["selected"] = sorted(samples.select([".*"], None, False).first().propertyNames().getInfo())

task = ee.batch.Export.image.toCloudStorage(image, "notebook", bucket, "exported", scale=28.5, crs="EPSG:32119")
task.start()
while task.active():
    time.sleep(0.2)
status = task.status()
seen["task"] = [status["state"], status["description"], status["task_type"]]
blobs = list(storage.Client().list_blobs(bucket, prefix="exported"))
with rasterio.open(io.BytesIO(blobs[0].download_as_bytes())) as exported:
    seen["exported"] = [len(blobs), bool(np.array_equal(exported.read(), downloaded, equal_nan=True))]
print(json.dumps(seen))
