"""Layers that Keras does not have, one noun a module. Importing this package registers all of them with Keras."""

from trainer.layers.blocks import ChannelsToPixels, PixelsToChannels
from trainer.layers.dissimilarity import Dissimilarity
from trainer.layers.resized import Resized
from trainer.layers.series import PixelSeries, SeriesImage
from trainer.layers.small_trees import SmallTrees
from trainer.layers.tree_ensemble import FlatTrees, TreeEnsemble
from trainer.layers.windows import WindowFeatures

__all__ = [
    "ChannelsToPixels",
    "Dissimilarity",
    "FlatTrees",
    "PixelSeries",
    "PixelsToChannels",
    "Resized",
    "SeriesImage",
    "SmallTrees",
    "TreeEnsemble",
    "WindowFeatures",
]
