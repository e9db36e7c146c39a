"""What TensorFlow's libraries say of themselves while they are loaded, kept from terminals and from logs of JSON.

On some processors each of them says that oneDNN is on, before it looks at TF_CPP_MIN_LOG_LEVEL. Nothing else is kept
back: every other line comes once they are loaded.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_SAID = re.compile(
    rb"^.*(?:WARNING: All log messages before absl::InitializeLog|oneDNN custom operations are on\.).*\n", re.M
)
_SAYING = re.compile(r"\b(?:avx512\w*|avx_vnni|amx\w*)\b")
"""Processors of which they say so. These have all that TensorFlow needs; on others its last line, that the processor
lacks something, must not be held by a process that ends with it."""
_ERROR = 2


def hush() -> None:
    """From now on, whoever imports TensorFlow first in this process does so unheard."""
    if "tensorflow" not in sys.modules and _SAYING.search(_processor()):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds TensorFlow, once."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """As `MetaPathFinder.find_spec`."""
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            load = loader.exec_module

            def unheard_load(module: ModuleType) -> None:
                with unheard():
                    load(module)

            loader.exec_module = unheard_load
        return spec


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """A block whose lines on standard error come after it, without those that say that oneDNN is on.

    What Python itself writes there, such as a picture of progress, is not held.
    """
    python, real = sys.stderr, os.dup(_ERROR)
    try:
        with tempfile.TemporaryFile() as kept, _python_on(real):
            os.dup2(kept.fileno(), _ERROR)
            try:
                yield
            finally:
                os.dup2(real, _ERROR)
                kept.seek(0)
                os.write(real, _SAID.sub(b"", kept.read()))
    finally:
        sys.stderr = python
        os.close(real)


@contextlib.contextmanager
def _python_on(real: int) -> Iterator[None]:
    """Has Python write to another file descriptor, where it writes to standard error at all."""
    try:
        writes_there = sys.stderr.fileno() == _ERROR
    except (AttributeError, OSError, ValueError):
        writes_there = False
    if not writes_there:
        yield
        return
    sys.stderr.flush()
    with open(real, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace", closefd=False) as direct:
        sys.stderr = direct
        yield


def _processor() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
