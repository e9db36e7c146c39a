"""Whether the SavedModel loads in a session, as TensorFlow Serving and Google's older servers load it."""

import base64
from typing import Any

import numpy as np
import tensorflow as tf

from components.prepare_saved_model.proof.case import Case, Refused, reason
from components.prepare_saved_model.proof.graph import SERVE
from components.prepare_saved_model.proof.served import serialized
from components.prepare_saved_model.proof.values import require_outputs
from earthline.formats.served.contract import TENSOR_SIGNATURE

_FIX = (
    "write it with tf.saved_model.save of a tf.Module whose signatures are concrete functions, and layers that "
    "TensorFlow has itself; tf.saved_model.save of a Keras 3 model cannot be loaded so"
)


def session(case: Case) -> str:
    """Whether a session gives through `serving_default` what the trained model gave."""
    seen, contract = case.evidence, case.contract
    named = contract.named(_texts(case))
    with tf.Graph().as_default(), tf.compat.v1.Session() as opened:
        try:
            loaded = tf.compat.v1.saved_model.loader.load(opened, [SERVE], str(case.folder))
        except Exception as error:  # each way to fail has an error of its own
            raise Refused(f"a session loader cannot load it: {reason(error)}", _FIX) from error
        signature = loaded.signature_def.get(TENSOR_SIGNATURE)
        if signature is None:
            raise Refused(f"there is no signature '{TENSOR_SIGNATURE}'", _FIX)
        try:
            feeds = {signature.inputs[name].name: texts for name, texts in named.items()}
            fetches = {output.name: signature.outputs[output.name].name for output in contract.outputs}
        except KeyError as error:
            raise Refused(f"signature {TENSOR_SIGNATURE} has nothing by the name {error}", _FIX) from error
        try:
            answer = opened.run(fetches, feeds)
        except Exception as error:
            raise Refused(f"a session loads it and cannot compute it: {reason(error)}", _FIX) from error
    kinds = {output.name: output.type for output in contract.outputs}
    found = {name: np.stack([_decoded(text, kinds[name]) for text in texts]) for name, texts in answer.items()}
    require_outputs(case, found, seen.outputs, "a session")
    return f"a session of tf.compat.v1 gives the same for {len(seen.image)} real patches"


def _texts(case: Case) -> dict[str, list[bytes]]:
    """Web-safe texts by the contract's names. Loads nothing: what TensorFlow 2 cannot load is asked here as well."""
    seen = case.evidence
    bands = {band: seen.image[..., seen.bands.index(band)] for band in case.contract.bands} | {
        case.contract.valid: seen.valid
    }
    return {
        name: [base64.urlsafe_b64encode(serialized(case.contract.typed(name, tile[..., np.newaxis]))) for tile in tiles]
        for name, tiles in bands.items()
    }


def _decoded(text: bytes, kind: str) -> Any:
    return tf.io.parse_tensor(base64.urlsafe_b64decode(text), tf.as_dtype(kind)).numpy()
