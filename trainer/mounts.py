"""Where Vertex AI's custom jobs find Cloud Storage as files."""

from pathlib import Path

MOUNT = "/gcs/"


def mounted(address: str) -> Path:
    """A gs:// address as the file path where Vertex AI mounts it; other paths unchanged.

    Args:
        address: As in the variables that Vertex AI sets, or a path.
    """
    return Path(MOUNT + address.removeprefix("gs://")) if address.startswith("gs://") else Path(address)
