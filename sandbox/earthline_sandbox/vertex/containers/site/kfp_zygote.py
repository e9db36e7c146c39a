"""A Python process that has loaded KFP's executor, and more, already and forks one process per task.

It is started as `python3 kfp_zygote.py DESCRIPTOR MODULE…` with the environment that every container gets; the
descriptor is a socket to the sandbox. It has one thread, so a fork of it is as sound as a fresh process. A forked
process gets the session, working folder, environment, log, arguments and `__main__` that the task's own command would
have given it. The modules are loaded before the first fork (`preloading.py`), so that one that ends this process ends
nothing else.

Lines of JSON come in, `{"run": ID, …}` and `{"reap": PID}`; `{"id": ID, "pid": PID}` goes out when the process has a
session of its own, and `{"id": ID, "pid": PID, "code": CODE}` when it has ended. It is reaped only when the sandbox
says so: until then its id cannot belong to another. `{"id": ID, "refused": true}` means that what is loaded does not
suit the task's environment. `{"loading": MODULE}` goes out before each module, `{"unfit": MODULE}` where this process
must not be forked for it, `{"ready": true}` once all are there.
"""

import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import time
from types import ModuleType, TracebackType
from typing import Any

preloading: Any = importlib.import_module("preloading")
IMPORTED = ("kfp.dsl.executor", "kfp.dsl.kfp_config", "kfp.dsl.utils")
"""What KFP's executor imports: itself it must be imported anew, as `__main__`."""


def serve(control: socket.socket, modules: Any) -> dict[str, Any] | None:
    """Forks whatever is asked for.

    Args:
        control: Socket to the sandbox.
        modules: What has been loaded.

    Returns:
        In a forked process its request; None in the zygote itself, when the sandbox is gone.
    """
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    running: dict[int, int] = {}
    buffer = bytearray()
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                selector.unregister(key.fd)
                os.close(key.fd)
                send(control, {"id": running[key.data], "pid": key.data, "code": exit_code(key.data)})
                continue
            received = control.recv(2**20)
            if not received:
                end(running)
                return None
            buffer += received
            *lines, rest = bytes(buffer).split(b"\n")
            buffer[:] = rest
            for line in lines:
                message = json.loads(line)
                if "reap" in message:
                    os.waitpid(message["reap"], 0)
                    running.pop(message["reap"])
                    continue
                if not modules.suits(message["environment"]):
                    send(control, {"id": message["run"], "refused": True})
                    continue
                pid = os.fork()
                if pid == 0:
                    # Or its end, which may come late, would close what has its descriptor by then.
                    selector.close()
                    # Said by the process itself: signals to its group reach it from now on.
                    os.setsid()
                    send(control, {"id": message["run"], "pid": os.getpid()})
                    request: dict[str, Any] = message
                    return request
                running[pid] = message["run"]
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)


def load(control: socket.socket, modules: Any, name: str) -> bool:
    """Loads a module, which the sandbox is told before it; whether this process may be forked with it."""
    send(control, {"loading": name})
    fit: bool = modules.load(name)
    if not fit:
        send(control, {"unfit": name})
    return fit


def send(control: socket.socket, message: dict[str, Any]) -> None:
    """Sends a line to the sandbox."""
    control.sendall(json.dumps(message).encode() + b"\n")


def exit_code(pid: int) -> int:
    """The exit code of a process that has ended, negative for a signal; it is not reaped."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert found is not None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def end(running: dict[int, int]) -> None:
    """Kills every process that runs: the sandbox is gone."""
    for pid in running:
        for kill in (os.killpg, os.kill):
            try:
                kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue


def become(request: dict[str, Any], added: dict[str, str]) -> None:
    """Turns this forked process into the one that the request describes.

    Args:
        request: What is to run, and how.
        added: Variables that loaded modules have set.
    """
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, 2**20)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update({**added, **request["environment"]})
    time.tzset()
    tempfile.tempdir = None
    if "numpy.random" in sys.modules:
        # Two tasks must not draw the same; what the standard library draws begins anew by itself.
        sys.modules["numpy.random"].seed()
    # A module of that name may be the task's own.
    del sys.modules["preloading"]
    # As `python3 -m` has it: the working folder first.
    sys.path[0] = os.getcwd()
    arguments = request["arguments"]
    if request["source"] is None:
        # For a program that is no task of KFP's, KFP is more than what is loaded here.
        preloading.forget_kfp()
    else:
        program = os.path.join(tempfile.mkdtemp(prefix="tmp."), "ephemeral_component.py")
        with open(program, "w", encoding="utf-8") as file:
            file.write(request["source"])
        arguments = ["--component_module_path", program, *arguments]
    sys.argv = [request["module"], *arguments]
    sys.orig_argv = [sys.executable, "-m", *sys.argv]
    sys.excepthook = report


def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints a traceback as the module's own process would: without the frames of this file."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def main() -> str:
    """Serves until the sandbox is gone; gives the module that a forked process runs, nothing in the zygote itself."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in IMPORTED:
        importlib.import_module(name)
    # Something in this environment may start threads with every interpreter: a fork would lose them.
    alone = preloading.is_alone()
    modules = preloading.Preloading()
    alone = alone and all(load(control, modules, name) for name in sys.argv[2:])
    send(control, {"ready": alone})
    request = serve(control, modules) if alone else None
    if request is None:
        return ""
    control.detach()
    become(request, modules.added)
    module: str = request["module"]
    return module


def run(module: str) -> None:
    """Does what `python3 -m` does, whose own function this is, in a `__main__` without any name of this file."""
    sys.modules["__main__"] = ModuleType("__main__")
    runpy._run_module_as_main(module)  # type: ignore[attr-defined]


if __name__ == "__main__" and (chosen := main()):
    run(chosen)
