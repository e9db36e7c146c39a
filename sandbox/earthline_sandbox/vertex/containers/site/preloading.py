"""Modules that are loaded once, before the processes that are forked need them, and what makes that honest.

A module is fit for it where a fork of a process that has loaded it is what a start would be: no thread goes on that
a fork would lose (those of OpenBLAS end at a fork and begin anew after it), no file stays open, and KFP stays out,
which is not the same in a task as elsewhere. What a module asks of the environment while it is loaded is noted: a
process with another value of it must load the module by itself.
"""

import atexit
import gc
import importlib
import os
import sys
import tempfile
import threading
from types import ModuleType
from typing import ClassVar

KFP = "_KFP_RUNTIME"
"""Makes KFP load what tasks need alone."""


OWN_THREADS = ("jemalloc_bg_thd",)
"""Threads that a fork may lose, as what they belong to prepares for it.

jemalloc, which is Arrow's allocator, takes all its locks before a fork; in the new process it does without the thread.
"""


class Asking(os._Environ[str]):
    """The process's environment, which notes what it is asked for."""

    asked: ClassVar[set[str]] = set()

    def __getitem__(self, key: str) -> str:
        """The value; every other way to a variable ends here."""
        Asking.asked.add(key)
        return super().__getitem__(key)


class Preloading:
    """Modules that are loaded one by one.

    Attributes:
        asked: Variables that those loaded have asked for.
        added: Variables that they have set.
    """

    def __init__(self) -> None:
        """Loads none yet."""
        self.asked: frozenset[str] = frozenset()
        self.added: dict[str, str] = {}
        self._before = dict(os.environ)
        self._own = frozenset(sys.modules)
        # It holds itself and is frozen, so that what it holds never ends.
        self._kept: list[object] = []
        self._kept.append(self._kept)
        # The first to be registered is the last to be called.
        atexit.register(self.set_apart)

    def load(self, name: str) -> bool:
        """Loads a module; one that is not there or fails is passed over, as tasks will find the same.

        Returns:
            Whether it is fit; if not, this process must fork no more.
        """
        files = open_files()
        runtime = os.environ.pop(KFP, "")
        kfp = forget_kfp()
        # Found before it is asked for: every task has another TMPDIR, and what keeps this folder (absl's flag for its
        # own tests does) may have the machine's.
        tempfile.gettempdir()
        kind = type(os.environ)
        gc.disable()
        os.environ.__class__ = Asking
        try:
            importlib.import_module(name)
        except (Exception, SystemExit):
            pass
        finally:
            os.environ.__class__ = kind
            self._kept[1:] = [module for name, module in sys.modules.items() if name not in self._own]
            gc.freeze()
            gc.enable()
        fit = not forget_kfp() and is_alone() and open_files() == files
        sys.modules.update(kfp)
        os.environ[KFP] = runtime
        # Bytes, which some ask for, are no names here.
        self.asked = frozenset(key for key in Asking.asked if isinstance(key, str))
        self.added = {key: value for key, value in os.environ.items() if key not in self._before}
        return fit

    def set_apart(self) -> None:
        """Leaves out of the interpreter's end what was loaded before the fork.

        To take it all apart would copy hundreds of megabytes that processes share, for nothing: what this process
        itself has made ends as it always does.
        """
        kept = set(map(id, self._kept))
        for name, module in list(sys.modules.items()):
            if id(module) in kept:
                # What the interpreter itself sets in the end.
                sys.modules[name] = None  # type: ignore[assignment]

    def suits(self, environment: dict[str, str]) -> bool:
        """Whether what is loaded is what it would be in an environment."""
        return all(environment.get(key) == self._before.get(key) for key in self.asked)


def is_alone() -> bool:
    """Whether this process has one thread that counts, once those have ended that end at a fork."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    names = [name for thread in os.listdir("/proc/self/task") if (name := thread_name(thread)) not in OWN_THREADS]
    return threading.active_count() == 1 and len(names) == 1


def thread_name(thread: str) -> str:
    """What a thread of this process calls itself; where it has ended, one that counts for nothing."""
    try:
        with open(f"/proc/self/task/{thread}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return OWN_THREADS[0]


def open_files() -> set[str]:
    """Descriptors of this process."""
    listing = os.open("/proc/self/fd", os.O_RDONLY)
    try:
        return set(os.listdir(listing)) - {str(listing)}
    finally:
        os.close(listing)


def forget_kfp() -> dict[str, ModuleType]:
    """Takes KFP's modules from those that are loaded; gives them."""
    names = [name for name in sys.modules if name.partition(".")[0] == "kfp"]
    return {name: sys.modules.pop(name) for name in names}
