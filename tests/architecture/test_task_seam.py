"""What only a task may know stands in no other place.

The words below are those of classification and regression. Whoever needs one elsewhere has found something that the
seam lacks: a method of `earthline.task.Task`, a field of its records, or a macro of its template. The next task would
need the same.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = (
    "earthline/task/classification/",
    "earthline/task/regression/",
    "trainer/heads/classification.py",
    "trainer/heads/cross_entropy.py",
    "trainer/heads/class_metrics.py",
    "trainer/heads/overlap.py",
    "trainer/heads/regression.py",
    "trainer/heads/value_losses.py",
    "trainer/heads/value_metrics.py",
)
"""The tasks' rooms, and the ends of the networks that learn them."""
WORDS = {
    "classes": r"\bclass(es)?_\w+|\bclasses\b|\w+_class(es)?\b|of_class\b|\bsubclass",
    "its metrics": r"confusion|\bf1\b|macro.?[Ff]1|\biou\b|overall[ _](accuracy|interval)|val_accuracy",
    "its outputs": r"arg_?max|softmax|entropy|probabilit|\bLARGEST_SUM\b",
    "its labels": r"UNLABELLED|\b255\b.*label|label.*\b255\b|\.remap\(|reduceResolution|bincount|label_smoothing",
    "its maps": r"\"MODE\"|class_palette|write_colormap\(1, \{",
    "its estimators": r"RandomForest(Classifier|Regressor)",
    "which value it is": r"\brmse\b|\bmae\b|huber|quantile_|\bvalue_(name|unit|range)\b|RandomForestRegressor",
    "which task it is": r"classification|regression|isinstance\([^)]*(Class|Task)\w*\)",
}
_SECTION = "the section of the config that declares classes"
_INIT = "`earthline init` asks for classes, and writes a config of these alone"
EXCEPTIONS = {
    "earthline/task/__init__.py": "the registry",
    "trainer/heads/__init__.py": "the registry of heads",
    "components/evaluate_model/component.py": "an output of the pipeline has one name and type for all tasks; the one "
    "for Vertex AI's confusion view stays empty where a task has nothing for it",
    "earthline/config/sections/train/loss.py": "options that stood in `train` before they were of the loss",
    "earthline/config/sections/train/prior.py": "the section that says how often classes are on the ground",
    "earthline/config/sections/train/section.py": "the description of `prior`",
    "earthline/datasets/dataset.py": "a reader for people who train elsewhere names classes as they do",
    "earthline/datasets/split.py": "a docstring says what PyTorch's own loss wants",
    "earthline/formats/certainty.py": "a description says what a prior multiplies",
    "earthline/runtimes/openvino_graph.py": "the last operation of a network, by the name that OpenVINO has for it",
    "earthline/task/judgement.py": "a comment says when boosting diverges",
    "trainer/confidence/prior.py": "frequencies are of classes, and the head says whether it has any",
    "trainer/heads/head.py": "what a head says of its outputs",
    "trainer/models/gradient_boosting.py": "a description says when the penalty is needed",
    "earthline/accuracy/stratified.py": "NumPy's bincount counts units by stratum; the title of a paper",
    "earthline/config/sections/train/certainty.py": "descriptions say what certainty means for classes",
    "earthline/config/sections/evaluate.py": "the description of min_gain says what the gate's metric is for classes",
    "earthline/config/sections/labels/class_labels.py": _SECTION,
    "earthline/config/sections/labels/value_labels.py": "the section of the config that declares a value",
    "earthline/config/sections/labels/class_rules.py": _SECTION,
    "earthline/config/sections/labels/__init__.py": _SECTION,
    "components/validate_examples/checks/copies.py": "NumPy's argmax finds the patch that is most alike",
    "components/validate_examples/drift.py": "strata are called by the task's word; here it is that of most readers",
    "components/validate_examples/reading.py": "pixels without a label are a stratum of sketches",
    "components/validate_examples/statistics/sketches.py": "pixels without a label are a stratum of sketches",
    "earthline/config/sections/train/init.py": "a description says when the last layer of a file may be kept",
    "earthline/config/sections/outputs.py": "descriptions say what can be asked of a model of classes",
    "earthline/config/sections/serving.py": "a description names outputs of a model of classes",
    "earthline/config/sections/predict.py": "a description says which bands a map of classes may have",
    "earthline/config/sections/train/tune.py": "a description names an option of a loss",
    "cli/models/label.py": "a map of its own tags alone is judged, by classes or a value; no task of a run is at hand",
    "earthline/field_points/estimates.py": "what points tell of a map of classes, and of one of a value",
    "earthline/field_points/visited.py": "labels of points are names of the map's classes, or numbers",
    "earthline/field_points/files.py": "points are called by their class in the map, where it has classes",
    "earthline/field_points/needs.py": "bands that a map of classes may have, from its registration",
    "earthline/field_points/points.py": "a probability sample",
    "earthline/formats/evaluations.py": "descriptions say what sets of classes are",
    "trainer/layers/tree_sum.py": "a layer of trees has an activation, as every last layer has",
    "trainer/layers/small_trees.py": "the title of a paper",
    "trainer/loop/steps.py": "Keras metrics whose state is a sum, whatever they tell",
    "trainer/models/file.py": "what is still to be done to the outputs of somebody's own network",
    "trainer/models/onnx/operators/__init__.py": "an operator of ONNX is called so",
    "trainer/models/onnx/operators/functions.py": "operators of ONNX are called so",
    "trainer/models/linear.py": "what a linear model is called with a head behind it",
    "trainer/models/parts/declared.py": "a layer that is known not to look at other pixels",
    "trainer/models/parts/pixel_trees.py": "a description says how evenly strata are drawn",
    "trainer/models/temporal.py": "the title of a paper",
    "trainer/trees/fitting.py": "scikit-learn's own attribute of estimators that learn classes",
    "trainer/trees/flattening.py": "scikit-learn's trees, of classes and of numbers",
    "cli/models/expression.py": "a help text names a band that a map of classes may have",
    "earthline/earth_engine/model_expressions/network.py": "an operation of a network is called so",
    "trainer/pixel_graph.py": "operations of Keras and TensorFlow are called so",
    "cli/configs/init.py": _INIT,
    "cli/drafts/classes.py": _INIT,
    "cli/drafts/drafting.py": _INIT,
    "cli/drafts/meaning.py": _INIT,
    "cli/drafts/shapes.py": _INIT,
    "cli/drafts/survey.py": _INIT,
    "cli/drafts/text.py": _INIT,
    "earthline/config/sections/imagery/ready.py": "Dynamic World's bands of probabilities",
    "earthline/config/sections/imagery/source.py": "Sentinel-2's band of scene classification",
    "earthline/earth_engine/imagery/sources/resampling.py": "imagery that is finer than the grid",
    "earthline/earth_engine/imagery/sources/clouds.py": "Sentinel-2's band of scene classification",
    "earthline/lettering.py": "Unicode's classes of letters",
    "cli/terminal/failures.py": "classes of errors in Python",
    "earthline/formats/examples.py": "classes of errors in Python, and of protobuf",
    "earthline/formats/tensors.py": "classes of protobuf",
    "earthline/vertex/retry.py": "classes of errors in Python",
}
"""Files that use one of the words, each with the reason."""


def found() -> dict[str, list[str]]:
    """Lines outside of the task that use a word of `WORDS`, by file."""
    lines: dict[str, list[str]] = {}
    for folder in ("cli", "components", "earthline", "pipelines", "serving", "trainer"):
        for path in sorted([*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.j2")]):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(OWN):
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                # Decorators and keywords of Python, NumPy's functions for anything, and what HTML calls a class.
                bare = re.sub(
                    r"@\w*classmethod|dataclass\w*|\bnp\.(bincount|argmax)|\bclass=\"[^\"]*\"|__class__|resource_class",
                    "",
                    line,
                )
                kinds = [kind for kind, pattern in WORDS.items() if re.search(pattern, bare)]
                if kinds:
                    lines.setdefault(name, []).append(f"{name}:{number}: ({', '.join(kinds)}) {line.strip()}")
    return lines


FOUND = found()


def test_nothing_outside_a_task_knows_what_it_tells() -> None:
    assert [line for name, lines in FOUND.items() if name not in EXCEPTIONS for line in lines] == []


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_each_exception_is_still_needed(name: str) -> None:
    assert name in FOUND, f"{name} uses none of the words any more: leave it out of EXCEPTIONS"


def test_the_words_are_those_of_the_task() -> None:
    room = "\n".join(
        path.read_text(encoding="utf-8")
        for place in OWN
        for path in ((ROOT / place).rglob("*.py") if place.endswith("/") else [ROOT / place])
    )
    for kind, pattern in WORDS.items():
        assert re.search(pattern, room), f"{kind}: no word of this kind stands in the task's own room"
