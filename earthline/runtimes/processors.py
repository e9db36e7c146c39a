"""How many processors this process may use: a container's share of a machine, not the machine's."""

import math
import os
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


def share(root: Path = _GROUPS) -> float:
    """Processors' worth of time, at least a small part of one.

    The least of: those that this process may run on, and the quota of its control group, version 2 (`cpu.max`) or 1
    (`cpu.cfs_quota_us`). https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files

    Args:
        root: Where control groups are mounted.
    """
    allowed = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    return min([allowed, *_quotas(root)])


def count(root: Path = _GROUPS) -> int:
    """Threads that can compute at once: the share, rounded up. More would only wait for each other's turn."""
    return max(1, math.ceil(share(root)))


def _quotas(root: Path) -> list[float]:
    found = []
    # Inside a container its own group is the root; elsewhere the group is named, and its parents bind as well.
    for folder in _folders(root):
        try:
            quota, period = (folder / "cpu.max").read_text().split()
        except (OSError, ValueError):
            try:
                quota = (folder / "cpu.cfs_quota_us").read_text().strip()
                period = (folder / "cpu.cfs_period_us").read_text().strip()
            except OSError:
                continue
        if quota.isdigit() and period.isdigit() and int(quota) > 0 and int(period) > 0:
            found.append(max(0.01, int(quota) / int(period)))
    return found


def _folders(root: Path) -> list[Path]:
    folders = [root, root / "cpu"]
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return folders
    for line in lines:
        _, controllers, path = line.split(":", 2)
        top = root if not controllers else root / controllers
        if not controllers or "cpu" in controllers.split(","):
            relative = Path(path.lstrip("/"))
            folders += [top / each for each in (relative, *relative.parents) if ".." not in each.parts]
    return folders
