"""Classification: a softmax over the classes, learned by cross-entropy."""

from typing import Any

from keras import layers

from earthline.config import Train
from earthline.formats.contract import PROBABILITIES
from earthline.formats.manifest import Manifest
from trainer.heads.head import Head
from trainer.losses import MaskedCrossEntropy, class_weights
from trainer.metrics import metrics


class ClassificationHead(Head):
    """Class probabilities of every pixel."""

    def __init__(self, train: Train, manifest: Manifest) -> None:
        """As `Head`."""
        counts = manifest.splits["train"].class_pixels
        pixels = [counts.get(name, 0) for name in manifest.class_names]
        self._weights = class_weights(pixels, train.class_weights)
        self._label_smoothing = train.label_smoothing

    def outputs(self, features: Any) -> Any:
        """Class probabilities, float32 (patches, height, width, classes)."""
        # float32 whatever the policy: probabilities of a half-precision softmax do not sum to 1.
        last = layers.Conv2D(len(self._weights), 1, activation="softmax", dtype="float32", name=PROBABILITIES)
        return last(features)

    def loss(self) -> Any:
        """Cross-entropy with the config's class weights and label smoothing."""
        return MaskedCrossEntropy(self._weights, self._label_smoothing)

    def metrics(self) -> list[Any]:
        """`accuracy` and `mean_iou`."""
        return metrics(len(self._weights))
