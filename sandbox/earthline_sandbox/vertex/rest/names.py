"""Resource names: projects by number as Google answers, identifiers, places."""

import re
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings

LONGEST_DISPLAY_NAME: Final = 128
"""Characters of the `displayName` of any resource."""

_PROJECT_ID: Final = re.compile(r"(?:[a-z][a-z0-9.-]{0,60}:)?[a-z][a-z0-9-]{1,28}[a-z0-9]")
_LOCATION: Final = re.compile(r"[a-z]+(?:-[a-z]+)*[0-9]{0,2}")
_OWN_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,126}[a-z0-9])?")


@dataclass(frozen=True)
class Place:
    """Where a resource lives.

    Attributes:
        project_number: Number of the project, as text.
        location: Region, such as `us-central1`.
    """

    project_number: str
    location: str

    @property
    def parent(self) -> str:
        """The name that every resource of this place begins with."""
        return f"projects/{self.project_number}/locations/{self.location}"


def project_number(settings: Settings, project: str) -> str:
    """Number of a project that a request names by id or number.

    The sandbox knows its own project. Any other id is a project too, so that a notebook with an id of its own
    runs unchanged; its number follows from the id and its resources stay apart.

    Raises:
        ApiError: INVALID_ARGUMENT where `project` can be neither an id nor a number.
    """
    if project == settings.project:
        return settings.project_number
    if project.isascii() and project.isdigit() and len(project) <= 20:
        return project
    if not _PROJECT_ID.fullmatch(project):
        raise invalid(f"{project!r} is neither a project id (lower-case letters, digits, hyphens) nor a number.")
    return str(200_000_000_000 + zlib.crc32(project.encode()))


def place(settings: Settings, project: str, location: str) -> Place:
    """The place that a request's path names.

    Raises:
        ApiError: INVALID_ARGUMENT for a malformed project or location.
    """
    if not _LOCATION.fullmatch(location):
        raise invalid(f"{location!r} is not a location; an example of one is {settings.location!r}.")
    return Place(project_number(settings, project), location)


def parse_place(settings: Settings, parent: str) -> Place:
    """The place that a name such as `projects/1/locations/us-central1` stands for.

    Raises:
        ApiError: INVALID_ARGUMENT where `parent` is something else.
    """
    parts = parent.split("/")
    if len(parts) != 4 or parts[0] != "projects" or parts[2] != "locations":
        raise invalid(f"{parent!r} is not a name of the form projects/PROJECT/locations/LOCATION.")
    return place(settings, parts[1], parts[3])


def normalise(settings: Settings, name: str, here: Place, collection: str) -> str:
    """A reference to a resource, as its full name with the project's number.

    Args:
        settings: The sandbox.
        name: Full name, with project id or number.
        here: Place that the request is for.
        collection: Kind of the resource, such as `models`.

    Raises:
        ApiError: INVALID_ARGUMENT where `name` is something else or lies in another location.
    """
    parts = name.split("/")
    if len(parts) != 6 or parts[0] != "projects" or parts[2] != "locations" or parts[4] != collection:
        raise invalid(f"{name!r} is not a name of the form projects/PROJECT/locations/LOCATION/{collection}/ID.")
    there = place(settings, parts[1], parts[3])
    if there.location != here.location:
        raise invalid(f"{name} lies in {there.location}, but the request is for {here.location}.")
    return f"{there.parent}/{collection}/{parts[5]}"


def chosen_id(value: str, key: str) -> str:
    """An identifier that the user chose.

    Raises:
        ApiError: INVALID_ARGUMENT for one that Vertex AI would refuse.
    """
    if not _OWN_ID.fullmatch(value) or len(value) > 63:
        raise invalid(
            f"{key} {value!r} is not valid: up to 63 lower-case letters, digits, hyphens and underscores,"
            " the first and last a letter or digit."
        )
    return value


def check_display_name(record: Mapping[str, Any], owner: str = "") -> None:
    """Checks the `displayName` of a resource.

    Args:
        record: The resource.
        owner: Where it stands in the request, such as `model.`, for the message.

    Raises:
        ApiError: INVALID_ARGUMENT for one that is missing, empty or too long.
    """
    size = len(record.get("displayName", ""))
    if not 0 < size <= LONGEST_DISPLAY_NAME:
        raise invalid(f"{owner}displayName has {size} characters; 1 to {LONGEST_DISPLAY_NAME} are valid.")


def fresh_id() -> str:
    """A new identifier: a positive number of 19 digits, as Vertex AI draws them."""
    return str(secrets.randbelow(8 * 10**18) + 10**18)


def parse_version(identifier: str) -> tuple[str, str | None]:
    """Splits `ID@VERSION` of a model; the version may be an alias, and is None where none is given."""
    model, at, version = identifier.partition("@")
    if at and not version:
        raise ApiError("INVALID_ARGUMENT", f"{identifier!r} ends in '@' without a version or alias.")
    return model, version or None


def now() -> str:
    """This moment as RFC 3339 in UTC, with microseconds, as Google writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
