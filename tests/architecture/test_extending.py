"""A model and a step are added to a copy of the tree by the documented seams alone, and work (CONTRIBUTING.md)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .trees import ROOT, copied, insert

MODEL = '''
"""A throw-away model: the mean of a window."""

from typing import Any, Literal

from pydantic import Field

from earthline.config.model import Network
from earthline.config.section import WholeNumber


class WindowMean(Network):
    """Sees the mean of a window around each pixel."""

    name: Literal["window_mean"] = Field(default="window_mean", description="Architecture.")
    side: WholeNumber = Field(default=3, ge=1, le=99, description="Side of the window in pixels, odd.")

    @property
    def stride(self) -> int:
        """Any shape will do."""
        return 1

    @property
    def receptive_field(self) -> int:
        """The window."""
        return self.side

    def features(self, image: Any, valid: Any, *, synchronized: bool) -> Any:
        """As `Network.features`."""
        from keras import layers

        return layers.AveragePooling2D(self.side, strides=1, padding="same")(image)
'''
LEARN = """
import json, sys
from pathlib import Path
import keras
import numpy as np
import trainer
from earthline.config import ConfigError, load
from trainer import network
from trainer.heads.cross_entropy import MaskedCrossEntropy
from trainer.statistics import Statistics

config = Path(sys.argv[1])
model = load(config, ["train.model={name: window_mean, side: 5}"]).train.model
try:
    load(config, ["train.model={name: window_mean, depth: 5}"])
except ConfigError as error:
    refused = str(error)
keras.utils.set_random_seed(1)
def head(features):
    return keras.layers.Conv2D(2, 1, activation="softmax", name="probabilities")(features)
built = network.build(model, Statistics((0.0,), (1.0,), 1), head)
built.compile(optimizer=keras.optimizers.Adam(0.1), loss=MaskedCrossEntropy([1, 1]))
random = np.random.default_rng(1)
image = random.normal(size=(8, 6, 6, 1)).astype(np.float32) + np.repeat([-2, 2], 4)[:, None, None, None]
label = np.repeat([0, 1], 4)[:, None, None] * np.ones((8, 6, 6), np.uint8)
inputs = [image.astype(np.float32), np.ones_like(image, np.float32)]
losses = [float(built.train_on_batch(inputs, label)) for _ in range(8)]
print(json.dumps({"place": trainer.__file__, "losses": losses, "field": model.receptive_field, "refused": refused,
                  "parameters": built.count_params()}))
"""
STEP = {
    "__init__.py": '''
"""Counts the files of the examples."""

from earthline.config.step import Output, Step

STEP = Step(cached=False, outputs=(Output("counts", shown={"counts.json": "counts"}),))
''',
    "component.py": '''
"""The step as KFP sees it."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def count_files(examples: Input[Dataset], counts: Output[Artifact]):
    """Counts the files of the examples.

    Args:
        examples: Of `export_examples`.
        counts: Folder with `counts.json`.
    """
    from components.count_files.run import run

    run(examples=examples, counts=counts)
''',
    "run.py": '''
"""Counts files."""

import json
from pathlib import Path
from typing import Any


def run(*, examples: Any, counts: Any) -> None:
    """Writes how many there are."""
    folder = Path(counts.path)
    folder.mkdir(parents=True)
    (folder / "counts.json").write_text(json.dumps(len(list(Path(examples.path).iterdir()))))
''',
}
COMPILE = """
import json, sys
from pathlib import Path
import components, yaml
from kfp import dsl
from earthline.config import Config, load
from pipelines.runs import results
from pipelines.compilation import compile_workflow, verify
from pipelines.runs.steps import steps_in_order

config = load(Path(sys.argv[1]), ["steps.count_files={cpu: 3, retries: 2}"])
template = compile_workflow(config)
spec = yaml.safe_load(template)
from components.count_files.component import count_files
folder = Path(sys.argv[2])
(folder / "examples").mkdir()
(folder / "examples" / "one").write_text("")
count_files.python_func(examples=dsl.Dataset(uri=str(folder / "examples")),
                        counts=dsl.Artifact(uri=str(folder / "counts")))
print(json.dumps({
    "place": components.__file__, "executors": verify(template, config.environment.image),
    "steps": [step.name for step in steps_in_order(spec)], "kinds": results.kinds(),
    "spec": spec["deploymentSpec"]["executors"]["exec-count-files"],
    "task": next(dag["dag"]["tasks"]["count-files"] for dag in spec["components"].values()
                 if "count-files" in dag.get("dag", {}).get("tasks", {})),
    "key": Config.model_json_schema()["$defs"]["Steps"]["properties"]["count_files"]["description"],
    "counted": json.loads((folder / "counts" / "counts.json").read_text())}))
"""


def done(tree: Path, script: str, *arguments: str) -> dict[str, Any]:
    """What a script prints that runs in the copy."""
    command = [sys.executable, "-c", script, str(ROOT / "configs" / "quickstart.yaml"), *arguments]
    # The copy comes before the tree that is installed here.
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    ran = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-3000:]
    content: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    assert Path(content["place"]).is_relative_to(tree)
    return content


def test_a_model_is_one_file_and_one_line(tmp_path: Path) -> None:
    tree = copied(tmp_path, "earthline", "trainer", "components")
    (tree / "trainer" / "models" / "window_mean.py").write_text(MODEL.lstrip(), encoding="utf-8")
    insert(
        tree / "trainer" / "models" / "__init__.py",
        "MODELS = {",
        '    "window_mean": "trainer.models.window_mean:WindowMean",',
    )
    said = done(tree, LEARN)
    assert said["losses"][-1] < 0.5 * said["losses"][0]
    assert (said["field"], said["parameters"]) == (5, 4)
    assert "train.model.depth: unknown key (value 5); known here: name, side" in said["refused"]


def test_a_step_is_its_folder_and_one_line(tmp_path: Path) -> None:
    tree = copied(tmp_path / "tree", "components", "earthline", "pipelines", "trainer")
    for name, content in STEP.items():
        path = tree / "components" / "count_files" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content.lstrip(), encoding="utf-8")
    insert(
        tree / "pipelines" / "workflow.py",
        'examples = exported.outputs["examples"]',
        '            step("count_files")(examples=examples)',
    )
    said = done(tree, COMPILE, str(tmp_path))
    assert said["steps"].index("count_files") > said["steps"].index("export_examples")
    assert said["kinds"]["counts.json"] == "counts"
    assert said["key"] == "Counts the files of the examples."
    assert said["spec"]["container"]["resources"]["resourceCpuLimit"] == "3"
    assert said["task"]["cachingOptions"] == {} and said["task"]["retryPolicy"]["maxRetryCount"] == 2
    assert said["counted"] == 1
