"""The course of a run for TensorBoard.

https://www.tensorflow.org/tensorboard reads it from any folder; Vertex AI does so from the one in
AIP_TENSORBOARD_LOG_DIR, where a custom job names a TensorBoard instance.
"""

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework.summary_pb2 import SummaryMetadata


class Summaries:
    """Writes numbers by epoch."""

    def __init__(self, folder: Path, writes: bool) -> None:
        """Opens a folder.

        Args:
            folder: Made where it is not there.
            writes: False in the machines of a distributed run that write nothing.
        """
        self._writer = tf.summary.create_file_writer(str(folder)) if writes else tf.summary.create_noop_writer()
        # TensorBoard's plugin finds what is its own by this; tf.summary.scalar would import TensorBoard to say so.
        self._scalar = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))

    def write(self, epoch: int, values: Mapping[str, float]) -> None:
        """Adds the numbers of an epoch.

        Args:
            epoch: From 1.
            values: By name.
        """
        with self._writer.as_default(step=epoch):
            for name, value in values.items():
                tf.summary.write(name, tf.constant(value, tf.float32), metadata=self._scalar)
        self._writer.flush()
