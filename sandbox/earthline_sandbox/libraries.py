"""Google's client libraries, imported when first needed and by one thread at a time.

Their packages import in circles: of two threads that import different parts at once, one meets a half-made module
and fails with an ImportError.
"""

import importlib
import threading
from types import ModuleType
from typing import Final

_LOCK: Final = threading.RLock()


def load(name: str) -> ModuleType:
    """Imports a module; takes seconds the first time, so never on an event loop.

    Raises:
        ImportError: There is no such module.
    """
    with _LOCK:
        return importlib.import_module(name)
