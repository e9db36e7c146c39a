"""An accelerator that was asked for and is not there ends the training before it begins."""

from pathlib import Path

import pytest
import tensorflow as tf
from kfp import dsl

from earthline.config import Train
from trainer import distribution


def test_without_a_request_none_is_needed() -> None:
    distribution.require_accelerators(0)


def test_too_few_are_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"] if kind == "GPU" else [])
    distribution.require_accelerators(1)
    with pytest.raises(distribution.AcceleratorError, match=r"asks for 2 GPU\(s\), TensorFlow sees 1"):
        distribution.require_accelerators(2)
    monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: True)
    with pytest.raises(distribution.AcceleratorError, match="its driver does not work"):
        distribution.require_accelerators(2)


@pytest.mark.skipif(tf.test.is_built_with_cuda(), reason="TensorFlow may see a GPU here")
def test_the_step_fails_before_it_reads_an_example(tmp_path: Path) -> None:
    from components.train_model.component import train_model

    section = Train(accelerator_type="NVIDIA_TESLA_T4", accelerator_count=1)
    nowhere = dsl.Dataset(uri=str(tmp_path / "nowhere"))
    with pytest.raises(distribution.AcceleratorError, match="TensorFlow for processors alone: build one with"):
        train_model.python_func(
            data="{}",
            train=section.model_dump_json(),
            examples=nowhere,
            model=dsl.Model(uri=str(tmp_path / "model")),
            metrics=dsl.Metrics(uri=str(tmp_path / "metrics")),
        )
