"""Classifiers as assets: what they are and what they learned from, as JSON; loaded ones learn it again, the same.

Nothing that was learned is stored: that would be pickled objects, whose reading runs whatever is in them.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.language.registry import Context, call
from earthline_sandbox.earthengine.learning.learners import Classifier
from earthline_sandbox.earthengine.learning.samples import Once, Samples
from earthline_sandbox.errors import invalid

TYPE = "CLASSIFIER"


def write(classifier: Classifier, path: Path) -> None:
    """Stores a trained classifier; raises ApiError INVALID_ARGUMENT where it is not trained or cannot learn."""
    classifier.fitted()
    samples = None if classifier.training is None else classifier.training()
    stored: dict[str, Any] = {"kind": classifier.kind, "options": classifier.options, "mode": classifier.mode}
    if samples is not None and samples.labels is not None:
        stored["names"] = samples.names
        stored["inputs"], stored["labels"] = samples.inputs.tolist(), samples.labels.tolist()
    path.write_text(json.dumps(stored), encoding="utf-8")


def read(context: Context, path: Path) -> Classifier:
    """The classifier of a file that `write` made."""
    stored: Mapping[str, Any] = json.loads(path.read_bytes())
    made = call(context, stored["kind"], stored["options"])
    if not isinstance(made, Classifier):
        raise invalid(f"{stored['kind']} makes no classifier.")
    made = replace(made, mode=stored["mode"])
    if "inputs" not in stored:
        return made
    samples = Samples(tuple(stored["names"]), np.array(stored["inputs"]), np.array(stored["labels"]))
    return replace(made, names=samples.names, training=Once(lambda: samples))
