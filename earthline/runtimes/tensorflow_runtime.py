"""A SavedModel in TensorFlow."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from earthline.formats.served.contract import ARRAY_SIGNATURE, Contract
from earthline.runtimes import processors
from earthline.runtimes.runtime import Array, RuntimeFault

CALLS = 2
"""Calls at once: while one is between two operations, the other computes."""


class TensorFlowRuntime:
    """A SavedModel in TensorFlow, through its signature for plain arrays."""

    name = "tensorflow"
    calls = CALLS

    def __init__(self, folder: Path) -> None:
        """Loads it and computes tiles of the plan, so that the first caller does not wait for the graph.

        Args:
            folder: The SavedModel with its contract.

        Raises:
            RuntimeFault: No contract, or a signature that does not fit it.
        """
        # Seconds to load: the server answers its health check meanwhile.
        from earthline.runtimes.light_tensorflow import tf

        try:
            self.contract = Contract.read(folder)
        except (OSError, ValueError) as error:
            raise RuntimeFault(f"no usable contract beside the SavedModel: {error}") from error
        _fit_threads(tf)
        record = self.contract.runtime
        self.batch = max(
            (each.batch for each in record.figures if each.name == self.name),
            default=record.batch if record.name == self.name else type(record)().batch,
        )
        self._constant = tf.constant
        # The signature lives only as long as what was loaded.
        self._loaded = tf.saved_model.load(str(folder))
        signature = self._loaded.signatures.get(ARRAY_SIGNATURE)
        if signature is None:
            raise RuntimeFault(f"the SavedModel has no signature '{ARRAY_SIGNATURE}'; prepare it again")
        takes = set(signature.structured_input_signature[1])
        wanted = set(self.contract.named(dict.fromkeys(self.contract.inputs)))
        if takes != wanted or self.contract.output not in signature.structured_outputs:
            raise RuntimeFault(
                f"the signature takes {sorted(takes)} and gives {sorted(signature.structured_outputs)}; the contract "
                f"says {sorted(wanted)} and {self.contract.output}"
            )
        self._signature = signature
        for shape in self.contract.warm_shapes:
            for tiles in {1, self.batch}:
                self.predict({name: np.zeros((tiles, *shape), np.float32) for name in self.contract.inputs})

    def predict(self, inputs: Mapping[str, Array]) -> Array:
        """As `Runtime.predict`."""
        tensors = {
            name: self._constant(np.require(values, np.float32, "A"))
            for name, values in self.contract.named(inputs).items()
        }
        result: Array = self._signature(**tensors)[self.contract.output].numpy()
        return result


def _fit_threads(tf: object) -> None:
    """As many threads as processors: TensorFlow counts the machine's, of which a container may have a part only."""
    threading = tf.config.threading  # type: ignore[attr-defined]
    try:
        threading.set_intra_op_parallelism_threads(processors.count())
        threading.set_inter_op_parallelism_threads(processors.count())
    except RuntimeError:
        return  # TensorFlow runs already in this process, with the threads that it has
