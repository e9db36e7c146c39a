"""Opens a collection and an `ee://` address with Xee; writes the arrays, prints what surrounds them."""

import json
import sys

import ee
import numpy as np
import xarray
from xee import helpers

asset, collection, arrays = sys.argv[1:]
ee.Initialize(project="sandbox")
image = ee.Image(asset).select(["B3", "B7"])
grid = helpers.extract_grid_params(image)
computed = xarray.open_dataset(ee.ImageCollection([image]), engine="ee", **grid).load()
stored = xarray.open_dataset(f"ee://{collection}", engine="ee", **grid)[["B3"]].load()
np.savez(arrays, b3=computed.B3.values, b7=computed.B7.values, stored=stored.B3.values)
about = {
    "dims": list(computed.B3.dims),
    "days": [str(moment)[:10] for moment in stored.time.values],
    "corner": [float(computed.x[0]), float(computed.y[0])],
}
print(json.dumps(about))
