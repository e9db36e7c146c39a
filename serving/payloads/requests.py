"""What was asked, whatever the format."""

from collections.abc import Sequence
from dataclasses import dataclass

from earthline.formats.served.contract import Contract
from serving.payloads.answers import AnswerFormat
from serving.payloads.tiles import Array, RequestError, Tile


@dataclass(frozen=True)
class Request:
    """What was asked.

    Attributes:
        tiles: An array (height, width) per input and instance, in the request's order.
        contract: Of the model that answers.
        format: How to answer.
    """

    tiles: Sequence[Tile]
    contract: Contract
    format: AnswerFormat

    def answer(self, results: Sequence[Array]) -> bytes:
        """The body of the answer, in the format of the request.

        Args:
            results: float32 (height, width, entries) of each tile, as a runtime computes them.

        Raises:
            RequestError: It is longer than the contract allows, which only JSON's numbers can be: how long they are
                is not known before.
        """
        written = self.format.written(results, self.contract)
        most = self.contract.max_payload_bytes
        if len(written) > most:
            raise RequestError(
                f"the answer has {len(written):,} bytes, over the contract's {most:,}; send fewer or smaller tiles at "
                "a time, or use a payload format of tensors, SERIALIZED_TF_TENSORS"
            )
        return written


def check_length(body: bytes, contract: Contract) -> None:
    """Raises RequestError where a request is longer than the contract allows."""
    if len(body) > contract.max_payload_bytes:
        raise RequestError(
            f"the request has {len(body):,} bytes, over the contract's {contract.max_payload_bytes:,}; send fewer or "
            "smaller tiles at a time",
            413,
        )
