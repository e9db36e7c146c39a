"""A deployed model as a predictor: requests below the endpoint's limits, asked again where that may help."""

import json
import random
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import requests
from google.auth import exceptions as auth_exceptions

from earthline.formats import tensors
from earthline.formats.served.contract import Contract

Array = np.ndarray[Any, Any]

TIMEOUT_SECONDS = 75.0
"""Of one request: Vertex AI's shared endpoints wait 60 s for a container."""
PATIENCE_SECONDS = 300.0
"""How long a group of tiles is asked for again: replicas that have just started answer 503 for a while."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
MOST_ANSWER_BYTES = 64 << 20
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""After these the same request may be answered a little later."""
_FRAME_BYTES = 80
"""Of a tensor on the wire beside its values: header, quotes and braces, without its name."""
_SHOWN = 300

Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""


class EndpointError(RuntimeError):
    """An endpoint that does not answer, or not with what the contract says; the text says what to do."""


class Post(Protocol):
    """Sends a body to a predict route."""

    def __call__(self, body: bytes) -> Answer:
        """Gives what came back.

        Raises:
            requests.RequestException: The connection failed.
            google.auth.exceptions.GoogleAuthError: There are no credentials.
        """


class Endpoint:
    """A model behind a predict route; may be asked by several threads."""

    def __init__(self, post: Post, contract: Contract, name: str) -> None:
        """Keeps them.

        Args:
            post: Sends a body.
            contract: Of the model that answers.
            name: Of the endpoint, for errors.
        """
        self._post = post
        self._contract = contract
        self._name = name
        self._ended = threading.Event()

    def end(self) -> None:
        """Makes whoever waits for another try give up."""
        self._ended.set()

    def outputs(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Predicts tiles.

        Args:
            inputs: float32 (tiles, height, width) by input of the contract.

        Returns:
            By output of the contract: (tiles, height, width, values) of the output's type.

        Raises:
            EndpointError: No answer, or another one than the contract promises.
        """
        count, *shape = next(iter(inputs.values())).shape
        instances = [
            {
                name: tensors.encode(self._contract.typed(name, values[tile][..., np.newaxis]))
                for name, values in inputs.items()
            }
            for tile in range(count)
        ]
        content = self._patient(json.dumps({"instances": instances}, separators=(",", ":")).encode())
        predictions = content.get("predictions") if isinstance(content, dict) else None
        if not isinstance(predictions, list) or len(predictions) != count:
            raise EndpointError(
                f"{self._name} answered {count} tiles with {_brief(content)} instead of a list `predictions` of {count}"
            )
        found = [self._read(prediction, tuple(shape)) for prediction in predictions]
        return {output.name: np.stack([each[output.name] for each in found]) for output in self._contract.outputs}

    def _read(self, prediction: Any, shape: tuple[int, ...]) -> dict[str, Array]:
        outputs = self._contract.outputs
        if not isinstance(prediction, dict) and len(outputs) == 1:
            # A single output may come without its name.
            prediction = {outputs[0].name: prediction}
        found = {}
        for output in outputs:
            text = prediction.get(output.name) if isinstance(prediction, dict) else None
            if not isinstance(text, str):
                raise EndpointError(
                    f"{self._name} gives no text '{output.name}' but {_brief(prediction)}: another model answers than "
                    "the one whose contract was read"
                )
            wanted = (*shape, output.values)
            try:
                array = tensors.decode(text, int(np.prod(wanted)), (output.type,))
            except tensors.TensorError as error:
                raise EndpointError(f"{self._name}: '{output.name}' is no tensor: {error}") from error
            if array.shape not in (wanted, wanted[:2]):
                raise EndpointError(
                    f"{self._name}: '{output.name}' has shape {list(array.shape)}, the contract says {list(wanted)}"
                )
            found[output.name] = array.reshape(wanted)
        return found

    def _patient(self, body: bytes) -> Any:
        """An answer's content; what is busy is asked again."""
        ends, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE
        while True:
            told, after = self._try(body)
            if isinstance(told, bytes):
                try:
                    return json.loads(told)
                except ValueError as error:
                    raise EndpointError(f"{self._name} answered no JSON: {_brief(told)}") from error
            # Not all at the same moment again.
            wait = max(after, pause * random.uniform(0.5, 1.0))
            if time.monotonic() + wait > ends:
                raise EndpointError(
                    f"{self._name} has not answered for {PATIENCE_SECONDS:.0f} s ({told}); try later, with a smaller "
                    "--concurrency or more replicas"
                )
            if self._ended.wait(wait):
                raise EndpointError(f"{self._name}: given up ({told})")
            pause = min(2 * pause, LONGEST_PAUSE)

    def _try(self, body: bytes) -> tuple[bytes | str, float]:
        """The body of an answer; or why there is none, and after how many seconds another try makes sense."""
        try:
            status, headers, content = self._post(body)
        except auth_exceptions.TransportError as error:
            return f"{type(error).__name__}: {error}", 0.0
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            return f"{type(error).__name__}: {error}"[:_SHOWN], 0.0
        if status == 200:
            return content, 0.0
        said = _brief(content)
        if status in _BUSY:
            return f"{status}: {said}", _seconds(headers.get("Retry-After", ""))
        hint = ""
        if status in (401, 403):
            hint = (
                "; sign in with `gcloud auth application-default login`, and ask for the role that may call it (Vertex "
                "AI User, or Cloud Run Invoker)"
            )
        elif status == 404:
            hint = "; is its predict route the one that the address names?"
        raise EndpointError(f"{self._name} refuses ({status}): {said}{hint}")


def most_tiles(contract: Contract, most_bytes: int) -> int:
    """Tiles that one request and its answer hold.

    Args:
        contract: Has tile, overlap and outputs.
        most_bytes: Largest body.

    Raises:
        EndpointError: Not even one.
    """
    pixels = (contract.tile_shape[0] + contract.overlap[0]) * (contract.tile_shape[1] + contract.overlap[1])
    asked = sum(_text_bytes(_item_bytes(contract, name) * pixels, name) for name in contract.inputs)
    answered = sum(_text_bytes(output.pixel_bytes * pixels, output.name) for output in contract.outputs)
    found = (most_bytes - _FRAME_BYTES) // max(asked, answered)
    if found < 1:
        raise EndpointError(
            f"a tile takes {asked:,} bytes to ask and {answered:,} to answer, the limit is {most_bytes:,}: prepare the "
            "model with a smaller serving.tile_shape"
        )
    return int(found)


def _item_bytes(contract: Contract, name: str) -> int:
    return contract.typed(name, np.zeros(0)).itemsize


def _text_bytes(size: int, name: str) -> int:
    return 4 * -(-(size + _FRAME_BYTES) // 3) + len(name) + 8


def _seconds(text: str) -> float:
    """Retry-After in seconds; its other form, a date, counts as nothing said."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def _brief(value: Any) -> str:
    if isinstance(value, bytes):
        value = value[: 4 * _SHOWN].decode("utf-8", "replace")
    text = " ".join((value if isinstance(value, str) else repr(value)).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
