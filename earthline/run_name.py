"""Names of runs and jobs: in the order of their beginnings, and no two alike."""

import secrets
from datetime import UTC, datetime


def new(what: str) -> str:
    """A name that nothing has yet, though another one may begin within the same second.

    Args:
        what: Begins the name.

    Returns:
        It, the moment in UTC and four random hexadecimal digits, such as `forest-20261201-093000-1f3a`.
    """
    return f"{what}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
