"""A model to serve, as prepare_saved_model leaves it: `python -m benchmarks.serving.prepared FOLDER NAME`.

Its weights are random: how fast it is does not depend on what it learned. A process of its own, since TensorFlow takes
threads and memory from whatever is measured beside it.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.serving import tiles
from earthline.formats.served.contract import VALID_BAND, Contract
from earthline.formats.served.references import Reference

PROBE_TILES = 3


@dataclass(frozen=True)
class Size:
    """What is asked of a server.

    Attributes:
        bands: Number of bands.
        classes: Number of classes.
        depth: Of the U-Net.
        tile: Height and width of a tile in pixels.
        bytes: Whether bands are sent as uint8, as the quickstart's imagery is; else as float32.
        whole: Whether every class's probability is answered, as float32; else the class alone, as uint8.
        told: In a table.
    """

    bands: int
    classes: int
    depth: int
    tile: int
    bytes: bool
    whole: bool
    told: str


SIZES = {
    "probabilities": Size(10, 9, 3, 128, False, True, "128x128x10 to 9 probabilities (U-Net of 0.5 M)"),
    "classes": Size(10, 9, 3, 128, False, False, "128x128x10 to the class of 9 (U-Net of 0.5 M)"),
    "quickstart": Size(5, 4, 2, 128, True, False, "128x128x5 to the class of 4 (the quickstart's U-Net)"),
}


def prepare(folder: Path, name: str) -> None:
    """Writes a model of `SIZES` into a folder, by a process that ends.

    Raises:
        subprocess.CalledProcessError: It failed; its own words are on standard error.
    """
    subprocess.run([sys.executable, "-m", "benchmarks.serving.prepared", str(folder), name], check=True)


def _write(folder: Path, size: Size) -> None:
    import keras
    from keras import layers

    from components.prepare_saved_model import export
    from components.prepare_saved_model.runtimes import choice
    from earthline.formats.served.outputs import ServedOutput
    from earthline.task.classification.task import Classification
    from trainer import network
    from trainer.models.unet import UNet
    from trainer.statistics import Statistics

    keras.utils.set_random_seed(7)
    bands = tuple(f"B{number + 1}" for number in range(size.bands))
    model = network.build(
        UNet(depth=size.depth, filters=16),
        Statistics((128.0,) * size.bands, (74.0,) * size.bands, 1),
        lambda features: layers.Conv2D(size.classes, 1, activation="softmax", dtype="float32")(features),
    )
    chosen = ServedOutput(name="class", type="uint8", made="most_probable", used=size.classes)
    contract = Contract(
        bands=bands,
        arguments=export.arguments((*bands, VALID_BAND)),
        task=Classification(tuple(f"class_{number}" for number in range(size.classes))).record,
        tile_shape=(size.tile - 32, size.tile - 32),
        overlap=(32, 32),
        stride=2**size.depth,
        max_payload_bytes=1_500_000,
        **({} if size.whole else {"outputs": (chosen,)}),
        **({"types": dict.fromkeys((*bands, VALID_BAND), "uint8")} if size.bytes else {}),
    )
    export.save(model, contract, folder)
    inputs = tiles.made(contract, PROBE_TILES, contract.sent_shape)
    image, valid = np.stack([inputs[band] for band in bands], axis=-1), inputs[VALID_BAND]
    given = np.asarray(model([np.where(valid[..., np.newaxis] > 0, image, 0), valid[..., np.newaxis]], training=False))
    Reference(image, valid, given).write(folder)
    contract.model_copy(update={"runtime": choice.choose(model, contract, folder)}).write(folder)


if __name__ == "__main__":
    _write(Path(sys.argv[1]), SIZES[sys.argv[2]])
