"""KFP without its client, which nothing here uses: it brings Kubernetes' one along, a third of a second.

Whoever imports KFP first decides, so what compiles takes it from here.
"""

import os
import sys

_RUNTIME = "_KFP_RUNTIME"
"""Set to `true` where KFP runs a step, and then `import kfp` leaves out its client."""


def _load() -> None:
    """Imports the package alone; its modules, imported below, are whole."""
    if "kfp" in sys.modules or _RUNTIME in os.environ:
        return
    os.environ[_RUNTIME] = "true"
    try:
        import kfp  # noqa: F401
    finally:
        del os.environ[_RUNTIME]


_load()

from kfp import compiler  # noqa: E402
from kfp.pipeline_spec import pipeline_spec_pb2  # noqa: E402

__all__ = ["compiler", "pipeline_spec_pb2"]
