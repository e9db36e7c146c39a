"""Whether this machine has credentials for Google Cloud."""

import os
from pathlib import Path

_DEFAULT_CREDENTIALS = "application_default_credentials.json"
_PRODUCT_NAME = Path("/sys/class/dmi/id/product_name")


def has_credentials(product_name: Path = _PRODUCT_NAME) -> bool:
    """True where Google's clients will find credentials here: a file, or a metadata server.

    Args:
        product_name: File in which a virtual machine's maker stands; Google's machines have a metadata server.
    """
    folder = os.environ.get("CLOUDSDK_CONFIG")
    known = Path(folder) if folder else Path.home() / ".config" / "gcloud"
    if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") or (known / _DEFAULT_CREDENTIALS).is_file():
        return True
    if any(os.environ.get(name) for name in ("GCE_METADATA_HOST", "GCE_METADATA_ROOT", "K_SERVICE")):
        return True
    try:
        return product_name.read_text(encoding="utf-8", errors="replace").startswith("Google")
    except OSError:
        return False
