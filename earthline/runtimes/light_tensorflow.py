"""TensorFlow without Keras, which it brings along: two of five seconds, and 160 MB.

TensorFlow imports Keras so that optimizers of saved networks are known by name, and does without where there is none.
What computes a SavedModel that was prepared needs no Keras. Who needs it can import it afterwards as always. Whoever
imports TensorFlow first decides.
"""

import sys

from earthline.garbage import unsearched

_KERAS = "keras"


def _load() -> None:
    if _KERAS in sys.modules or "tensorflow" in sys.modules:
        return
    # An import of it fails now.
    sys.modules[_KERAS] = None  # type: ignore[assignment]
    try:
        with unsearched():
            import tensorflow  # noqa: F401
    finally:
        del sys.modules[_KERAS]


_load()

import tensorflow as tf  # noqa: E402

__all__ = ["tf"]
