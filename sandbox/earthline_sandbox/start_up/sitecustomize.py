"""Start-up hook of every Python process in an environment that `sandbox env` made.

Two HTTP libraries would walk past the proxy that the environment names, to the real Google:

- aiohttp (under geedim, gcsfs and others) heeds proxy variables only in a session with `trust_env`. Here that is the
  argument's default; a caller who says False still gets False.
  https://docs.aiohttp.org/en/stable/client_advanced.html#proxy-support
- httplib2 (under Earth Engine's and Google's older clients) heeds them only where PySocks is installed. Where it is
  not, the sandbox's own copy is imported in its place. https://github.com/httplib2/httplib2/wiki/Examples#proxies

Nothing is imported that the process does not import itself, and any `sitecustomize` that this module shadows runs as
if it were alone. It works on every Python that these libraries support, whatever runs the sandbox.
"""

import importlib
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))
SOCKS = os.environ.get("EARTHLINE_SANDBOX_SOCKS", "")


class TrustingLoader(importlib.machinery.SourceFileLoader):
    """Loads `aiohttp.client`, then makes trust in the environment's proxy the default of its sessions."""

    def exec_module(self, module: ModuleType) -> None:
        """Runs the module; without the argument, a session could not be kept from the real Google."""
        super().exec_module(module)
        defaults = module.ClientSession.__init__.__kwdefaults__ or {}
        if "trust_env" not in defaults:
            raise ImportError(
                "This version of aiohttp has no ClientSession(trust_env=...), so the Earthline sandbox cannot send its "
                "requests to its own proxy: install another version, or leave the environment of `sandbox env`"
            )
        defaults["trust_env"] = True


class Finder:
    """A finder of `sys.meta_path` for aiohttp's client; every other module goes past it."""

    @staticmethod
    def find_spec(
        fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "importlib.machinery.ModuleSpec | None":
        """The module's usual spec with another loader, or None for any other module."""
        if fullname != "aiohttp.client":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = TrustingLoader(spec.loader.name, spec.loader.path)
        return spec


class SocksFinder:
    """The last finder of `sys.meta_path`: the sandbox's PySocks, for a process that has none."""

    @staticmethod
    def find_spec(
        fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "importlib.machinery.ModuleSpec | None":
        """The spec of `socks`, or None for any other module."""
        if fullname != "socks":
            return None
        loader = importlib.machinery.SourceFileLoader(fullname, SOCKS)
        return importlib.machinery.ModuleSpec(fullname, loader, origin=SOCKS)


def run_shadowed() -> None:
    """Imports the `sitecustomize` that would have run, had this folder not come first."""
    own = sys.modules.pop(__name__)
    sys.path[:] = [entry for entry in sys.path if entry != HERE]
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules[__name__] = own


sys.meta_path.insert(0, Finder)
if os.path.isfile(SOCKS):
    sys.meta_path.append(SocksFinder)
run_shadowed()
