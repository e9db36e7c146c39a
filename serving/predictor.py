"""What computes predictions for HTTP and gRPC alike, as the two see it."""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Protocol

from earthline.formats.served.contract import Contract
from serving.payloads import Array, Tile


class BusyError(Exception):
    """Nothing was computed, because too much is waiting; the text says so.

    Attributes:
        retry_seconds: When to try again.
    """

    def __init__(self, message: str, retry_seconds: int) -> None:
        """Takes the text and the time."""
        super().__init__(message)
        self.retry_seconds = retry_seconds


class Predictor(Protocol):
    """A model that may still be loading."""

    @property
    def contract(self) -> Contract | None:
        """Of the model; None until it is loaded, and once requests are no longer taken."""

    @property
    def loaded(self) -> Contract | None:
        """Of the model; None until it is loaded. Requests that arrive while the server ends are answered."""

    @property
    def reason(self) -> str:
        """Why there is no contract."""

    @property
    def codecs(self) -> Executor:
        """Threads that read requests and write answers."""

    async def results(self, tiles: Sequence[Tile]) -> Sequence[Array]:
        """float32 (height, width, entries) of each tile. Raises BusyError."""
