"""Chooses the runtime of a proven model, and says why."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from components.prepare_saved_model.runtimes import conversion
from earthline.formats.served.contract import Contract
from earthline.formats.served.runtime_record import RuntimeFigures, RuntimeRecord
from earthline.runtimes import processors

SECONDS = 300
"""How long the measurement may take."""
WORTH = 0.9
"""Share of TensorFlow's speed from which OpenVINO is chosen: it starts at once and needs a much smaller image."""
_logger = logging.getLogger(__name__)


def choose(network: Any, contract: Contract, folder: Path) -> RuntimeRecord:
    """Converts the network, measures both runtimes in a fresh process, and chooses.

    TensorFlow is what remains where OpenVINO cannot take the network, gives other numbers, or is slow; the log says so.

    Args:
        network: Keras model that the SavedModel wraps.
        contract: Of the SavedModel.
        folder: The SavedModel with contract and `probe.npz`, proven already.
    """
    faults: dict[str, str] = {}
    try:
        conversion.convert(network, len(contract.bands), folder)
    except conversion.ConversionError as error:
        faults["openvino"] = str(error)
    figures, found = _measured(folder)
    record = decided(figures, found | faults)
    _logger.info("prepare_saved_model: %s computes the model: %s", record.name, record.reason)
    for each in record.figures:
        _logger.info(
            "prepare_saved_model: %s %s: %.3g ms of processor time for a tile of %s px, %.3g tiles/s, %d in a call, "
            "ready after %.2g s, differs from TensorFlow by at most %.2g",
            each.name,
            each.version,
            each.processor_milliseconds,
            " x ".join(map(str, contract.sent_shape)),
            each.tiles_per_second,
            each.batch,
            each.load_seconds,
            each.max_difference,
        )
    return record


def decided(figures: tuple[RuntimeFigures, ...], faults: dict[str, str]) -> RuntimeRecord:
    """The choice.

    Args:
        figures: Of the runtimes that give the same.
        faults: Why others do not, by name.
    """
    by_name = {each.name: each for each in figures}
    tensorflow, openvino = by_name.get("tensorflow"), by_name.get("openvino")
    if tensorflow is None:
        return RuntimeRecord(reason=faults.get("tensorflow", "nothing could be measured"))
    shared = {"processors": processors.share(), "figures": figures}
    if openvino is None:
        return RuntimeRecord(batch=tensorflow.batch, reason=faults.get("openvino", "it is the only one"), **shared)
    ratio = tensorflow.processor_milliseconds / openvino.processor_milliseconds
    if ratio < WORTH:
        reason = f"OpenVINO gives the same, in {1 / ratio:.2f} times its processor time"
        return RuntimeRecord(batch=tensorflow.batch, reason=reason, **shared)
    reason = f"it gives the same as TensorFlow in {1 / ratio:.2f} times its processor time, and is ready sooner"
    return RuntimeRecord(name="openvino", batch=openvino.batch, reason=reason, **shared)


def _measured(folder: Path) -> tuple[tuple[RuntimeFigures, ...], dict[str, str]]:
    command = [sys.executable, "-m", "components.prepare_saved_model.runtimes.comparison", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return (), {"tensorflow": f"the measurement did not end within {SECONDS} s"}
    lines = done.stderr.strip().splitlines()
    if done.returncode != 0:
        told = f"the measurement broke off with status {done.returncode}: {' '.join(lines[-3:]) or 'no reason given'}"
        return (), {"tensorflow": told}
    content = json.loads(done.stdout.strip().splitlines()[-1])
    return tuple(RuntimeFigures.model_validate(each) for each in content["figures"]), content["faults"]
