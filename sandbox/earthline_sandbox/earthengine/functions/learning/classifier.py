"""Classifiers: loaded, trained, explained, and applied to images and features."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.functions.learning import stored_classifiers
from earthline_sandbox.earthengine.functions.learning.confusion_matrix import counted
from earthline_sandbox.earthengine.functions.learning.options import one_of, share
from earthline_sandbox.earthengine.language.registry import Context, function
from earthline_sandbox.earthengine.learning import estimators
from earthline_sandbox.earthengine.learning.learners import (
    CLASSIFICATION,
    MODES,
    Classifier,
    ConfusionMatrix,
    features_of,
    image_of,
)
from earthline_sandbox.earthengine.learning.samples import Once, collect, input_names
from earthline_sandbox.earthengine.values.values import Collection, Image
from earthline_sandbox.errors import invalid


@function("Classifier.load")
def load(context: Context, id: str) -> Classifier:
    """A classifier that was exported to an asset."""
    record = context.catalogue.get(id)
    if record.type != stored_classifiers.TYPE or record.features_path is None:
        raise invalid(f"Asset '{id}' is not a Classifier.")
    return stored_classifiers.read(context, record.features_path)


@function("Classifier.train")
def train(
    classifier: Classifier,
    features: Collection,
    class_property: str,
    input_properties: list[str] | None,
    subsampling: float,
    subsampling_seed: int,
) -> Classifier:
    """The classifier with what it is to learn from; it learns when an answer needs it."""
    share("subsampling", subsampling)
    if classifier.names is not None and classifier.training is None:
        raise invalid(f"{classifier.kind} cannot be trained.")
    names = input_names(features, input_properties)
    samples = Once(lambda: collect(features, names, class_property, subsampling, subsampling_seed))
    return replace(classifier, names=names, training=samples)


@function("Classifier.setOutputMode")
def set_output_mode(classifier: Classifier, mode: str) -> Classifier:
    """What the classifier is to answer."""
    one_of("mode", mode, MODES)
    return replace(classifier, mode=mode)


@function("Classifier.mode")
def mode(classifier: Classifier) -> str:
    """What the classifier answers."""
    return classifier.mode


@function("Classifier.schema")
def schema(classifier: Classifier) -> list[str] | None:
    """Names of the inputs."""
    return None if classifier.names is None else list(classifier.names)


@function("Classifier.explain")
def explain(classifier: Classifier) -> Mapping[str, Any]:
    """What the classifier is, and what it has learned."""
    fitted = classifier.fitted()
    found = {name: value for name, value in classifier.options.items() if value is not None}
    if isinstance(fitted, estimators.Estimator) and classifier.training is not None:
        found |= fitted.explain(classifier.training())
    return found


@function("Classifier.confusionMatrix")
def confusion_matrix(classifier: Classifier) -> ConfusionMatrix:
    """Classes of the training samples against what the classifier makes of them."""
    if classifier.training is None:
        raise invalid("The classifier has no training samples.")
    if classifier.outputs:
        raise invalid(f"{classifier.kind} gives probabilities and no classes.")
    judged = replace(classifier, mode=CLASSIFICATION, several=False)
    samples = classifier.training()
    usable = judged.fitted().usable(samples.inputs)
    if samples.labels is None or not usable.any():
        raise invalid("None of the training samples can be classified.")
    predicted = judged.predict(samples.inputs[usable])
    if predicted.ndim > 1:
        predicted = predicted[:, 0]
    return counted(samples.labels[usable].astype(np.int64), predicted.astype(np.int64), None)


@function("Image.classify")
def classify_image(image: Image, classifier: Classifier, output_name: str) -> Image:
    """The class of every pixel."""
    return image_of("Image.classify", image, classifier, output_name)


@function("FeatureCollection.classify")
def classify_features(features: Collection, classifier: Classifier, output_name: str) -> Collection:
    """The class of every feature."""
    return features_of("FeatureCollection.classify", features, classifier, output_name)
