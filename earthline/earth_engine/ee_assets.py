"""Assets of Earth Engine that are made where they are missing."""

from collections.abc import Mapping
from typing import Any

import ee

from earthline.earth_engine.retry import PixelsError, ask

ATTEMPTS = 6
"""Tries of each question and each order."""


def info(asset: str) -> dict[str, Any] | None:
    """What Earth Engine knows of an asset; None where there is none.

    Args:
        asset: Id.

    Raises:
        PixelsError: Earth Engine does not answer, or does not let it be seen.
    """
    found: dict[str, Any] | None = ask(lambda: ee.data.getInfo(asset), ATTEMPTS, asset)
    return found


def create(asset: str, kind: str, properties: Mapping[str, Any] | None = None) -> bool:
    """Makes an asset without pixels, and the folders above it.

    Args:
        asset: Id.
        kind: `FOLDER` or `IMAGE_COLLECTION`.
        properties: Its properties.

    Returns:
        False where it was there already.

    Raises:
        PixelsError: Earth Engine refuses, or does not answer.
    """
    if info(asset) is not None:
        return False
    make_folders(asset)
    described = {"type": kind, "properties": dict(properties or {})}
    try:
        ask(lambda: ee.data.createAsset(described, asset), ATTEMPTS, asset)
    except PixelsError:
        # Another run was quicker, or the first try was done and its answer lost.
        if info(asset) is None:
            raise
        return False
    return True


def make_folders(asset: str) -> None:
    """Makes the folders above an asset, up to the project's root.

    Args:
        asset: Id.

    Raises:
        PixelsError: Earth Engine refuses, or does not answer.
    """
    parent = asset.rpartition("/")[0]
    if "/assets/" in parent:
        create(parent, "FOLDER")
