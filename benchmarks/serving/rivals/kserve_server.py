"""KServe's ModelServer around the SavedModel's signature. Arguments: folder, port."""

import sys
from typing import Any

import tensorflow as tf
from kserve import Model, ModelServer
from kserve.protocol.rest import server as rest


class Tiles(Model):  # type: ignore[misc]  # KServe is not installed where types are checked
    """The SavedModel in KServe's first protocol."""

    def __init__(self, folder: str) -> None:
        """Loads it."""
        super().__init__("tiles")
        self._loaded = tf.saved_model.load(folder)
        self._signature = self._loaded.signatures["serving_default"]
        self._names = list(self._signature.structured_input_signature[1])
        self.ready = True

    def predict(self, payload: dict[str, Any], headers: Any = None, response_headers: Any = None) -> dict[str, Any]:
        """Answers instances."""
        instances = payload["instances"]
        columns = {name: tf.constant([instance[name] for instance in instances]) for name in self._names}
        values = {name: output.numpy() for name, output in self._signature(**columns).items()}
        return {
            "predictions": [
                {name: texts[place].decode() for name, texts in values.items()} for place in range(len(instances))
            ]
        }


if __name__ == "__main__":
    folder, port = sys.argv[1:3]
    # It listens on all addresses and has no setting for that.
    configured = rest.uvicorn.Config
    rest.uvicorn.Config = lambda *given, **named: configured(*given, **{**named, "host": "127.0.0.1"})
    ModelServer(http_port=int(port), enable_grpc=False, workers=1).start([Tiles(folder)])
