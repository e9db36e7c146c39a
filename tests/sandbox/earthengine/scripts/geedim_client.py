"""Downloads, masks clouds and composites with geedim; writes the arrays."""

import sys
import warnings

import ee
import geedim  # noqa: F401  (importing it registers the accessors)
import numpy as np

asset, collection, scene, arrays, raster = sys.argv[1:]
ee.Initialize(project="sandbox")
whole = ee.Image(asset).select(["B3", "B4"]).gd.prepareForExport().gd.toNumPy(masked=True)
masked = ee.Image(f"{collection}/{scene}").gd.addMaskBands().gd.maskClouds().select(["SR_B3", "CLOUD_DIST"])
clear = masked.gd.prepareForExport().gd.toNumPy(masked=True)
composite = ee.ImageCollection(collection).gd.composite("median").select("SR_B3")
grid = {"crs": "EPSG:32617", "crs_transform": (30, 0, 600000, 0, -30, 4000000), "shape": (60, 80)}
median = composite.gd.prepareForExport(**grid).gd.toNumPy(masked=True)
np.savez(
    arrays,
    whole=whole.filled(0),
    clear=clear.filled(0),
    clear_mask=np.ma.getmaskarray(clear)[..., 0],
    median=median.filled(0),
    median_mask=np.ma.getmaskarray(median)[..., 0],
)
with warnings.catch_warnings():
    # A file's band descriptions come from the public STAC catalogue, which knows nothing of one's own assets.
    warnings.filterwarnings("ignore", "Couldn't find STAC entry", RuntimeWarning)
    ee.Image(asset).select(["B3", "B4"]).gd.prepareForExport(scale_offset=False).gd.toGeoTIFF(raster, overwrite=True)
