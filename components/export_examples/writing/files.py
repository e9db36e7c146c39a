"""Files that are whole or not there."""

import posixpath
from collections.abc import Iterable

from apache_beam.io.filesystems import FileSystems


def write_whole(folder: str, name: str, pieces: Iterable[bytes]) -> None:
    """Writes a file under another name first, so that under its own it is either whole or not there.

    Args:
        folder: A path or a gs:// URI.
        name: File name.
        pieces: Content.
    """
    temporary, final = posixpath.join(folder, f"{name}.part"), posixpath.join(folder, name)
    with FileSystems.create(temporary, mime_type="application/octet-stream") as file:
        for piece in pieces:
            file.write(piece)
    if FileSystems.exists(final):
        FileSystems.delete([final])
    FileSystems.rename([temporary], [final])
