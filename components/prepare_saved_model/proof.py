"""Proves in a fresh process that a SavedModel does what its contract says: `python -m ….proof FOLDER REFERENCE`.

Only the SavedModel is loaded, never Keras: what the trained model gave for real patches comes in REFERENCE, an .npz
file of `image` (tiles, height, width, bands), `bands` (their names), `valid` (tiles, height, width) and
`outputs`. What passes writes `probe.npz` beside the contract: tiles as Earth Engine sends them, and its answers.
"""

import argparse
import base64
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from earthline.formats import tensors
from earthline.formats.contract import ARRAY_SIGNATURE, TENSOR_SIGNATURE, Contract
from earthline.formats.references import Reference, scale

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-5
"""Largest difference of an output that passes, as a share of `references.scale`."""
PROBE_TILES = 3
"""Tiles that whoever serves the model is asked for."""


class ProofError(ValueError):
    """The SavedModel breaks its contract; the text says how."""


class Prover:
    """One SavedModel, its contract, and what the trained model gave."""

    def __init__(self, folder: Path, image: Array, valid: Array, bands: Sequence[str], outputs: Array) -> None:
        """Loads the SavedModel.

        Args:
            folder: The SavedModel with its contract.
            image: Real patches (tiles, height, width, bands), float32.
            valid: Their validity (tiles, height, width), float32: 1 or 0.
            bands: Names along the image's last axis.
            outputs: What the trained model gave for them (tiles, height, width, entries).

        Raises:
            ProofError: A signature is missing, or its inputs or its output have other names than the contract's.
        """
        self._contract = Contract.read(folder)
        self._folder = folder
        self._image, self._valid, self._bands, self._outputs = image, valid, list(bands), outputs
        self._tolerance = TOLERANCE * scale(outputs)
        # The signatures live only as long as what was loaded.
        self._loaded = tf.saved_model.load(str(folder))
        self._texts = self._signature(TENSOR_SIGNATURE)
        self._arrays = self._signature(ARRAY_SIGNATURE)
        if sorted(self._contract.bands) != sorted(bands):
            raise ProofError(
                f"the contract's bands {self._contract.bands} are not those of the examples, {tuple(bands)}"
            )

    def prove(self) -> float:
        """Checks values, independence of the order of inputs, masks, what is no number, and free tile sizes.

        Returns:
            The largest difference to the trained model.

        Raises:
            ProofError: The first term that does not hold.
        """
        largest = self._prove_values()
        self._prove_masks()
        self._prove_sizes()
        return largest

    def write_probe(self) -> None:
        """Writes `probe.npz`: real patches, mirrored to the shape that Earth Engine sends, and the answers to them.

        Raises:
            ProofError: A tile of that shape makes a larger request or answer than the contract allows.
        """
        height, width = self._contract.sent_shape
        image, valid = (_mirrored(each[:PROBE_TILES], height, width) for each in (self._image, self._valid))
        order = [self._bands.index(band) for band in self._contract.bands]
        inputs = self._inputs(image, valid)
        reference = Reference(image[..., order], valid, self._call_arrays(inputs))
        answer = {self._contract.output: tensors.encode(reference.outputs[0])}
        for what, content in (
            ("a request", {"instances": [reference.instance(0, self._contract)]}),
            ("an answer", {"predictions": [answer]}),
        ):
            size = len(json.dumps(content))
            if size > self._contract.max_payload_bytes:
                raise ProofError(
                    f"a tile of {height} x {width} pixels, the overlap at each edge, makes {what} of {size:,} bytes, "
                    f"over max_payload_bytes {self._contract.max_payload_bytes:,}: use a smaller serving.tile_shape or "
                    "serving.overlap"
                )
        reference.write(self._folder)

    def _prove_values(self) -> float:
        largest = 0.0
        inputs = list(self._contract.inputs)
        named = self._inputs(self._image, self._valid)
        for order in (inputs, inputs[::-1], inputs[1:] + inputs[:1]):
            sent = {name: named[name] for name in order}
            for name, result in (
                (ARRAY_SIGNATURE, self._call_arrays(sent)),
                (TENSOR_SIGNATURE, self._call_texts(sent)),
            ):
                if result.shape != self._outputs.shape:
                    raise ProofError(f"signature {name} gives shape {result.shape}, the model {self._outputs.shape}")
                difference = float(np.abs(result - self._outputs).max())
                if not difference <= self._tolerance:
                    raise ProofError(
                        f"signature {name}, inputs sent as {', '.join(order)}: differs from the trained model by up to "
                        f"{difference:.2g} (allowed: {self._tolerance:g}); are its inputs mapped in the order "
                        f"{', '.join(self._bands)}?"
                    )
                largest = max(largest, difference)
        return largest

    def _prove_masks(self) -> None:
        masked = self._valid.copy()
        masked[:, : masked.shape[1] // 3, masked.shape[2] // 2 :] = 0
        wanted = self._call_arrays(self._inputs(self._image, masked))
        if not np.isfinite(wanted).all():
            raise ProofError(f"a tile with masked pixels gives {self._contract.output} that are no numbers")
        holds = {"1e6": 1e6, "-1e30": -1e30, "NaN": np.nan, "infinity": np.inf}
        for told, value in holds.items():
            image = np.where(masked[..., np.newaxis] > 0, self._image, np.float32(value))
            self._compare(self._call_arrays(self._inputs(image, masked)), wanted, f"{told} under the mask")
        for told, value in (("NaN", np.nan), ("infinity", np.inf)):
            image = self._image.copy()
            # In one band only: its neighbours are told by the other bands that the pixel is there.
            image[..., -1] = np.where(masked > 0, image[..., -1], np.float32(value))
            found = self._call_arrays(self._inputs(image, self._valid))
            self._compare(found, wanted, f"{told} in one band of a valid pixel, instead of a masked one,")

    def _compare(self, found: Array, wanted: Array, told: str) -> None:
        difference = float(np.abs(found - wanted).max())
        if not difference <= self._tolerance:
            raise ProofError(f"{told} changes {self._contract.output} by up to {difference:.2g}; it must change none")

    def _prove_sizes(self) -> None:
        stride, (rows, columns) = self._contract.stride, self._valid.shape[1:]
        for height, width in ((stride + 1, 2 * stride - 1), (rows - 1, max(1, columns - stride + 1)), (1, 1)):
            image, valid = self._image[:1, :height, :width], self._valid[:1, :height, :width]
            height, width = valid.shape[1:]
            found = self._call_arrays(self._inputs(image, valid))
            wanted = (1, height, width, self._contract.entries)
            if found.shape != wanted:
                raise ProofError(
                    f"a tile of {height} x {width} px comes back as {found.shape}; tile sizes must be free"
                )
            whole = [-(-side // stride) * stride for side in (height, width)]
            mirrored = self._inputs(_mirrored(image, *whole), _mirrored(valid, *whole))
            self._compare(
                found, self._call_arrays(mirrored)[:, :height, :width], f"sending {height} x {width} px unmirrored"
            )

    def _inputs(self, image: Array, valid: Array) -> dict[str, Array]:
        bands = {band: image[..., self._bands.index(band)] for band in self._contract.bands}
        return {**bands, self._contract.valid: valid}

    def _signature(self, name: str) -> Any:
        signature = self._loaded.signatures.get(name)
        if signature is None:
            raise ProofError(f"there is no signature '{name}', only {', '.join(self._loaded.signatures) or 'none'}")
        takes = set(signature.structured_input_signature[1])
        wanted = self._contract.named(dict.fromkeys(self._contract.inputs))
        if takes != set(wanted):
            raise ProofError(
                f"signature {name} takes {', '.join(sorted(takes))} instead of {', '.join(wanted)}: inputs are found "
                "by name, and renamed ones would be mixed up"
            )
        gives = set(signature.structured_outputs)
        if gives != {self._contract.output}:
            raise ProofError(
                f"signature {name} names its output {', '.join(sorted(gives))} instead of {self._contract.output}, "
                "which ee.Model's outputBands asks for"
            )
        return signature

    def _call_arrays(self, tiles: Mapping[str, Array]) -> Array:
        sent = {name: tf.constant(values, tf.float32) for name, values in self._contract.named(tiles).items()}
        result: Array = self._arrays(**sent)[self._contract.output].numpy()
        return result

    def _call_texts(self, tiles: Mapping[str, Array]) -> Array:
        def text(tile: Array) -> bytes:
            tensor = tf.io.serialize_tensor(tf.constant(tile[..., np.newaxis], tf.float32))
            return base64.urlsafe_b64encode(tensor.numpy())

        sent = {
            name: tf.constant([text(tile) for tile in values]) for name, values in self._contract.named(tiles).items()
        }
        decoded = [
            tf.io.parse_tensor(base64.urlsafe_b64decode(each), tf.float32).numpy()
            for each in self._texts(**sent)[self._contract.output].numpy()
        ]
        return np.stack(decoded)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the largest difference; status 1 and the reason on standard error where a term does not hold."""
    parser = argparse.ArgumentParser(description="Proves a SavedModel against its contract.")
    parser.add_argument("folder", type=Path, help="Folder of the SavedModel.")
    parser.add_argument("reference", type=Path, help="What the trained model gave, .npz.")
    parsed = parser.parse_args(arguments)
    with np.load(parsed.reference, allow_pickle=False) as arrays:
        image, valid, outputs = (arrays[name] for name in ("image", "valid", "outputs"))
        bands = [str(band) for band in arrays["bands"]]
    try:
        prover = Prover(parsed.folder, image, valid, bands, outputs)
        largest = prover.prove()
        prover.write_probe()
    except (ProofError, OSError, ValueError) as error:
        print(str(error), file=sys.stderr)
        return 1
    print(f"{largest:.9g}")
    return 0


def _mirrored(tiles: Array, height: int, width: int) -> Array:
    """Tiles (tiles, height, width, …) cut or mirrored at their far edges to another height and width."""
    rows, columns = tiles.shape[1:3]
    edges = [(0, 0), (0, max(0, height - rows)), (0, max(0, width - columns)), *[(0, 0)] * (tiles.ndim - 3)]
    return np.pad(tiles, edges, mode="symmetric")[:, :height, :width]


if __name__ == "__main__":
    sys.exit(main())
