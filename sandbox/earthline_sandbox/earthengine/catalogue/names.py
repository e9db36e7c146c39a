"""Names of assets: how ids, REST names and folders on disk belong together."""

import re
from pathlib import Path

from earthline_sandbox.errors import invalid

PUBLIC = "projects/earthengine-public/assets/"
LEGACY = "projects/earthengine-legacy/assets/"

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")
_PROJECT = re.compile(r"(?:[a-z0-9.\-]+:)?[a-z][a-z0-9\-]*[a-z0-9]|\d+")
_MAX_LENGTH = 500


def name_of(asset_id: str) -> str:
    """The REST name `projects/*/assets/**` of an asset id; names come back as they are.

    Raises:
        ApiError: INVALID_ARGUMENT where the id cannot name an asset; path escapes end here.
    """
    text = asset_id.strip("/")
    parts = text.split("/")
    if len(parts) >= 3 and parts[0] == "projects" and parts[2] == "assets":
        project, rest = parts[1], parts[3:]
    elif parts[0] in ("users", "projects"):
        project, rest = "earthengine-legacy", parts
    else:
        project, rest = "earthengine-public", parts
    if len(text) > _MAX_LENGTH:
        raise invalid(f"Asset id is {len(text)} characters long; at most {_MAX_LENGTH} are allowed.")
    if not _PROJECT.fullmatch(project):
        raise invalid(f"Invalid project '{project}' in asset id '{asset_id}'.")
    for part in rest:
        if not _SEGMENT.fullmatch(part) and part != "":
            raise invalid(
                f"Invalid asset id '{asset_id}': '{part}' may contain letters, digits, hyphens, underscores and "
                "dots only, and begins with a letter or a digit."
            )
    if "" in rest:
        raise invalid(f"Invalid asset id '{asset_id}': a part of the path is empty.")
    return "/".join(["projects", project, "assets", *rest])


def id_of(name: str) -> str:
    """The id that Earth Engine shows for a REST name: public and legacy names lose their prefix."""
    for prefix in (PUBLIC, LEGACY):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def is_root(name: str) -> bool:
    """True for `projects/<project>/assets`, the folder that every project has."""
    return name.count("/") == 2


def parent_of(name: str) -> str:
    """The REST name of the folder or collection that holds the asset."""
    return name.rsplit("/", 1)[0]


def folder_of(root: Path, name: str) -> Path:
    """The asset's folder on disk: one level per part of its name, which `name_of` has checked."""
    return root.joinpath(*name.split("/"))
