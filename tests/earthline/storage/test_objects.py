"""Copies of objects are whole or not there."""

import errno
from pathlib import Path
from typing import Any

import pytest

from earthline.storage import objects


class FullDisk:
    """An object whose copy breaks off, as on a full disk."""

    def download_to_filename(self, path: str) -> None:
        Path(path).write_bytes(b"half a m")
        raise OSError(errno.ENOSPC, "No space left on device", path)


class Whole:
    """An object that is copied."""

    def download_to_filename(self, path: str) -> None:
        Path(path).write_bytes(b"a whole map")


def test_half_a_map_does_not_pass_for_a_map_and_spares_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "map.tif"
    full: Any = FullDisk()
    whole: Any = Whole()
    with pytest.raises(OSError, match="No space left"):
        objects.copy(full, path)
    assert list(path.parent.iterdir()) == []
    assert objects.copy(whole, path) == path
    with pytest.raises(OSError, match="No space left"):
        objects.copy(full, path)
    assert [(each.name, each.read_bytes()) for each in path.parent.iterdir()] == [("map.tif", b"a whole map")]
