"""Runs `earthengine` commands one after another, each as its own executable does; prints a JSON line per command.

One process: every start of the executable imports TensorFlow, which takes far longer than the commands.
"""

import contextlib
import io
import json
import sys

from ee.cli import eecli

for command in json.loads(sys.argv[1]):
    sys.argv = ["earthengine", "--project", "sandbox", *command]
    output = io.StringIO()
    status: object = 0
    with contextlib.redirect_stdout(output):
        try:
            eecli.main()
        except SystemExit as error:
            status = error.code or 0
    print(json.dumps({"status": status, "output": output.getvalue()}), flush=True)
