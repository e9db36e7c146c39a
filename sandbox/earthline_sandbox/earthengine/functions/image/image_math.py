"""Names that moved, until their last user has followed."""

from earthline_sandbox.earthengine.arrays.operations import BINARY, UNARY
from earthline_sandbox.earthengine.functions.image.math.bandwise import computed, pairs

__all__ = ["BINARY", "CASTS", "UNARY", "computed", "pairs"]

CASTS = {
    "uint8": ("uint8", "toUint8", "byte", "toByte"),
    "int8": ("int8", "toInt8"),
    "uint16": ("uint16", "toUint16"),
    "int16": ("int16", "toInt16", "short", "toShort"),
    "uint32": ("uint32", "toUint32"),
    "int32": ("int32", "toInt32", "int", "toInt"),
    "int64": ("int64", "toInt64", "long", "toLong"),
    "float": ("float", "toFloat"),
    "double": ("double", "toDouble"),
}
