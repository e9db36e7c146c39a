"""Whether texts are of the web-safe base64 alphabet, in both directions."""

import base64
import re
from typing import Any

import numpy as np

from components.prepare_saved_model.proof.case import Case, Refused
from components.prepare_saved_model.proof.served import serialized

Array = np.ndarray[Any, Any]

_WEB_SAFE = re.compile(rb"[A-Za-z0-9_-]*={0,2}")
_TELLING = {
    "float32": float(np.frombuffer(b"\xfb\xef\xbe\x3f", "<f4")[0]),
    "uint8": 0xFF,
    "uint16": 0xFBEF,
    "int16": 0xFBEF - 0x10000,
}
"""By type, a number whose text holds `-` or `_`, wherever it stands."""


def alphabet(case: Case) -> str:
    """Whether `-` and `_` are read as such, are written as such, and `+` and `/` are never taken for something else."""
    seen = case.evidence
    image, valid = seen.image[:1].copy(), seen.valid[:1]
    first = case.contract.bands[0]
    image[:, : max(1, image.shape[1] // 2)] = _TELLING[case.contract.types.get(first, "float32")]
    inputs = case.served.inputs(image, valid)
    text = base64.urlsafe_b64encode(serialized(case.contract.typed(first, inputs[first][0][..., np.newaxis])))
    assert b"-" in text or b"_" in text
    wanted = case.served.answer(inputs)
    for name, texts in wanted.items():
        if not all(_WEB_SAFE.fullmatch(each) for each in texts):
            raise Refused(
                f"{name} is written with the standard alphabet (+ and /), which Earth Engine does not read",
                "write it with tf.io.encode_base64",
            )
    unpadded = case.served.answer(inputs, lambda content: base64.urlsafe_b64encode(content).rstrip(b"="))
    if unpadded != wanted:
        raise Refused("texts without = at their end give another answer", "read them with tf.io.decode_base64")
    try:
        standard = case.served.answer(inputs, base64.b64encode)
    except Exception:  # TensorFlow has an error of its own for each way to refuse
        return "- and _ are read and written, with and without = at the end; + and / are refused"
    if standard != wanted:
        raise Refused(
            "texts of the standard alphabet (+ and /) are taken for other values", "read them with tf.io.decode_base64"
        )
    return "- and _ are read and written, with and without = at the end; + and / are read as well"
