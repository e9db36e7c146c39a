"""Names of runs sort by their beginning, and two that begin together differ."""

import re

from earthline import run_name


def test_names_sort_by_time_and_never_meet() -> None:
    names = [run_name.new("forest") for _ in range(2)]
    assert all(re.fullmatch(r"forest-\d{8}-\d{6}-[0-9a-f]{4}", name) for name in names)
    moments = [name.rpartition("-")[0] for name in names]
    assert moments == sorted(moments)
    assert len(set(names)) == 2
