"""Sources of imagery: `source` makes one image of each, the other modules are the steps on the way to it."""

from earthline.earth_engine.imagery.sources.source import cloud_free, collection, part, scenes, single_image

__all__ = ["cloud_free", "collection", "part", "scenes", "single_image"]
