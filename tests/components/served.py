"""The contract of what `model_server.py` serves."""

from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import ServedOutput
from earthline.task.classification.task import Classification

NAMES = ("low", "middle", "high")


def contract(outputs: tuple[ServedOutput, ...]) -> Contract:
    return Contract(
        bands=("b1", "b2"),
        task=Classification(NAMES).record,
        tile_shape=(16, 24),
        overlap=(4, 8),
        stride=4,
        max_payload_bytes=1_500_000,
        outputs=outputs,
    )
