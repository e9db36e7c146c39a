"""Proves in a fresh process that a SavedModel does what its contract says: `python -m ….proof FOLDER REFERENCE`.

Only the SavedModel is loaded, never Keras: what the trained model gave for real patches comes in REFERENCE, an .npz
file of `image` (tiles, height, width, bands), `bands` (their names) and `probabilities`.
"""

import argparse
import base64
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from earthline.contract import ARRAY_SIGNATURE, TENSOR_SIGNATURE, Contract

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-5
"""Largest difference of a probability that passes."""


class ProofError(ValueError):
    """The SavedModel breaks its contract; the text says how."""


def prove(folder: Path, image: Array, bands: Sequence[str], probabilities: Array) -> float:
    """Checks names, values, independence of the order of bands, and free tile sizes.

    Args:
        folder: The SavedModel with its contract.
        image: Real patches (tiles, height, width, bands), float32.
        bands: Names along the last axis.
        probabilities: What the trained model gave for them.

    Returns:
        The largest difference to the trained model.

    Raises:
        ProofError: The first term that does not hold.
    """
    contract = Contract.read(folder)
    loaded = tf.saved_model.load(str(folder))
    texts = _signature(loaded, TENSOR_SIGNATURE, contract)
    arrays = _signature(loaded, ARRAY_SIGNATURE, contract)
    if sorted(contract.bands) != sorted(bands):
        raise ProofError(f"the contract's bands {contract.bands} are not those of the examples, {tuple(bands)}")

    def by_name(values: Array, order: Sequence[str]) -> dict[str, Array]:
        return {band: values[..., bands.index(band)] for band in order}

    largest = 0.0
    for order in (contract.bands, tuple(reversed(contract.bands)), contract.bands[1:] + contract.bands[:1]):
        for name, result in (
            (ARRAY_SIGNATURE, _call_arrays(arrays, by_name(image, order), contract)),
            (TENSOR_SIGNATURE, _call_texts(texts, by_name(image, order), contract)),
        ):
            if result.shape != probabilities.shape:
                raise ProofError(f"signature {name} gives shape {result.shape}, the model {probabilities.shape}")
            difference = float(np.abs(result - probabilities).max())
            if not difference <= TOLERANCE:
                raise ProofError(
                    f"signature {name}, bands sent as {', '.join(order)}: differs from the trained model by up to "
                    f"{difference:.2g} (allowed: {TOLERANCE:g}); are its inputs mapped in the order {', '.join(bands)}?"
                )
            largest = max(largest, difference)
    _prove_sizes(arrays, by_name(image, contract.bands), contract)
    return largest


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the largest difference; status 1 and the reason on standard error where a term does not hold."""
    parser = argparse.ArgumentParser(description="Proves a SavedModel against its contract.")
    parser.add_argument("folder", type=Path, help="Folder of the SavedModel.")
    parser.add_argument("reference", type=Path, help="What the trained model gave, .npz.")
    parsed = parser.parse_args(arguments)
    with np.load(parsed.reference, allow_pickle=False) as reference:
        image, bands = reference["image"], [str(band) for band in reference["bands"]]
        probabilities = reference["probabilities"]
    try:
        print(f"{prove(parsed.folder, image, bands, probabilities):.9g}")
    except (ProofError, OSError, ValueError) as error:
        print(str(error), file=sys.stderr)
        return 1
    return 0


def _signature(loaded: Any, name: str, contract: Contract) -> Any:
    signature = loaded.signatures.get(name)
    if signature is None:
        raise ProofError(f"there is no signature '{name}', only {', '.join(loaded.signatures) or 'none'}")
    takes = set(signature.structured_input_signature[1])
    if takes != set(contract.bands):
        raise ProofError(
            f"signature {name} takes {', '.join(sorted(takes))} instead of the bands {', '.join(contract.bands)}: "
            "Earth Engine sends inputs by the name of their band, and renamed inputs would be mixed up"
        )
    gives = set(signature.structured_outputs)
    if gives != {contract.output}:
        raise ProofError(
            f"signature {name} names its output {', '.join(sorted(gives))} instead of {contract.output}, which "
            "ee.Model's outputBands asks for"
        )
    return signature


def _call_arrays(signature: Any, tiles: dict[str, Array], contract: Contract) -> Array:
    result: Array = signature(**{band: tf.constant(values) for band, values in tiles.items()})[contract.output].numpy()
    return result


def _call_texts(signature: Any, tiles: dict[str, Array], contract: Contract) -> Array:
    def text(tile: Array) -> bytes:
        return base64.urlsafe_b64encode(tf.io.serialize_tensor(tile[..., np.newaxis]).numpy())

    answer = signature(**{band: tf.constant([text(tile) for tile in values]) for band, values in tiles.items()})
    decoded = [
        tf.io.parse_tensor(base64.urlsafe_b64decode(each), tf.float32).numpy()
        for each in answer[contract.output].numpy()
    ]
    return np.stack(decoded)


def _prove_sizes(signature: Any, tiles: dict[str, Array], contract: Contract) -> None:
    for height, width in ((contract.stride + 1, 2 * contract.stride - 1), (1, 1)):
        cut = {band: values[:1, :height, :width] for band, values in tiles.items()}
        asked = next(iter(cut.values())).shape
        shape = _call_arrays(signature, cut, contract).shape
        if shape != (*asked, len(contract.class_names)):
            raise ProofError(f"a tile of {asked[1:]} px comes back as {shape[1:]}; tile sizes must be free")


if __name__ == "__main__":
    sys.exit(main())
