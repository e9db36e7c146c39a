"""TensorFlow Serving's messages, with TensorFlow's own TensorProto in them."""

from typing import Any

import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def _messages() -> tuple[Any, Any]:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="predict.proto", package="serving", syntax="proto3")
    file.dependency.append(tf.compat.v1.make_tensor_proto(0).DESCRIPTOR.file.name)
    spec = file.message_type.add(name="ModelSpec")
    spec.field.add(name="name", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    spec.field.add(name="signature_name", number=3, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)

    def with_tensors(name: str, key: str, number: int) -> Any:
        message = file.message_type.add(name=name)
        entry = message.nested_type.add(name=f"{key.capitalize()}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
        of_tensor = ".tensorflow.TensorProto"
        entry.field.add(
            name="value", number=2, type=field.TYPE_MESSAGE, label=field.LABEL_OPTIONAL, type_name=of_tensor
        )
        many = field.LABEL_REPEATED
        of_entry = f".serving.{name}.{key.capitalize()}Entry"
        message.field.add(name=key, number=number, type=field.TYPE_MESSAGE, label=many, type_name=of_entry)
        return message

    of_spec = ".serving.ModelSpec"
    request, response = with_tensors("PredictRequest", "inputs", 2), with_tensors("PredictResponse", "outputs", 1)
    one = field.LABEL_OPTIONAL
    request.field.add(name="model_spec", number=1, type=field.TYPE_MESSAGE, label=one, type_name=of_spec)
    request.field.add(name="output_filter", number=3, type=field.TYPE_STRING, label=field.LABEL_REPEATED)
    response.field.add(name="model_spec", number=2, type=field.TYPE_MESSAGE, label=one, type_name=of_spec)
    pool = descriptor_pool.Default()
    pool.Add(file)
    return (
        message_factory.GetMessageClass(pool.FindMessageTypeByName("serving.PredictRequest")),
        message_factory.GetMessageClass(pool.FindMessageTypeByName("serving.PredictResponse")),
    )


PredictRequest, PredictResponse = _messages()
