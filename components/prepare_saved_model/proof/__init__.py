"""Nothing is deployed that was not proven: what a SavedModel must do before anybody may call it.

`process.prove` runs the proof in a process of its own, where only the SavedModel is loaded and never Keras; what the
trained model gave for real patches comes as `evidence`. Every term is asked, also after one has failed, and becomes a
`Finding` with its fix: `terms` lists them, the other modules ask.
"""

import earthline.runtimes.light_tensorflow  # noqa: F401  before any module here imports TensorFlow, and Keras with it
