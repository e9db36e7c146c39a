"""Container images where containers are processes: the packages of this interpreter stand for each.

A registry resolves a tag to a digest of the image's content, and a changed image is another image; so does a Docker
engine. Without one every image is the environment that the sandbox itself runs in, so its digest is made of the
installed distributions and of the source of those that are installed editably: a step whose code was edited runs again
although its tag is the same.
"""

import functools
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from earthline_sandbox.digests import file_digest
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import engine


def identity(settings: Settings, image: str) -> str:
    """The identity of an image, which changes with its content.

    Args:
        settings: The sandbox.
        image: Image reference.

    Raises:
        ApiError: FAILED_PRECONDITION where the Docker engine does not have the image.
    """
    return engine.image_id(engine.resolve(settings, image)) if settings.containers else digest()


def digest() -> str:
    """The digest of the environment that processes run in; unchanged files are not read again."""
    found = hashlib.blake2b(sys.version.encode(), digest_size=32)
    for entry in sys.path:
        folder = entry or os.curdir
        try:
            # Installing or removing a distribution changes its folder's time.
            changed = os.stat(folder).st_mtime_ns
        except OSError:
            continue
        for name, packages in _distributions(os.path.abspath(folder), changed):
            found.update(f"{name}\0".encode())
            for package in packages:
                found.update(_package_digest(package, tuple(_sources(package))))
    return found.hexdigest()


@functools.lru_cache(maxsize=64)
def _distributions(folder: str, changed: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The distributions in a folder of the module path, each with the packages that it uses from its source folder."""
    # The folder's name is the distribution's name and version, by the packaging standard.
    informations = sorted(Path(folder).glob("*.dist-info"))
    return tuple((path.name, tuple(map(str, _editable_packages(path)))) for path in informations)


def _sources(package: str) -> Iterator[tuple[str, int, int, int]]:
    """Its Python files in one order: path, size, time of the last change, and inode."""
    folders = [package]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.endswith(".py") and entry.is_file():
                    status = entry.stat()
                    yield entry.path, status.st_size, status.st_mtime_ns, status.st_ino
                elif entry.name != "__pycache__" and entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


@functools.lru_cache(maxsize=64)
def _package_digest(package: str, sources: tuple[tuple[str, int, int, int], ...]) -> bytes:
    digest = hashlib.blake2b(digest_size=32)
    for path, *_ in sources:
        name = os.path.relpath(path, os.path.dirname(package))
        digest.update(f"{name}\0{file_digest(Path(path))}\0".encode())
    return digest.digest()


def _editable_packages(information: Path) -> Iterator[Path]:
    """The packages of a distribution that is used from its source folder; none of any other."""
    try:
        origin = json.loads((information / "direct_url.json").read_bytes())
        names = (information / "top_level.txt").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return
    if not origin.get("dir_info", {}).get("editable"):
        return
    source = Path(unquote(urlsplit(origin["url"]).path))
    for name in names:
        for folder in (source / name, source / "src" / name):
            if folder.is_dir():
                yield folder
