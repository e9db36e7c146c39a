"""The one contract of a TFRecord Example: the exporter writes by it, the validator checks it, the trainer parses by it.

One Example holds one patch with its label. Arrays are raw bytes rather than float lists: reading them is three
times faster, and the values stay in the imagery's own type until the model casts them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from earthline.formats import wire

IMAGE = "image"
"""bytes: (height, width, bands), C order, little endian, of the manifest's `data_type`; 0 where masked."""
LABEL = "label"
"""bytes: (height, width), C order, little endian, of the manifest's `label_type`; `no_label` of that type where there
is no label or the image is masked."""
VALID = "valid"
"""bytes: uint8 (height, width); 1 where every band of the image is valid, 0 where one is masked."""
ROW = "row"
"""int64: row of the patch's first pixel on the manifest's grid."""
COLUMN = "column"
"""int64: column of the patch's first pixel on the manifest's grid."""

LABEL_TYPES = ("uint8", "uint16", "int16", "float32")
"""NumPy names of the types that a label may have."""


def no_label(data_type: str) -> int | float:
    """What a label of a type holds where there is none: the largest whole number, or the lowest float.

    The lowest float, and not NaN: it equals itself, and Earth Engine's requests and JSON can hold it.

    Args:
        data_type: NumPy name of the type.
    """
    kind = np.dtype(data_type)
    return float(np.finfo(kind).min) if kind.kind == "f" else int(np.iinfo(kind).max)


def labelled(label: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """True where there is a label, bool of the same shape.

    Args:
        label: Of one of `LABEL_TYPES`, any shape.
    """
    return np.asarray(label != no_label(label.dtype.name))


def _example_class() -> Any:
    """tf.train.Example (tensorflow/core/example/*.proto), in a pool of its own: export does without TensorFlow."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="earthline/example.proto", package="earthline.wire", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, int, int, str]) -> Any:
        described = file.message_type.add(name=name)
        for label, number, kind, cardinality, type_name in fields:
            described.field.add(
                name=label,
                number=number,
                type=kind,
                label=cardinality,
                type_name=type_name or None,
            )
        return described

    one, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED
    message("BytesList", ("value", 1, field.TYPE_BYTES, many, ""))
    message("FloatList", ("value", 1, field.TYPE_FLOAT, many, ""))
    message("Int64List", ("value", 1, field.TYPE_INT64, many, ""))
    feature = message(
        "Feature",
        ("bytes_list", 1, field.TYPE_MESSAGE, one, ".earthline.wire.BytesList"),
        ("float_list", 2, field.TYPE_MESSAGE, one, ".earthline.wire.FloatList"),
        ("int64_list", 3, field.TYPE_MESSAGE, one, ".earthline.wire.Int64List"),
    )
    feature.oneof_decl.add(name="kind")
    for described in feature.field:
        described.oneof_index = 0
    features = message("Features", ("feature", 1, field.TYPE_MESSAGE, many, ".earthline.wire.Features.FeatureEntry"))
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=one)
    entry.field.add(name="value", number=2, type=field.TYPE_MESSAGE, label=one, type_name=".earthline.wire.Feature")
    message("Example", ("features", 1, field.TYPE_MESSAGE, one, ".earthline.wire.Features"))

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("earthline.wire.Example"))


Example = _example_class()
"""tf.train.Example."""


def features(serialized: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """What any Example holds, whoever wrote it.

    Args:
        serialized: The record.

    Returns:
        By name an array (values,) of float32, int64, or objects: byte strings.

    Raises:
        ValueError: Not an Example.
    """
    found: dict[str, np.ndarray[Any, Any]] = {}
    for name, feature in _parsed(serialized).features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind == "float_list":
            found[name] = np.array(feature.float_list.value, np.float32)
        elif kind == "int64_list":
            found[name] = np.array(feature.int64_list.value, np.int64)
        else:
            found[name] = np.array(list(feature.bytes_list.value), object)
    return found


def values(serialized: bytes) -> dict[str, wire.Values]:
    """What any Example holds, read where it lies if it is as libraries write it. Raises ValueError: not an Example."""
    try:
        return wire.features(serialized)
    except wire.Other:
        return {
            name: wire.Values(
                list(feature.bytes_list.value),
                list(feature.int64_list.value),
                np.array(feature.float_list.value, "<f4").tobytes(),
            )
            for name, feature in _parsed(serialized).features.feature.items()
        }


def _parsed(serialized: bytes) -> Any:
    example = Example()
    try:
        example.ParseFromString(serialized)
    except Exception as error:  # upb and pure Python raise classes of their own
        raise ValueError(f"not a tf.train.Example: {error}") from error
    return example


@dataclass(frozen=True)
class Patch:
    """One example in memory.

    Attributes:
        image: (height, width, bands), in the imagery's data type; 0 where masked.
        label: (height, width), of one of `LABEL_TYPES`; `no_label` where there is none or the image is masked.
        valid: bool (height, width), True where every band of the image is valid, labelled or not.
        row: Row of the first pixel on the manifest's grid.
        column: Column of the first pixel on the manifest's grid.
    """

    image: np.ndarray[Any, Any]
    label: np.ndarray[Any, Any]
    valid: np.ndarray[Any, Any]
    row: int
    column: int

    def encode(self) -> bytes:
        """The serialized Example.

        Raises:
            ValueError: Image, label and mask differ in shape, the label has another type or the mask is not bool, or a
                pixel under the mask has a label.
        """
        if self.image.ndim != 3 or not self.image.shape[:2] == self.label.shape == self.valid.shape:
            raise ValueError(
                f"image {self.image.shape}, label {self.label.shape} and mask {self.valid.shape} do not cover the "
                "same pixels"
            )
        if self.label.dtype.name not in LABEL_TYPES:
            raise ValueError(f"labels are {', '.join(LABEL_TYPES[:-1])} or {LABEL_TYPES[-1]}, not {self.label.dtype}")
        if self.valid.dtype != np.bool_:
            raise ValueError(f"the mask is bool, not {self.valid.dtype}")
        if labelled(self.label[~self.valid]).any():
            raise ValueError("a masked pixel has a label")
        example = Example()
        feature = example.features.feature
        feature[IMAGE].bytes_list.value.append(_little(self.image))
        feature[LABEL].bytes_list.value.append(_little(self.label))
        feature[VALID].bytes_list.value.append(np.ascontiguousarray(self.valid).tobytes())
        feature[ROW].int64_list.value.append(self.row)
        feature[COLUMN].int64_list.value.append(self.column)
        return bytes(example.SerializeToString(deterministic=True))

    @classmethod
    def decode(cls, serialized: bytes, shape: tuple[int, int], bands: int, data_type: str, label_type: str) -> "Patch":
        """Reads one Example. Image and label are views of the record, which cannot be written to.

        Args:
            serialized: The record.
            shape: Patch shape in pixels `(height, width)`.
            bands: Number of bands.
            data_type: NumPy name of the image's type.
            label_type: NumPy name of the label's type.

        Raises:
            ValueError: Not an Example, a missing feature, or a size that differs; the feature is named.
        """
        feature = values(serialized)

        def array(name: str, kind: np.dtype[Any], dimensions: tuple[int, ...]) -> np.ndarray[Any, Any]:
            values = feature.get(name, wire.Values()).strings
            if len(values) != 1:
                raise ValueError(f"feature '{name}' holds {len(values)} byte strings instead of one")
            expected = int(np.prod(dimensions)) * kind.itemsize
            if len(values[0]) != expected:
                raise ValueError(
                    f"feature '{name}' holds {len(values[0])} bytes; {dimensions} of {kind.name} are {expected}"
                )
            return np.frombuffer(values[0], kind).reshape(dimensions)

        def number(name: str) -> int:
            values = feature.get(name, wire.Values()).integers
            if len(values) != 1:
                raise ValueError(f"feature '{name}' holds {len(values)} integers instead of one")
            return int(values[0])

        return cls(
            array(IMAGE, np.dtype(data_type).newbyteorder("<"), (*shape, bands)),
            array(LABEL, np.dtype(label_type).newbyteorder("<"), shape),
            array(VALID, np.dtype(np.uint8), shape) != 0,
            number(ROW),
            number(COLUMN),
        )


def _little(array: np.ndarray[Any, Any]) -> bytes:
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).tobytes()
