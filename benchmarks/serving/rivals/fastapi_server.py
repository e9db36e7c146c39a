"""FastAPI around the SavedModel's signature: the recipe that most pages show. Arguments: folder, port."""

import sys
from typing import Any

import tensorflow as tf
import uvicorn
from fastapi import FastAPI

loaded = tf.saved_model.load(sys.argv[1])
signature = loaded.signatures["serving_default"]
names = list(signature.structured_input_signature[1])
app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    """Is there once the model is loaded."""
    return {"status": "ready"}


@app.post("/predict")
def predict(request: dict[str, Any]) -> dict[str, Any]:
    """Answers instances; FastAPI calls it in a thread."""
    instances = request["instances"]
    outputs = signature(**{name: tf.constant([instance[name] for instance in instances]) for name in names})
    values = {name: output.numpy() for name, output in outputs.items()}
    return {
        "predictions": [
            {name: texts[place].decode() for name, texts in values.items()} for place in range(len(instances))
        ]
    }


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=False)
