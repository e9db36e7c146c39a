"""TensorFlow is loaded without a word of what is no fault, and with every other."""

import os
import subprocess
import sys

import pytest

from earthline.native_lines import unheard

NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1796127399.373825   15797 port.cc:153] oneDNN custom operations are on. You may see.\n"
)


def test_only_what_is_known_is_left_out_and_python_is_heard_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError), unheard():
        os.write(2, NOISE.encode() + b"E0000 a fault\n" + NOISE.encode() + b"no end of a line")
        print("python", file=sys.stderr, flush=True)
        assert capfd.readouterr().err == "python\n"
        raise ImportError
    os.write(2, b"\nafterwards\n")
    print("python again", file=sys.stderr, flush=True)
    assert capfd.readouterr().err == "E0000 a fault\nno end of a line\nafterwards\npython again\n"


def test_whoever_imports_tensorflow_first_does_so_unheard() -> None:
    program = (
        "import sys; from earthline import native_lines; native_lines._processor = lambda: 'flags: avx512f'; "
        "native_lines.hush(); from earthline.runtimes.light_tensorflow import tf; "
        "print(int(tf.constant(2) + 1), any('native_lines' in str(each) for each in sys.meta_path))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "1"},
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "3 False\n"), done.stderr
    assert "oneDNN" not in done.stderr and "absl" not in done.stderr
