"""Fingerprints of files, read once for as long as they do not change."""

import functools
import hashlib
from pathlib import Path
from typing import Final

_BLOCK: Final = 2**20


def file_digest(path: Path) -> str:
    """A digest of a file's bytes as hexadecimal text.

    Raises:
        OSError: It cannot be read.
    """
    status = path.stat()
    return _digest(str(path), status.st_size, status.st_mtime_ns, status.st_ino)


@functools.lru_cache(maxsize=65_536)
def _digest(path: str, size: int, modified: int, inode: int) -> str:
    # Size, time and inode are in the signature so that a changed file is read again, an unchanged one is not.
    digest = hashlib.blake2b(digest_size=32)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
