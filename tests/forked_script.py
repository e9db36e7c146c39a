"""What a fork runs that stands for `python -c SCRIPT ARGUMENTS…`: see `tests.clients`."""

import os
import sys
from types import ModuleType


def main(script: str, errors: str, *arguments: str) -> None:
    """Runs a script as a process of its own would.

    Args:
        script: File that holds it.
        errors: File that its standard error goes to.
        arguments: What follows it.
    """
    file = os.open(errors, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(file, 2)
    os.close(file)
    with open(script, encoding="utf-8") as source:
        code = compile(source.read(), "<string>", "exec")
    sys.argv = ["-c", *arguments]
    sys.path[0] = ""
    program = sys.modules["__main__"] = ModuleType("__main__")
    exec(code, vars(program))


if __name__ == "__main__":
    main(*sys.argv[1:])
