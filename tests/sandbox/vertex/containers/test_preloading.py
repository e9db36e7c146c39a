"""What tasks share, because it was loaded once before them, changes nothing that they find."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.vertex.containers import processes, zygotes
from earthline_sandbox.vertex.containers.processes import ContainerProcess

PROGRAM = """
import json, os, signal, sys, tempfile, threading

shared = sorted(name for name in ("counted", "asking", "thread", "file", "kfp") if name in sys.modules)
found = {
    "arguments": sys.argv[1:],
    "cwd": os.getcwd(),
    "environment": dict(os.environ),
    "file": __file__,
    "files": len(os.listdir("/proc/self/fd")),
    "flags": list(sys.flags),
    "leads": [os.getpgid(0) == os.getpgrp(), os.getsid(0) == os.getpgrp()],
    "main": [sys.modules["__main__"].__spec__.name, sys.modules["__main__"].__file__],
    "names": sorted(set(globals()) - {"found", "shared", "__annotations__"}),
    "own": [name for name in ("preloading", "kfp_zygote", "mounted_path") if name in sys.modules],
    "path": sys.path,
    "program": sys.executable,
    "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
    "stdin": os.readlink("/proc/self/fd/0"),
    "temporary": tempfile.gettempdir(),
    "threads": [threading.active_count(), len(os.listdir("/proc/self/task"))],
}
print("FOUND" + json.dumps([found, shared]), flush=True)
print("to the other stream", file=sys.stderr)
match sys.argv[1]:
    case "raise":
        raise ValueError("no such band")
    case "exit":
        sys.exit(3)
    case "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    case "sleep":
        signal.pause()
"""
MODULES = {
    "counted": "import os\nopen(os.environ['COUNT'], 'a').write('x')",
    "asking": "import os\nANSWER = os.environ.get('QUESTION')",
    "telling": "import os\nLEVEL = os.environ.get('TF_LEVEL')",
    "setting": "import os\nos.environ['SET_BY_IT'] = 'yes'\nos.environ['COLOUR'] = 'red'",
    "failing": "raise RuntimeError('no such device')",
    "leaving": "import sys\nsys.exit(0)",
    "thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "file": "FILE = open('/proc/self/status')",
    "with_kfp": "import kfp",
    "deadly": "import os\nif 'TMPDIR' not in os.environ: os._exit(4)",
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    for name, source in MODULES.items():
        (tmp_path / "modules").mkdir(exist_ok=True)
        (tmp_path / "modules" / f"{name}.py").write_text(source)
    yield tmp_path
    processes.release(made(tmp_path))


def made(home: Path, *preload: str) -> Settings:
    variables = {"PYTHONPATH": str(home / "modules"), "COUNT": str(home / "count")}
    return Settings(Home(home), 1, variables, preload=preload)


def start(settings: Settings, name: str, *arguments: str, program: str = PROGRAM, **variables: str) -> ContainerProcess:
    folder = settings.home.root / name
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    (folder / "program.py").write_text(program)
    return ContainerProcess.start(
        settings,
        ["python3", "-m", "program", *arguments],
        environment={"TMPDIR": str(folder / "tmp"), "COLOUR": "green", **variables},
        log=folder / "log.txt",
        cwd=folder,
    )


def told(process: ContainerProcess, code: int = 0) -> tuple[dict[str, Any], list[str]]:
    """What a program found, with its folder's name taken out, and what was shared with it."""
    assert process.wait(30) == code, process.log.read_text()
    line = next(line for line in process.log.read_text().splitlines() if line.startswith("FOUND"))
    found, shared = json.loads(line[5:].replace(f"/{process.log.parent.name}", "/X"))
    return found, shared


def forked(process: ContainerProcess) -> bool:
    return psutil.Process(process.pid).parent() != psutil.Process()


def loaded(settings: Settings, *names: str) -> list[str]:
    """Runs programs until all of these modules, or all that ever will, are there before a program; gives which are."""
    deadline = time.monotonic() + 30
    while True:
        _, shared = told(start(settings, f"until-{time.monotonic()}", "return"))
        if set(names) <= set(shared) or time.monotonic() > deadline:
            return shared
        time.sleep(0.1)


@pytest.mark.parametrize(("mode", "code"), [("return", 0), ("raise", 1), ("exit", 3), ("kill", -signal.SIGKILL)])
def test_what_a_module_finds(home: Path, monkeypatch: pytest.MonkeyPatch, mode: str, code: int) -> None:
    settings = made(home, "counted", "asking")
    assert loaded(settings, "counted", "asking") == ["asking", "counted"]
    one = start(settings, "forked", mode, "--an-option")
    found = told(one, code)
    with monkeypatch.context() as patch:
        patch.setattr(zygotes.Zygotes, "run", lambda *_: None)
        other = start(settings, "spawned", mode, "--an-option")
        expected = told(other, code)
    assert found[0] == expected[0] and (found[1], expected[1]) == (["asking", "counted"], [])
    texts = [process.log.read_text().replace(f"/{process.log.parent.name}", "/X") for process in (one, other)]
    assert texts[0].splitlines()[1:] == texts[1].splitlines()[1:]


def test_a_module_that_is_not_there_is_told_as_by_a_start(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(name: str, module: str) -> str:
        log = home / f"{name}.txt"
        process = ContainerProcess.start(
            made(home), ["python3", "-m", module], environment={}, log=log, cwd=home / "here"
        )
        assert process.wait(30) == 1
        return log.read_text()

    for module in ("no_such_module", "no_such_package.task", "asking.task"):
        one = run(f"forked-{module}", module)
        with monkeypatch.context() as patch:
            patch.setattr(zygotes.Zygotes, "run", lambda *_: None)
            assert one == run(f"spawned-{module}", module) != ""


def test_a_module_is_loaded_once_and_those_that_cannot_be_are_passed_over(home: Path) -> None:
    settings = made(home, "no_such_module", "no.such.package", "failing", "leaving", "counted")
    assert loaded(settings, "counted") == ["counted"]
    programs = [start(settings, f"program-{number}", "return") for number in range(3)]
    assert all(told(process)[1] == ["counted"] for process in programs)
    assert (home / "count").read_text() == "x"


@pytest.mark.parametrize("unfit", ["thread", "file", "with_kfp", "deadly"])
def test_with_what_no_fork_survives_nothing_is_forked(home: Path, unfit: str) -> None:
    settings = made(home, unfit, "counted")
    assert loaded(settings, "counted") == ["counted"]
    process = start(settings, "last", "sleep")
    assert forked(process)
    process.stop()


def test_a_program_has_its_own_answer_to_what_a_shared_module_asked_of_the_environment(home: Path) -> None:
    settings = made(home, "asking", "counted")
    assert loaded(settings, "counted") == ["asking", "counted"]
    program = "import asking\nprint(asking.ANSWER)"
    for name, variables in {"one": {"QUESTION": "yes"}, "two": {"QUESTION": ""}, "three": {}}.items():
        process = start(settings, name, program=program, **variables)
        assert process.wait(30) == 0
        assert process.log.read_text() == f"{variables.get('QUESTION')}\n"


def test_what_a_shared_module_sets_is_there_unless_the_program_has_its_own(home: Path) -> None:
    settings = made(home, "setting", "counted")
    assert loaded(settings, "counted") == ["counted"]
    environment = told(start(settings, "one", "return"))[0]["environment"]
    assert (environment["SET_BY_IT"], environment["COLOUR"]) == ("yes", "green")


LAST_WORDS = """
import atexit, counted, json, sys, threading, time

class Last:
    def __del__(self):
        print("deleted", flush=True)

last = Last()
ring = [Last()]
ring.append(ring)
file = open("left.txt", "w")
file.write("whole")
atexit.register(lambda: print("at exit", json.dumps(counted.__name__)))
threading.Thread(target=lambda: (time.sleep(0.3), print("thread", flush=True))).start()
sys.exit(5)
"""


def test_a_program_ends_as_it_would_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = made(home, "json", "counted")
    assert loaded(settings, "counted") == ["counted"]

    def end(name: str) -> list[str]:
        process = start(settings, name, program=LAST_WORDS)
        assert process.wait(30) == 5
        assert (home / name / "left.txt").read_text() == "whole"
        return process.log.read_text().splitlines()

    found = end("forked")
    with monkeypatch.context() as patch:
        patch.setattr(zygotes.Zygotes, "run", lambda *_: None)
        assert found == end("spawned") == ["thread", 'at exit "counted"', "deleted", "deleted"]


@pytest.mark.parametrize("variable", ["TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "GDAL_DATA"])
def test_what_a_library_reads_at_its_start_gets_a_start_where_libraries_are_shared(home: Path, variable: str) -> None:
    def forks(settings: Settings, **variables: str) -> bool:
        process = start(settings, f"program-{time.monotonic()}", "sleep", **variables)
        found = forked(process)
        process.stop()
        return found

    assert forks(made(home)) and forks(made(home), **{variable: "1"})
    processes.release(made(home))
    sharing = made(home, "counted")
    assert [forks(sharing), forks(sharing, **{variable: "1"}), forks(sharing)] == [True, False, True]


def test_containers_that_often_come_with_variables_of_libraries_share_their_own(home: Path) -> None:
    settings = made(home, "telling")
    program = "import telling\nprint(telling.LEVEL, end='')"

    def tell(**variables: str) -> tuple[bool, str]:
        folder = f"program-{time.monotonic()}"
        process = start(
            settings, folder, program=f"import sys\nprint('telling' in sys.modules)\n{program}", **variables
        )
        assert process.wait(30) == 0
        shared, level = process.log.read_text().split()
        return shared == "True", level

    assert [tell(TF_LEVEL="1") for _ in range(2)] == [(True, "1")] * 2
    assert [tell() for _ in range(4)] == [(False, "None"), (False, "None"), (True, "None"), (True, "None")]
    assert tell(TF_LEVEL="1") == (True, "1")
    # No third kind.
    assert [tell(TF_LEVEL="2") for _ in range(4)] == [(False, "2")] * 4


TENSORFLOW = """
import sys

shared = "tensorflow" in sys.modules
import keras
import numpy as np
import tensorflow as tf

fixed = np.random.default_rng(1)
matrix = fixed.random((400, 400)).astype("float32")
product = float(tf.reduce_max(tf.abs(tf.matmul(matrix, matrix) - matrix @ matrix)))
network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
network.compile(keras.optimizers.Adam(0.02), "mse")
inputs = fixed.random((256, 4)).astype("float32")
dataset = tf.data.Dataset.from_tensor_slices((inputs, inputs.sum(1))).batch(32).prefetch(2)
losses = network.fit(dataset, epochs=15, verbose=0).history["loss"]
draws = [np.random.random(), float(tf.random.uniform([])), float(keras.random.uniform([]))]
print(shared, product < 1e-2, losses[-1] < losses[0] / 2, *draws)
"""


@pytest.mark.slow
def test_tensorflow_computes_in_two_forks_at_once_and_they_draw_differently(home: Path) -> None:
    settings = made(home, "tensorflow", "keras", "counted")
    assert "counted" in loaded(settings, "counted")
    programs = [start(settings, name, program=TENSORFLOW) for name in ("one", "two")]
    answers = []
    for process in programs:
        assert process.wait(120) == 0, process.log.read_text()
        answers.append(process.log.read_text().splitlines()[-1].split())
    assert [answer[:3] for answer in answers] == [["True"] * 3] * 2
    assert not set(answers[0][3:]) & set(answers[1][3:])
