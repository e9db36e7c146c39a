"""Wraps a trained model for Earth Engine and proves in a fresh process that the wrapped one gives the same."""

import logging
from pathlib import Path
from typing import Any

from components.prepare_saved_model import export, tiles
from components.prepare_saved_model.proof import evidence, process
from components.prepare_saved_model.proof.process import Proof
from components.prepare_saved_model.runtimes import choice
from earthline import finding
from earthline.config import Data, Serving
from earthline.entry_point import entry_point
from earthline.formats.learned_ground import LearnedGround
from earthline.formats.manifest import Manifest
from earthline.formats.served.contract import VALID_BAND, Contract
from earthline.formats.served.outputs import ServedOutput
from earthline.task import task_of, task_of_record
from earthline.task.serving import served
from trainer import saved_network
from trainer.description import SAVED_MODEL, Description, require_match

COMMAND = ("python3", "-m", "serving")
PORT = 8080
GRPC_PORT = 8500
PREDICT_ROUTE = "/predict"
HEALTH_ROUTE = "/health"
FLOAT_BYTES = 4
_logger = logging.getLogger(__name__)


@entry_point
def run(
    *, data: Data, serving: Serving, image: str, serving_image: str, examples: Any, model: Any, prepared: Any
) -> None:
    """The step. Artifacts are KFP's: `.path` is read and written.

    Args:
        data: The config's section.
        serving: The config's section.
        image: Container image whose prediction server serves any model.
        serving_image: Container image that serves models that need no TensorFlow; it has none.
        examples: Dataset (input), for real patches.
        model: Model that the trainer wrote (input).
        prepared: google.UnmanagedContainerModel (output): its folder becomes the SavedModel with `contract.json`, its
            metadata the container that serves it.

    Raises:
        ValueError: Model, examples and config differ in bands or labels.
        ProofError: The wrapped model is refused; the text says all that it fails.
    """
    manifest = Manifest.read(Path(examples.path))
    require_match(data, manifest)
    colors = task_of(data).legend.colors
    contract, proof = prepare(serving, Path(model.path), Path(examples.path), Path(prepared.path), colors)
    prepared.metadata["containerSpec"] = container(contract, image, serving_image)
    prepared.metadata["bands"] = list(contract.bands)
    prepared.metadata["inputs"] = list(contract.inputs)
    prepared.metadata["tiles"] = contract.plan.summary
    prepared.metadata["outputs"] = {output.name: output.type for output in contract.outputs}
    prepared.metadata["runtime"] = f"{contract.runtime.name}: {contract.runtime.reason}"
    prepared.metadata["max_difference"] = contract.max_difference
    prepared.metadata["proof"] = finding.shown(proof.findings)


def container(contract: Contract, image: str, serving_image: str) -> dict[str, Any]:
    """The container that serves a model, as `containerSpec`; arguments as of `run`."""
    found: dict[str, Any] = {
        "imageUri": serving_image if contract.runtime.name == "openvino" else image,
        "command": list(COMMAND),
        "ports": [{"containerPort": PORT}],
        "predictRoute": PREDICT_ROUTE,
        "healthRoute": HEALTH_ROUTE,
    }
    if contract.payload_format.startswith("GRPC"):
        # Without a declared port, Vertex AI passes no gRPC on; with one, it asks that port for the health as well.
        found["grpcPorts"] = [{"containerPort": GRPC_PORT}]
    return found


def prepare(
    section: Serving, model_folder: Path, examples: Path, folder: Path, colors: tuple[str, ...] = ()
) -> tuple[Contract, Proof]:
    """Writes and proves the SavedModel.

    Args:
        section: The config's section.
        model_folder: Folder that the trainer wrote.
        examples: Folder of the dataset.
        folder: Folder to write.
        colors: Of the map's legend.

    Returns:
        The contract, with the difference that the proof found, and all that it found.

    Raises:
        ValueError: The model has other bands than the examples.
        ProofError: The wrapped model is refused; the text says all that it fails.
    """
    description = Description.read(model_folder)
    manifest = Manifest.read(examples)
    if description.bands != manifest.bands:
        raise ValueError(f"the model takes {description.bands}, the examples have {manifest.bands}; train it again")
    network = saved_network.read(model_folder)
    outputs = {}
    if not isinstance(section.outputs, str):
        task = task_of_record(description.task)
        outputs["outputs"] = served(section.outputs, task, description.further, description.certainty)
    plan = tiles.plan(section, description, _pixel_bytes(outputs.get("outputs"), description))
    contract = Contract(
        bands=description.bands,
        types=tiles.types(section, description),
        arguments=export.arguments((*description.bands, VALID_BAND)),
        task=description.task,
        further=description.further,
        certainty=description.certainty,
        **outputs,
        colors=colors,
        tile_shape=plan.tile,
        overlap=plan.overlap,
        overlap_reading=plan.reading,
        reach=description.margin,
        seams_allowed=section.seams == "allowed",
        stride=description.stride,
        max_payload_bytes=section.payload_limit,
        payload_format=section.payload_format,
        split_hash=manifest.split_hash,
        learned_ground=LearnedGround.of(manifest),
    )
    _logger.info("prepare_saved_model: writing the SavedModel")
    export.save(network, contract, folder)
    patches = evidence.patches(examples, manifest)
    seen = evidence.evidence(network, patches, description.bands)
    _logger.info("prepare_saved_model: proving it in a fresh process")
    proof = process.prove(folder, seen, model_folder / SAVED_MODEL)
    finding.log(proof.findings, "prepare_saved_model")
    contract = contract.model_copy(update={"max_difference": proof.require()})
    contract.write(folder)
    _logger.info("prepare_saved_model: measuring what computes it")
    contract = contract.model_copy(update={"runtime": choice.choose(network, contract, folder)})
    finding.log([tiles.answer_time(section, contract)], "prepare_saved_model")
    contract.write(folder)
    placed = evidence.placed(network, seen, manifest, contract, description.receptive_field)
    if placed is not None:
        placed.write(folder)
    return contract, proof


def _pixel_bytes(outputs: tuple[ServedOutput, ...] | None, description: Description) -> tuple[int, ...]:
    """Bytes of a pixel in each tensor of an answer; all entries as floats where no outputs are named."""
    if outputs is None:
        return (FLOAT_BYTES * (len(description.task.entries) + len(description.further)),)
    return tuple(output.pixel_bytes for output in outputs)
