"""The variables that send an unmodified Google client to the sandbox, and how they are taken back."""

import importlib.util
import json
import os
import shlex
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from earthline_sandbox.settings import Home

#: Holds, as JSON, what the variables were before `env` replaced them, so that the daemon itself (which fetches
#: packages to seed its catalogue) still finds the user's own proxy and certificates.
SAVED = "EARTHLINE_SANDBOX_SAVED"
HOME = "EARTHLINE_SANDBOX_HOME"
#: Python modules that a sandbox loads before tasks need them, where `--preload` does not say it.
PRELOAD = "EARTHLINE_SANDBOX_PRELOAD"
#: Where the start-up hook finds PySocks for a Python that has none.
SOCKS = "EARTHLINE_SANDBOX_SOCKS"
#: Folder of the start-up hooks, which send clients to the proxy that heed no variable.
START_UP = Path(__file__).with_name("start_up")
#: Variables that others use too: their name, what the hook is in it, and what stands between the entries.
_HOOKS = (
    ("PYTHONPATH", str(START_UP), os.pathsep),
    # Node reads the words of NODE_OPTIONS as JSON reads strings.
    ("NODE_OPTIONS", f"--require {json.dumps(str(START_UP / 'proxy.cjs'))}", " "),
)

#: Variables that would lead a client round the sandbox, or to a real user's credentials.
REMOVED = (
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
    "NO_GCE_CHECK",
    "STORAGE_EMULATOR_HOST",
    "no_grpc_proxy",
)


def redirect(
    home: Home, *, port: int, proxy_port: int, project: str, project_number: str, location: str
) -> dict[str, str]:
    """The variables that Google's clients, and the libraries under them, heed.

    Args:
        home: Data folder; holds the certificate and an empty gcloud configuration.
        port: Loopback port of the application, which is the metadata server as well.
        proxy_port: Loopback port of the proxy.
        project: Project id.
        project_number: Project number.
        location: Vertex AI location.

    Returns:
        Names and values, for child processes alone.
    """
    proxy = f"http://127.0.0.1:{proxy_port}"
    certificate = str(home.authority / "ca.pem")
    metadata = f"127.0.0.1:{port}"
    loopback = "127.0.0.1,localhost,::1"
    variables = {HOME: str(home.root)}
    for name in ("https_proxy", "http_proxy", "all_proxy"):
        variables[name] = variables[name.upper()] = proxy
    variables |= {
        "grpc_proxy": proxy,
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        # Certificates: requests, httplib2, OpenSSL (aiohttp, httpx), curl, Node, gRPC, gcloud.
        "REQUESTS_CA_BUNDLE": certificate,
        "HTTPLIB2_CA_CERTS": certificate,
        "SSL_CERT_FILE": certificate,
        "CURL_CA_BUNDLE": certificate,
        "NODE_EXTRA_CA_CERTS": certificate,
        # For `fetch` in Node.js 22.21 and later; its https module has a hook, see `start_up`.
        "NODE_USE_ENV_PROXY": "1",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": certificate,
        "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": certificate,
        # aiohttp heeds a proxy only when told to: without this, gcsfs would reach the real Cloud Storage.
        "FSSPEC_GCS": '{"session_kwargs": {"trust_env": true}}',
        # Credentials: the metadata server, never a file of the user's.
        "GCE_METADATA_HOST": metadata,
        "GCE_METADATA_IP": metadata,
        "GCE_METADATA_ROOT": metadata,
        "CLOUDSDK_CONFIG": str(home.root / "gcloud"),
        "CLOUDSDK_CORE_PROJECT": project,
        "GOOGLE_API_USE_CLIENT_CERTIFICATE": "false",
        "GOOGLE_API_USE_MTLS_ENDPOINT": "never",
        "GOOGLE_CLOUD_PROJECT": project,
        # The project of an `ee.Initialize()` that names none.
        "GOOGLE_CLOUD_QUOTA_PROJECT": project,
        "GOOGLE_CLOUD_PROJECT_NUMBER": project_number,
        "GOOGLE_CLOUD_REGION": location,
    }
    return variables


def start_up(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that make every Python and Node.js process of this machine run the sandbox's start-up hooks.

    Args:
        environment: Its PYTHONPATH and NODE_OPTIONS are kept, behind the hooks.
    """
    variables = without_start_up(environment)
    for name, hook, separator in _HOOKS:
        variables[name] = separator.join(filter(None, [hook, variables.get(name)]))
    socks = importlib.util.find_spec("socks")
    if socks is not None and socks.origin:
        variables[SOCKS] = socks.origin
    return variables


def without_start_up(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that the hooks share with others, less the hooks; those that hold nothing else are left out."""
    found = {}
    for name, hook, separator in _HOOKS:
        value = environment.get(name, "")
        # The separators hold the hook apart from values that merely end or begin with it.
        rest = f"{separator}{value}{separator}".replace(f"{separator}{hook}{separator}", separator)
        if kept := rest.removeprefix(separator).removesuffix(separator):
            found[name] = kept
    return found


def exports(variables: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables and, in `SAVED`, what they replace in `environment`."""
    saved = environment.get(SAVED)
    if saved is None:
        names = {*variables, *REMOVED} - {name for name, _, _ in _HOOKS}
        saved = json.dumps({name: environment[name] for name in sorted(names) if name in environment})
    return {**variables, SAVED: saved}


def shell(variables: Mapping[str, str]) -> str:
    """Lines for a POSIX shell's `eval`."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*lines, f"unset {' '.join(REMOVED)}", ""])


def restore(environment: MutableMapping[str, str], names: Mapping[str, str]) -> None:
    """Takes an environment back to before `env`: removes `names` and the hook, and puts back what `SAVED` holds.

    Args:
        environment: Changed in place; untouched where `SAVED` is not set.
        names: What `redirect` gives (its values do not matter).
    """
    saved = environment.pop(SAVED, None)
    if saved is None:
        return
    for name in names:
        environment.pop(name, None)
    environment.pop(SOCKS, None)
    # Not what they were before: whatever was added to them since stays.
    shared = without_start_up(environment)
    for name, _, _ in _HOOKS:
        environment.pop(name, None)
    environment.update(shared)
    environment.update({str(name): str(value) for name, value in json.loads(saved).items()})


def names() -> Mapping[str, str]:
    """The variables that `redirect` sets, with meaningless values."""
    home = Home(Path("/"))
    return redirect(home, port=0, proxy_port=0, project="", project_number="", location="")
