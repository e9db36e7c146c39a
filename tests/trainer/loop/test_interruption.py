"""A run that is killed, wherever it is, goes on and ends with the very weights of one that was not."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earthline.config import Train
from trainer import training
from trainer.description import HISTORY
from trainer.lesson import Learned, Lesson, learn
from trainer.loop.checkpoint import STATE, Checkpoint, remove
from trainer.models.unet import UNet

SETTINGS: dict[str, Any] = {
    "average": "ema",
    "checkpoint_minutes": 0,
    "speed": "plain",
    "cutmix": 0.3,
    "band_jitter": 0.1,
}


class Killed(Exception):
    """The process ends here."""


def metrics(learned: Learned) -> list[dict[str, float]]:
    return [epoch.metrics for epoch in learned.state.history]


@pytest.fixture(scope="module")
def whole(lesson: Callable[..., Lesson]) -> Learned:
    given = lesson(**SETTINGS)
    return learn(given.train.model, given)


def test_killed_at_any_write_it_ends_with_the_same_weights(
    lesson: Callable[..., Lesson], whole: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(time.time())
    draw = random.Random(seed)
    given = lesson(**SETTINGS)
    # A call computes as many steps as fit into a time: here one, so that each step may be the last.
    monkeypatch.setattr("trainer.loop.teacher._TIMED_STEPS", 1)
    monkeypatch.setattr("trainer.loop.speed.CALL_SECONDS", 0.0)
    replace = os.replace
    # Each of the 6 steps writes arrays and a state, and each of the 2 epochs weights.
    for kill in (draw.randint(1, 7), draw.randint(1, 5)):
        left = kill

        def killed(source: Any, target: Any, half: bool = draw.random() < 0.5) -> None:
            nonlocal left
            left -= 1
            if left or half:
                replace(source, target)
            if not left:
                raise Killed

        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr("trainer.loop.checkpoint.os.replace", killed)
            learn(given.train.model, given)
    learned = learn(given.train.model, given)
    assert metrics(learned) == metrics(whole), f"seed {seed}"
    for one, other in zip(learned.network.get_weights(), whole.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    (given.checkpoint / "notes.txt").write_text("of somebody else")
    remove(given.checkpoint)
    assert [path.name for path in given.checkpoint.iterdir()] == ["notes.txt"]


@pytest.mark.slow
def test_a_process_that_is_killed_goes_on(dataset: Callable[..., Path], tmp_path: Path) -> None:
    section = Train(model=UNet(filters=4, depth=1), epochs=20, patience=20, batch_size=4, checkpoint_minutes=0)
    examples = dataset((14, 6, 2))

    def start() -> subprocess.Popen[str]:
        words = ["--examples", str(examples), "--train", section.model_dump_json(), "--model-dir", str(killed)]
        return subprocess.Popen(
            [sys.executable, "-m", "trainer.task", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = start()
    state = killed / "checkpoint" / STATE
    while not state.is_file() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    again = start()
    # This process has loaded TensorFlow already.
    training.run(section, examples, whole)
    told = again.communicate()[0]
    assert "restored the checkpoint of epoch" in told, told
    values = [
        [line for line in (folder / HISTORY).read_text().splitlines() if "seconds" not in line]
        for folder in (killed, whole)
    ]
    assert values[0] == values[1]


def test_a_checkpoint_of_other_settings_is_not_used(
    lesson: Callable[..., Lesson], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Checkpoint(tmp_path, writes=True)
    record = first.read({"train.learning_rate": 0.1, "train.seed": 1})
    record.step = 7
    first.save(record, [np.arange(3)], None)
    assert first.read({"train.learning_rate": 0.1, "train.seed": 1}).step == 7
    assert first.read({"train.learning_rate": 0.2, "train.seed": 1}).step == 0
    assert "made with another train.learning_rate: training begins anew" in capsys.readouterr().out
    reader = Checkpoint(tmp_path, writes=False)
    reader.save(record, [], None)
    np.testing.assert_array_equal(reader.arrays(record)[0], np.arange(3))
