"""Cloud masks of the images that carry one."""

from typing import Any

import ee

_CLOUDY_SCENE_CLASSES = (3, 8, 9, 10, 11)
"""Shadow, medium and high cloud probability, cirrus, snow: the SCL band of COPERNICUS/S2_SR_HARMONIZED."""
_CLOUD_SCORE = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
_CLEAR_SCORE = 0.60
"""Threshold that the Cloud Score+ catalogue page uses in its example."""
_LANDSAT_CLOUD_BITS = 0b11110
"""Dilated cloud, cirrus, cloud, cloud shadow: bits 1 to 4 of Landsat Collection 2's QA_PIXEL."""


BANDS = {"sentinel2_scl": "SCL", "landsat_qa": "QA_PIXEL"}
"""Band that a mask reads, by `data.imagery.cloud_mask`; the others read no band of the image itself."""


def masked(images: Any, mask: str) -> Any:
    """An `ee.ImageCollection`, or an `ee.Image`, whose cloudy pixels are masked.

    Args:
        images: The collection, or the image.
        mask: One of `data.imagery.cloud_mask`.
    """
    if mask == "sentinel2_cloud_score":
        images = images.linkCollection(ee.ImageCollection(_CLOUD_SCORE), ["cs_cdf"])
    if mask not in _MASKS:
        return images
    return _MASKS[mask](images) if isinstance(images, ee.Image) else images.map(_MASKS[mask])


def _mask_scene_classification(scene: Any) -> Any:
    classes = scene.select("SCL")
    clear = classes.neq(_CLOUDY_SCENE_CLASSES[0])
    for value in _CLOUDY_SCENE_CLASSES[1:]:
        clear = clear.And(classes.neq(value))
    return scene.updateMask(clear)


def _mask_cloud_score(scene: Any) -> Any:
    return scene.updateMask(scene.select("cs_cdf").gte(_CLEAR_SCORE))


def _mask_landsat(scene: Any) -> Any:
    return scene.updateMask(scene.select("QA_PIXEL").bitwiseAnd(_LANDSAT_CLOUD_BITS).eq(0))


_MASKS = {
    "sentinel2_scl": _mask_scene_classification,
    "sentinel2_cloud_score": _mask_cloud_score,
    "landsat_qa": _mask_landsat,
}
"""What masks one image, by `data.imagery.cloud_mask`."""
