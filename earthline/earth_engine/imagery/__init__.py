"""The one imagery definition: training patches and predictions both come from the image that is built here.

`stack` joins the sources and their derived bands; `sources` makes one image of each, `labels` the band of class ids.

Band order, masking, compositing and casting exist nowhere else. Nothing here asks for credentials; callers run
`connection.connect` first.
"""

from earthline.earth_engine.imagery.availability import require
from earthline.earth_engine.imagery.errors import ATTEMPTS, ImageryError, answered
from earthline.earth_engine.imagery.grids import grid, map_grid
from earthline.earth_engine.imagery.labels import LABEL_BAND, label_values, labels
from earthline.earth_engine.imagery.region import clipped, footprint, in_pixels, inside, outline, rectangle, region
from earthline.earth_engine.imagery.sources import collection, scenes
from earthline.earth_engine.imagery.stack import image, measured, network_input, network_input_of, valid
from earthline.earth_engine.imagery.training import training_bands, training_image

__all__ = [
    "ATTEMPTS",
    "LABEL_BAND",
    "ImageryError",
    "answered",
    "clipped",
    "collection",
    "footprint",
    "grid",
    "image",
    "in_pixels",
    "inside",
    "label_values",
    "labels",
    "map_grid",
    "measured",
    "network_input",
    "network_input_of",
    "outline",
    "rectangle",
    "region",
    "require",
    "scenes",
    "training_bands",
    "training_image",
    "valid",
]
