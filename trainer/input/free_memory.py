"""How much memory this process may still take."""

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_LIMIT, _USED, _STAT = (
    Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current", "memory.stat")
)  # https://docs.kernel.org/admin-guide/cgroup-v2.html


def free_memory() -> int | None:
    """Bytes that are free on this machine, or in this container where it has a limit; None where it cannot be known.

    What the kernel keeps of files counts as free: it gives that back when asked.
    """
    free = _number_after(_MEMINFO, "MemAvailable:")
    if free is None:
        return None
    free *= 1024
    try:
        limit, used = int(_LIMIT.read_text()), int(_USED.read_text())
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return free
    return min(free, limit - used + (_number_after(_STAT, "inactive_file") or 0))


def _number_after(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), None)
