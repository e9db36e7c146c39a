"""The land-cover patches of the People-and-Planet-AI sample, taken by the product's importer, split by file."""

from pathlib import Path

from benchmarks.accuracy.sets.source import Source, shared
from components.export_examples.existing import dataset
from earthline.config import Data, Export

BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
CLASSES = 9
"""Values 0 to 8 of the label; the files do not name them."""


def write(folder: Path, seed: int) -> None:
    """As `Source.write`."""
    data = Data.model_validate(
        {
            # What a map would be made of; nothing here asks for it.
            "imagery": {
                "collection": "COPERNICUS/S2_HARMONIZED",
                "start": "2020-01-01",
                "end": "2021-01-01",
                "bands": list(BANDS),
                "data_type": "float32",
            },
            "labels": {
                "feature": "landcover",
                "classes": [
                    {"name": f"class {value}", "color": f"#{28 * value:02x}8080", "values": [value]}
                    for value in range(CLASSES)
                ],
            },
            "region": {"west": 10.9, "south": 45.6, "east": 11.1, "north": 45.8},
            "scale": 10,
            "examples": {
                "files": [str(shared("land_cover_patches") / "*.tfrecord.gz")],
                "split": {"by": "file"},
            },
        }
    )
    dataset.take(data, Export(patch_shape=(16, 16), block_shape=(32, 32), seed=seed), "", folder)


SOURCE = Source(
    title="Land-cover patches",
    about="Sentinel-2, 13 bands, 3,275 patches of 16 x 16 px, 9 classes of dense labels, split by file; where they lie "
    "is unknown, so that leakage between neighbours cannot be excluded. For comparison: on the authors' own validation "
    "split, which is not in these files, a forest on pixels alone reached an accuracy of .749 and a macro-F1 of .510, "
    "one on 3 x 3 pixels .754 and .521",
    write=write,
)
