"""A Python process that has loaded KFP's executor already and forks one process per task.

It is started as `python3 kfp_zygote.py DESCRIPTOR` with the environment that every container gets; the descriptor is
a socket to the sandbox. It has one thread, so a fork of it is as sound as a fresh process. A forked process gets the
session, working folder, environment, log, arguments and `__main__` that the task's own command would have given it.

Lines of JSON come in, `{"run": ID, …}` and `{"reap": PID}`; `{"id": ID, "pid": PID}` goes out when the process has a
session of its own, and `{"id": ID, "pid": PID, "code": CODE}` when it has ended. It is reaped only when the sandbox
says so: until then its id cannot belong to another.
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
import threading
import time
from types import TracebackType
from typing import Any

MODULE = "kfp.dsl.executor_main"
IMPORTED = ("kfp.dsl.executor", "kfp.dsl.kfp_config", "kfp.dsl.utils")
"""What that module imports: itself it must be imported anew, as `__main__`."""


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Forks whatever is asked for.

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
                pid = os.fork()
                if pid == 0:
                    # Said by the process itself: signals to its group reach it from now on.
                    os.setsid()
                    send(control, {"id": message["run"], "pid": os.getpid()})
                    request: dict[str, Any] = message
                    return request
                running[pid] = message["run"]
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)


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


def become(request: dict[str, Any]) -> None:
    """Turns this forked process into the one that the request describes."""
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, 2**20)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    tempfile.tempdir = None
    # As `python3 -m` has it: the working folder first.
    sys.path[0] = os.getcwd()
    program = os.path.join(tempfile.mkdtemp(prefix="tmp."), "ephemeral_component.py")
    with open(program, "w", encoding="utf-8") as file:
        file.write(request["source"])
    sys.argv = [MODULE, "--component_module_path", program, *request["arguments"]]
    sys.orig_argv = [sys.executable, "-m", *sys.argv]
    sys.excepthook = report


def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints a traceback as the module's own process would: without the frames of this file."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def main() -> bool:
    """Serves until the sandbox is gone; True in a forked process, which then is the task's."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in IMPORTED:
        importlib.import_module(name)
    alone = threading.active_count() == 1 and len(os.listdir("/proc/self/task")) == 1
    # Something in this environment starts threads with every interpreter: a fork would lose them.
    send(control, {"ready": alone})
    request = serve(control) if alone else None
    if request is None:
        return False
    control.detach()
    become(request)
    return True


if __name__ == "__main__" and main():
    runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
