"""`python -m serving`: serves the SavedModel at AIP_STORAGE_URI."""

import os
import sys

import uvicorn

from earthline import logs, runtimes
from serving import storage
from serving.application import Server
from serving.settings import Settings, SettingsError

GRACE_SECONDS = 20
"""How long requests under way may take after SIGTERM."""


def main() -> int:
    """Serves until SIGTERM or SIGINT; status 2 where the environment is at fault."""
    logs.begin(logs.DATED)
    try:
        settings = Settings.read(os.environ)
    except SettingsError as error:
        print(f"serving: {error}", file=sys.stderr)
        return 2

    def load() -> runtimes.Runtime:
        return runtimes.load(storage.local_folder(settings.storage_uri))

    uvicorn.run(
        Server(settings, load).application(),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
