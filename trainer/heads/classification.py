"""Classification: a softmax over the classes, learned by cross-entropy."""

from collections.abc import Mapping
from typing import Any, ClassVar

from keras import layers, ops

from earthline.config import Train
from earthline.formats.manifest import Manifest
from earthline.task.classification.confidence import LEAST
from earthline.task.classification.labels import PIXELS
from earthline.task.classification.losses import CrossEntropy
from trainer.heads.class_metrics import metrics
from trainer.heads.cross_entropy import MaskedCrossEntropy, class_weights
from trainer.heads.head import Head, mean_of_valid


class ClassificationHead(Head):
    """Class probabilities of every pixel."""

    watched: ClassVar[Mapping[str, str]] = {"accuracy": "accuracy", "mean_iou": "mean IoU"}
    rising: ClassVar[frozenset[str]] = frozenset(watched)
    gives_probabilities: ClassVar[bool] = True

    def __init__(self, train: Train, manifest: Manifest) -> None:
        """As `Head`."""
        loss = train.loss_of(manifest.task.name)
        if not isinstance(loss, CrossEntropy):
            raise TypeError(f"{loss.name} is no loss for classes")
        if train.prior is not None and loss.class_weights != "none":
            raise ValueError(
                f"train.prior and train.loss.class_weights: {loss.class_weights} both say how much each class counts; "
                "leave one of them out"
            )
        counts = manifest.splits["train"].labels.get(PIXELS, {})
        pixels = [counts.get(name, 0) for name in manifest.task.entries]
        self._weights = class_weights(pixels, loss.class_weights)
        seen = [name for name, count in zip(manifest.task.entries, pixels, strict=True) if count]
        if len(seen) == 1:
            raise ValueError(
                f"every training label is '{seen[0]}', so there is nothing to tell apart; check `data.labels` and "
                "where the training blocks lie"
            )
        self._loss = loss
        self._output = manifest.task.output

    def outputs(self, features: Any) -> Any:
        """Class probabilities, float32 (patches, height, width, classes)."""
        # float32 whatever the policy: probabilities of a half-precision softmax do not sum to 1.
        last = layers.Conv2D(len(self._weights), 1, activation="softmax", dtype="float32", name=self._output)
        return last(features)

    def loss(self) -> Any:
        """Cross-entropy with the config's class weights and options."""
        return MaskedCrossEntropy(self._weights, **self._loss.model_dump(exclude={"name", "class_weights"}))

    def metrics(self) -> list[Any]:
        """`accuracy` and `mean_iou`."""
        return metrics(len(self._weights))

    def distance(self, wanted: Any, outputs: Any, valid: Any) -> Any:
        """Cross-entropy of the probabilities against the other network's."""
        classes = len(self._weights)
        given = ops.log(ops.maximum(outputs[..., :classes], LEAST))
        return mean_of_valid(-ops.sum(wanted[..., :classes] * given, axis=-1), valid)

    def tempered(self, outputs: Any, temperature: float) -> Any:
        """Logarithms of probabilities differ from logits by a number per pixel, which the softmax takes out again."""
        classes = len(self._weights)
        own = ops.softmax(ops.log(ops.maximum(outputs[..., :classes], LEAST)) / temperature, axis=-1)
        after = outputs[..., classes:]
        return ops.concatenate([own, after], axis=-1) if outputs.shape[-1] > classes else own

    def moved(self, outputs: Any, factors: Any) -> Any:
        """By Bayes' rule."""
        classes = len(self._weights)
        own = outputs[..., :classes] * ops.convert_to_tensor(factors, dtype="float32")
        own = own / ops.maximum(ops.sum(own, axis=-1, keepdims=True), LEAST)
        after = outputs[..., classes:]
        return ops.concatenate([own, after], axis=-1) if outputs.shape[-1] > classes else own
