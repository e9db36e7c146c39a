"""The image's health check: asks the prediction server whether its model is loaded, by Vertex AI's own variables.

Status 0 is healthy. A container that serves no model, such as a step's, is healthy for as long as it runs.
"""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping

TIMEOUT_S = 4.0


def check(environment: Mapping[str, str]) -> int:
    """Gives the exit status.

    Args:
        environment: AIP_STORAGE_URI (only a server has it), AIP_HTTP_PORT (else PORT, else 8080), AIP_HEALTH_ROUTE,
            UVICORN_HOST.
    """
    if not environment.get("AIP_STORAGE_URI"):
        return 0
    port = environment.get("AIP_HTTP_PORT") or environment.get("PORT") or "8080"
    host = environment.get("UVICORN_HOST") or "127.0.0.1"
    url = f"http://{host}:{port}{environment.get('AIP_HEALTH_ROUTE') or '/health'}"
    # The container's proxy variables lead elsewhere.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=TIMEOUT_S) as answer:
            print(answer.read(1000).decode("utf-8", "replace"))
            return 0
    except urllib.error.HTTPError as error:
        print(f"{url} answered {error.code}: {error.read(1000).decode('utf-8', 'replace')}")
    except OSError as error:
        print(f"{url} does not answer: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(check(os.environ))
