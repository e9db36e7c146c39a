"""A question whose answer is known: real tiles, as Earth Engine sends them, and what the proven model gave for them."""

import logging
import math
import time
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import (
    DeadlineExceeded,
    FailedPrecondition,
    GatewayTimeout,
    GoogleAPICallError,
    ServiceUnavailable,
    TooManyRequests,
)
from google.api_core.retry import exponential_sleep_generator

from earthline.formats import tensors
from earthline.formats.served.agreement import differs, furthest
from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import FULL, ServedOutput
from earthline.formats.served.references import Reference, scale
from earthline.vertex.endpoints import call_options

WARMING_SECONDS = 300.0
"""How long a deployed model may be unavailable: replicas that have just started answer 503 for a while."""
ANSWER_SECONDS = 60.0
"""How long Vertex AI's shared endpoints wait for a container."""
MOST_REQUESTS = 600
"""Requests per percent of traffic: with so many, a model without an answer is missed once in 400 times at most."""
SETTLING_SECONDS = 60.0
"""How long a new traffic split may take to be followed everywhere."""
TOLERANCE = 1e-3
"""Largest difference of an output, as a share of `references.scale`: another processor rounds otherwise, another model
differs by far more."""
_WARMING = (ServiceUnavailable, TooManyRequests, DeadlineExceeded, GatewayTimeout)
_logger = logging.getLogger(__name__)


class ProbeError(RuntimeError):
    """The model did not answer as the proven SavedModel did; the text says what came instead."""


@dataclass(frozen=True)
class Probe:
    """Asks for real tiles of the shape that Earth Engine sends, overlap included.

    Attributes:
        contract: What the model takes and gives.
        reference: The tiles and what the SavedModel gave for them.
    """

    contract: Contract
    reference: Reference

    def ask(self, endpoint: Any, deployed_id: str) -> float:
        """Sends each tile until the deployed model itself has answered it, which a small share of traffic delays.

        Args:
            endpoint: The `aiplatform.Endpoint`.
            deployed_id: The model's id on it; it must have traffic.

        Returns:
            The largest difference of an output.

        Raises:
            ProbeError: A wrong answer, or none from this model.
            google.api_core.exceptions.GoogleAPICallError: An error instead of an answer.
        """
        return max(
            self.check(self._answer(endpoint, deployed_id, tile), tile) for tile in range(len(self.reference.image))
        )

    def check(self, predictions: Any, tile: int) -> float:
        """Compares what came back for one tile.

        Args:
            predictions: The answer's list.
            tile: Place of the tile that was sent.

        Returns:
            The largest difference of an output.

        Raises:
            ProbeError: Not one tensor for each output, of what the SavedModel gave.
        """
        if not isinstance(predictions, list) or len(predictions) != 1:
            raise ProbeError(f"one tile was sent; the answer is {_shown(predictions)} instead of a list of one")
        outputs, first = self.contract.outputs, predictions[0]
        if not isinstance(first, dict):
            # Of one output alone the name may be left out.
            first = {outputs[0].name: first} if len(outputs) == 1 else {}
        return max(self._compared(output, first.get(output.name), predictions[0], tile) for output in outputs)

    def _compared(self, output: ServedOutput, text: Any, answer: Any, tile: int) -> float:
        """The difference of one output, where it is one of floats."""
        name, values = output.name, self.reference.outputs[tile]
        if not isinstance(text, str):
            raise ProbeError(f"the answer has no text '{name}' but {_shown(answer)}; see the contract's outputs")
        shape = (*values.shape[:2], output.values)
        try:
            found = tensors.decode(text, math.prod(shape), (output.type,))
        except tensors.TensorError as error:
            raise ProbeError(f"the answer's '{name}' is no tensor: {error}") from error
        if found.shape != shape:
            raise ProbeError(f"'{name}' has shape {list(found.shape)} instead of {list(shape)}")
        allowed = TOLERANCE * scale(values[..., output.first : output.last])
        wrong = int(differs(found, values, output, allowed).sum())
        difference = furthest(found, values, output) / (FULL if output.is_share else 1)
        if wrong:
            raise ProbeError(
                f"'{name}' of a real tile differs from the proven SavedModel's in {wrong:,} pixels, by up to "
                f"{difference:.2g} (allowed: what floats explain that differ by {allowed:g}): another model, or "
                "another server, answers than the one that was proved"
            )
        return difference if output.type == "float32" or output.is_share else 0.0

    def _answer(self, endpoint: Any, deployed_id: str, tile: int) -> Any:
        percent = endpoint.traffic_split.get(deployed_id, 0)
        if not percent:
            raise ProbeError(f"the deployed model {deployed_id} has no traffic, so that nothing can be asked of it")
        instances = [self.reference.instance(tile, self.contract)]
        most, settled = math.ceil(MOST_REQUESTS / percent), time.monotonic() + SETTLING_SECONDS
        asked = 0
        while asked < most or time.monotonic() < settled:
            asked += 1
            answer = _patient_answer(endpoint, instances)
            if answer.deployed_model_id == deployed_id:
                return answer.predictions
            if asked >= most:
                time.sleep(1.0)
        raise ProbeError(
            f"no request of {asked} reached the deployed model {deployed_id}, which has {percent} % of the traffic"
        )


def _patient_answer(endpoint: Any, instances: list[dict[str, str]]) -> Any:
    """One answer; a model that warms up is waited for."""
    ready, options = time.monotonic() + WARMING_SECONDS, call_options(endpoint)
    for pause in exponential_sleep_generator(0.5, 15.0):
        try:
            return endpoint.predict(instances=instances, timeout=ANSWER_SECONDS, **options)
        except GoogleAPICallError as error:
            if not _is_warming(error) or time.monotonic() + pause > ready:
                raise
            _logger.info("deploy_model: not ready yet (%s); asking again", error)
            time.sleep(pause)
    raise AssertionError("the pauses never end")


def _is_warming(error: GoogleAPICallError) -> bool:
    # A split that was set a moment ago may not have reached every front end.
    return isinstance(error, _WARMING) or (isinstance(error, FailedPrecondition) and "traffic" in str(error))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
