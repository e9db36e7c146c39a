"""What stands for a container image where containers are processes: this interpreter's packages.

A registry resolves a tag to a digest of the image's content, and a changed image is another image; so does a Docker
engine. Without one every image is the environment that the sandbox itself runs in, so its digest is made of the
installed distributions and of the source of those that are installed editably: a step whose code was edited runs again
although its tag is the same.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sandbox.digests import file_digest
from sandbox.settings import Settings
from sandbox.vertex import engine


def identity(settings: Settings, image: str) -> str:
    """What a change of an image's content changes.

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
    for information in sorted(_distributions(), key=lambda path: path.name):
        # The folder's name is the distribution's name and version, by the packaging standard.
        found.update(f"{information.name}\0".encode())
        for root in _editable_packages(information):
            for file in sorted(root.rglob("*.py")):
                found.update(f"{file.relative_to(root.parent)}\0{file_digest(file)}\0".encode())
    return found.hexdigest()


def _distributions() -> Iterator[Path]:
    for entry in sys.path:
        yield from Path(entry or ".").glob("*.dist-info")


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
