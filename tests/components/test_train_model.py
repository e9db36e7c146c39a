import json
from pathlib import Path
from typing import Any

import pytest
from google_cloud_pipeline_components.v1.custom_job import create_custom_training_job_from_component
from kfp import dsl
from matplotlib.figure import Figure

from components.train_model import figures
from components.train_model.component import train_model
from components.train_model.run import run
from earthline.config import Train

# Keras hands TensorFlow's arrays to h5py, and those do not know NumPy 2's `copy` yet: nothing of ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_metrics_of_the_best_epoch_become_metrics(trained: Any) -> None:
    history = json.loads((Path(trained.model.path) / "history.json").read_text())
    best = history["epochs"][history["best_epoch"] - 1]["metrics"]
    assert trained.metrics.metadata["val_accuracy"] == best["val_accuracy"]
    assert trained.metrics.metadata["epochs"] == 3
    assert trained.model.metadata["task"]["entries"] == ["dark", "bright"]
    assert (Path(trained.model.path) / "learning_curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_learning_curves_have_no_halves_of_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: drawn.append(self))
    each = [{"epoch": epoch + 1, "metrics": {"loss": 0.1, "val_loss": 0.2}} for epoch in range(epochs)]
    (tmp_path / "history.json").write_text(json.dumps({"best_epoch": 1, "epochs": each}))
    figures.learning_curves(tmp_path / "history.json", tmp_path / "curves.png", {})
    shown = [tick for tick in drawn[0].axes[0].get_xticks() if 1 <= tick <= epochs]
    assert shown == [1 + epoch for epoch in range(epochs)]


def test_examples_of_another_config_are_refused(trained: Any) -> None:
    other = json.loads(trained.data)
    other["imagery"]["bands"] = ["red", "nir", "swir"]
    with pytest.raises(
        ValueError, match=r"data\.imagery\.bands: the config has red, nir, swir, the examples have swir"
    ):
        run(
            data=json.dumps(other),
            train=Train().model_dump_json(),
            examples=trained.examples,
            model=dsl.Model(),
            metrics=dsl.Metrics(),
        )


def test_vertex_ai_wraps_it_as_a_custom_job_with_its_artifacts() -> None:
    wrapped = create_custom_training_job_from_component(train_model, display_name="train", machine_type="n1-standard-4")
    assert set(wrapped.component_spec.outputs) == {"gcp_resources", "model", "metrics"}
    assert {"data", "train", "examples"} <= set(wrapped.component_spec.inputs)
