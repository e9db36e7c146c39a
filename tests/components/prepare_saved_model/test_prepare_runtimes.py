"""Which runtime a prepared model gets, and why."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.prepare_saved_model import export
from components.prepare_saved_model.runtimes import choice, comparison, conversion
from earthline.formats.served.references import Reference
from earthline.formats.served.runtime_record import RuntimeFigures

from ..wrapped import BANDS, CONTRACT, small_network


def probed(folder: Path, network: Any) -> Path:
    """A SavedModel with tiles as the proof leaves them."""
    export.save(network, CONTRACT, folder)
    shape = (3, *CONTRACT.sent_shape)
    image = np.random.default_rng(1).normal(size=(*shape, len(BANDS))).astype(np.float32)
    Reference(image, np.ones(shape, np.float32), np.zeros((*shape, 2), np.float32)).write(folder)
    return folder


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "ROUND_SECONDS", 0.01)
    monkeypatch.setattr(comparison, "ROUNDS", 1)


def test_a_runtime_that_gives_the_same_is_measured_and_one_that_does_not_is_left(tmp_path: Path) -> None:
    folder, network = probed(tmp_path, small_network()), small_network()
    conversion.convert(network, len(BANDS), folder)
    figures, faults = comparison.compare(folder)
    assert [each.name for each in figures] == ["openvino", "tensorflow"] and not faults
    assert figures[0].max_difference <= 1e-5
    # A weight that is off by a ten-thousandth shows.
    last = network.layers[-1]
    last.set_weights([values * np.float32(1.0001) for values in last.get_weights()])
    conversion.convert(network, len(BANDS), folder)
    figures, faults = comparison.compare(folder)
    assert [each.name for each in figures] == ["tensorflow"]
    assert "differ from TensorFlow's by up to" in faults["openvino"]
    record = choice.decided(tuple(figures), faults)
    assert record.name == "tensorflow" and record.reason == faults["openvino"]


def test_a_network_that_openvino_cannot_take_stays_with_tensorflow(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, valid = keras.Input((None, None, 3)), keras.Input((None, None, 1))
    strange = keras.layers.Lambda(lambda x: tf.math.betainc(tf.abs(x) + 1.0, tf.abs(x) + 2.0, tf.sigmoid(x)))
    outputs = keras.layers.Conv2D(2, 1, activation="softmax")(strange(image))
    network = keras.Model([image, valid], outputs)
    folder = probed(tmp_path, network)
    figures, faults = comparison.compare(folder)
    monkeypatch.setattr(choice, "_measured", lambda folder: (tuple(figures), faults))
    with caplog.at_level("INFO"):
        record = choice.choose(network, CONTRACT, folder)
    assert record.name == "tensorflow" and "Betainc" in record.reason
    assert record.reason in caplog.text
    assert not (folder / "openvino" / "model.xml").exists()


def figures(name: str, milliseconds: float) -> RuntimeFigures:
    return RuntimeFigures(
        name=name,  # type: ignore[arg-type]
        version="1",
        batch=4,
        processor_milliseconds=milliseconds,
        tiles_per_second=1,
        load_seconds=1,
        max_difference=0,
    )


@pytest.mark.parametrize(("openvino", "chosen"), [(5.0, "openvino"), (10.5, "openvino"), (12.0, "tensorflow")])
def test_the_faster_one_is_chosen_and_openvino_where_both_are_alike(openvino: float, chosen: str) -> None:
    record = choice.decided((figures("tensorflow", 10), figures("openvino", openvino)), {})
    assert record.name == chosen and record.batch == 4 and len(record.figures) == 2
    assert f"{openvino / 10:.2f} times its processor time" in record.reason


def test_where_nothing_could_be_measured_it_is_tensorflow_and_the_reason_is_kept() -> None:
    record = choice.decided((), {"tensorflow": "the measurement did not end within 300 s"})
    assert record.name == "tensorflow" and "300 s" in record.reason
