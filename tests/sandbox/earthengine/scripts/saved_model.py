"""Writes a SavedModel that doubles its input `x` into its output `y`; prints the names of the two tensors."""

import json
import sys

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2


class Doubling(tf.Module):
    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], tf.float32, name="x")])
    def serve(self, x):
        return {"y": self.factor * x}


module = Doubling()
tf.saved_model.save(module, sys.argv[1], signatures={"serving_default": module.serve})
saved = saved_model_pb2.SavedModel()
with open(f"{sys.argv[1]}/saved_model.pb", "rb") as file:
    saved.ParseFromString(file.read())
signature = saved.meta_graphs[0].signature_def["serving_default"]
print(json.dumps({"input": signature.inputs["x"].name, "output": signature.outputs["y"].name}))
