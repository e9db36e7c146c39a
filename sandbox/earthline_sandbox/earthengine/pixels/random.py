"""Pseudorandom numbers that depend on a key and a seed alone, never on order, tiling or time."""

import hashlib
import math

import numpy as np

from earthline_sandbox.earthengine.pixels.pixels import Array

_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def fractions(key: bytes, seed: int) -> float:
    """A number from 0 until 1 for a key."""
    digest = hashlib.blake2b(key, digest_size=8, salt=(seed % 2**64).to_bytes(8, "little")).digest()
    return (int.from_bytes(digest, "little") >> 11) * 2.0**-53


def normals(key: bytes, seed: int) -> float:
    """A normally distributed number for a key: mean 0, deviation 1."""
    radius = math.sqrt(-2 * math.log(1 - fractions(key + b"r", seed)))
    return radius * math.cos(2 * math.pi * fractions(key + b"a", seed))


def pixel_fractions(rows: Array, columns: Array, seed: int) -> Array:
    """Numbers from 0 until 1 for whole pixel positions, which broadcast against one another."""
    with np.errstate(over="ignore"):
        mixed = _mixed(rows.astype("int64").view("uint64") + _mixed(np.array(seed % 2**64, dtype="uint64")))
        mixed = _mixed(mixed ^ (columns.astype("int64").view("uint64") * np.uint64(0x9E3779B97F4A7C15)))
    return (mixed >> np.uint64(11)) * 2.0**-53


def _mixed(values: Array) -> Array:
    """The finishing steps of SplitMix64, which spread every bit over all others."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * _MIX[0]
    values = (values ^ (values >> np.uint64(27))) * _MIX[1]
    mixed: Array = values ^ (values >> np.uint64(31))
    return mixed
