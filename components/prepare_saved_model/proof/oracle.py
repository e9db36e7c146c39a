"""What Google's own tool makes of the trained model: `python -m ….proof.oracle TRAINED REFERENCE ANSWERS`.

`earthengine model prepare` wraps a plain SavedModel for Earth Engine as well. Importing it switches TensorFlow 2 off,
so it needs a process of its own. What it prepared is loaded in a session and asked for real patches.
"""

import argparse
import base64
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.prepare_saved_model.proof.evidence import Evidence
from earthline.garbage import unsearched

Array = np.ndarray[Any, Any]

IMAGE, VALID = "image", "valid"
"""Inputs of the SavedModel that the trainer writes."""


def answers(trained: Path, evidence: Evidence) -> Array:
    """What the model gives after `earthengine model prepare`.

    Args:
        trained: The plain SavedModel that the trainer wrote.
        evidence: Real patches.

    Returns:
        float32 (tiles, height, width, entries).

    Raises:
        ValueError: The tool's SavedModel names something else.
    """
    with unsearched():
        import tensorflow.compat.v1 as tf
        from ee.cli import commands

    sent = {IMAGE: evidence.image, VALID: evidence.valid[..., np.newaxis]}
    with tf.Graph().as_default(), tf.Session() as session:
        plain = tf.saved_model.loader.load(session, ["serve"], str(trained)).signature_def["serving_default"]
    if set(plain.inputs) != set(sent) or len(plain.outputs) != 1:
        raise ValueError(f"the trained SavedModel takes {', '.join(plain.inputs)} and gives {', '.join(plain.outputs)}")
    (output,) = plain.outputs
    with tempfile.TemporaryDirectory(prefix="oracle-") as name:
        prepared = Path(name) / "prepared"
        asked = argparse.Namespace(
            source_dir=str(trained),
            dest_dir=str(prepared),
            input=json.dumps({plain.inputs[key].name: key for key in sent}),
            output=json.dumps({plain.outputs[output].name: output}),
            tag=None,
            variables=None,
        )
        commands.PrepareModelCommand(argparse.ArgumentParser()).run(asked, config=None)
        with tf.Graph().as_default(), tf.Session() as session:
            signature = tf.saved_model.loader.load(session, ["serve"], str(prepared)).signature_def["serving_default"]
            tile = tf.placeholder(tf.float32)
            write = tf.io.serialize_tensor(tile)
            feeds = {
                signature.inputs[key].name: [
                    base64.urlsafe_b64encode(session.run(write, {tile: each})) for each in tiles
                ]
                for key, tiles in sent.items()
            }
            texts = session.run(signature.outputs[output].name, feeds)
            text = tf.placeholder(tf.string)
            read = tf.io.parse_tensor(tf.io.decode_base64(text), tf.float32)
            return np.stack([session.run(read, {text: each}) for each in texts])


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the answers as .npy; status 1 and the reason on standard error where there are none."""
    parser = argparse.ArgumentParser(description="Prepares a SavedModel by Google's own tool, and asks it.")
    parser.add_argument("trained", type=Path, help="The plain SavedModel that the trainer wrote.")
    parser.add_argument("reference", type=Path, help="Real patches, .npz.")
    parser.add_argument("answers", type=Path, help="What to write, .npy.")
    parsed = parser.parse_args(arguments)
    try:
        found = answers(parsed.trained, Evidence.read(parsed.reference))
    except Exception as error:  # the tool raises whatever TensorFlow does
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    np.save(parsed.answers, found, allow_pickle=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
