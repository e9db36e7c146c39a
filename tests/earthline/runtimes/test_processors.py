import os
from pathlib import Path

import pytest

from earthline.runtimes import processors

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "share"),
    [
        ({}, ALL),
        ({"cpu.max": "max 100000\n"}, ALL),
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, ALL),
        ({"cpu/cpu.cfs_quota_us": "25000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.25),
        ({"cpu.max": "nonsense"}, ALL),
    ],
)
def test_a_containers_quota_is_less_than_the_machine(files: dict[str, str], share: float, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert processors.share(tmp_path) == share
    assert processors.count(tmp_path) == max(1, share)


def test_only_those_that_the_process_may_run_on_count() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert processors.count() == 1
    finally:
        os.sched_setaffinity(0, before)
