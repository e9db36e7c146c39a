"""Exports patches as NPY with a Beam pipeline on the DirectRunner; writes a shard of TFRecords per worker."""

import io
import sys

import apache_beam as beam
import ee
import numpy as np

SIDE = 128


class Fetch(beam.DoFn):
    """Fetches patches of an asset, each worker with a client of its own."""

    def __init__(self, asset, bands):
        self.asset, self.bands = asset, bands

    def setup(self):
        ee.Initialize(project="sandbox", opt_url="https://earthengine-highvolume.googleapis.com")
        self.image = ee.Image(self.asset).select(self.bands).unmask(0)

    def process(self, corner):
        row, column = corner
        transform = {"scaleX": 28.5, "scaleY": -28.5, "shearX": 0, "shearY": 0}
        transform |= {"translateX": 630534 + 28.5 * column, "translateY": 228114 - 28.5 * row}
        grid = {
            "dimensions": {"width": SIDE, "height": SIDE},
            "affineTransform": transform,
            "crsCode": "EPSG:32119",
        }
        request = {"expression": self.image, "fileFormat": "NPY", "grid": grid}
        patch = np.load(io.BytesIO(ee.data.computePixels(request)))
        values = np.stack([patch[name] for name in self.bands], -1).astype("float32")
        yield np.asarray(corner, "int32").tobytes() + values.tobytes()


def main(asset, prefix):
    corners = [(row, column) for row in range(0, 443 - SIDE + 1, SIDE) for column in range(0, 489 - SIDE + 1, SIDE)]
    options = beam.options.pipeline_options.PipelineOptions(
        ["--runner=DirectRunner", "--direct_num_workers=2", "--direct_running_mode=multi_threading"]
    )
    with beam.Pipeline(options=options) as pipeline:
        (
            pipeline
            | beam.Create(corners)
            | beam.Reshuffle()
            | beam.ParDo(Fetch(asset, ["B3", "B4"]))
            | beam.io.WriteToTFRecord(prefix, num_shards=2)
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
