"""The rounds of an export: what was planned is fetched, and what is of no use replaced from the reserve.

Which patches are kept depends on the plan and the imagery alone: of each stratum of each split, the first ones in the
order of the draw that are of use, as many as were wanted. In what order patches arrive, and in how many rounds or runs,
changes nothing.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.export_examples.planning.patches import Plan
from components.export_examples.writing.chunks import LostPatch
from components.export_examples.writing.spool import Spool, keys
from earthline.formats.manifest import SPLITS, StratumSample

Array = np.ndarray[Any, Any]

AHEAD = 1.25
"""Patches that are taken ahead, in parts of what is likely to be lost of a round's."""

_logger = logging.getLogger(__name__)


class MissingError(RuntimeError):
    """Patches that were asked for neither arrived nor were found to be of no use."""


@dataclass(frozen=True, eq=False)
class Gathered:
    """What the rounds brought.

    Attributes:
        kept: The patches that are examples.
        taken: How many these are, (splits, strata).
        lost: How many patches before the last of these in the order of the draw are of no use, (splits, strata).
        losses: These, by split.
    """

    kept: Plan
    taken: Array
    lost: Array
    losses: Mapping[str, list[LostPatch]]

    @property
    def corners(self) -> dict[str, Array]:
        """First pixels (row, column) of the examples by split, (patches, 2)."""
        return {split: self.kept.corners(place) for place, split in enumerate(SPLITS)}

    @property
    def sampling(self) -> dict[str, tuple[StratumSample, ...]]:
        """What the manifest tells of the draw."""
        return self.kept.sampling(self.taken, self.lost)


def gather(plan: Plan, spool: Spool, fetch: Callable[[Plan, int, int], None], *, ahead: bool = False) -> Gathered:
    """Fetches until as many patches as are wanted are examples, or the reserve ends.

    Args:
        plan: With its reserve.
        spool: Keeps what arrives; what is in it is not fetched.
        fetch: Brings patches into the spool, each as an example or as a loss. It is told which, how many of those that
            the export will have are there already, and how many it will have.
        ahead: Whether a round takes as many more as are likely to be of no use, since a further one would cost more.

    Raises:
        MissingError: It brought less.
    """
    asked = np.minimum(plan.wanted, plan.drawn)
    begin, spare = np.zeros_like(asked), np.zeros_like(asked)
    while True:
        chosen = plan.between(begin, asked)
        held, lost = _found(chosen, spool)
        if not (held | lost).all():
            reach = plan.between(begin, asked + spare)
            there, useless = _found(reach, spool)
            missing = reach.only(~(there | useless))
            fetch(missing, int(there.sum()), int(there.sum()) + len(missing))
            spool.refresh()
            held, lost = _found(chosen, spool)
            _require(chosen.only(~(held | lost)))
        lost_counts = chosen.counted(lost)
        further = np.minimum(plan.wanted + lost_counts, plan.drawn)
        if ahead:
            odds = lost_counts / np.maximum(chosen.counted(held), 1)
            spare = np.ceil((further - asked) * odds * AHEAD).astype(np.int64)
        if (further == asked).all():
            kept = chosen.only(held)
            return Gathered(kept, chosen.counted(held), lost_counts, _losses(chosen.only(lost), spool))
        _logger.info(
            "export_examples: %d patches are of no use, as they have no imagery where they need it; takes %d others",
            int(lost.sum()),
            int((further - asked).sum()),
        )
        asked = further


def absent(chosen: Plan, spool: Spool) -> Plan:
    """The patches that the spool neither holds nor knows to be of no use.

    Args:
        chosen: Some of a plan.
        spool: Keeps what has arrived.
    """
    held, lost = _found(chosen, spool)
    return chosen.only(~(held | lost))


def told(gathered: Gathered, plan: Plan) -> None:
    """Logs what was lost, and what is less than was wanted.

    Args:
        gathered: What the rounds brought.
        plan: With its reserve.
    """
    for split, losses in gathered.losses.items():
        for reason, count in sorted(Counter(each.reason for each in losses).items()):
            _logger.warning("export_examples: %d patches of %s are left out: %s", count, split, reason)
    short = (plan.wanted - gathered.taken).sum(axis=1)
    for split, fewer in zip(SPLITS, short.tolist(), strict=True):
        if fewer > 0:
            _logger.warning(
                "export_examples: %s has %d patches less than were planned, and there are no others to take instead",
                split,
                fewer,
            )


def _found(chosen: Plan, spool: Spool) -> tuple[Array, Array]:
    """Which patches the spool holds, and which it knows to be of no use, bool (patches,)."""
    held, lost = np.zeros(len(chosen), bool), np.zeros(len(chosen), bool)
    for place, split in enumerate(SPLITS):
        mine = chosen.split == place
        asked = keys(*chosen.corners(place).T)
        held[mine] = np.isin(asked, keys(*spool.held(split).T))
        useless = np.array([(each.row, each.column) for each in spool.lost(split)], np.int64).reshape(-1, 2)
        lost[mine] = np.isin(asked, keys(*useless.T))
    return held, lost & ~held


def _losses(lost: Plan, spool: Spool) -> dict[str, list[LostPatch]]:
    found = {}
    for place, split in enumerate(SPLITS):
        corners = {(row, column) for row, column in lost.corners(place).tolist()}
        found[split] = [each for each in spool.lost(split) if (each.row, each.column) in corners]
    return found


def _require(missing: Plan) -> None:
    if len(missing):
        raise MissingError(
            f"{len(missing):,} patches did not arrive, and no error was raised: the first one is at row "
            f"{missing.row[0]}, column {missing.column[0]} of {SPLITS[missing.split[0]]}; run it again (what has "
            "arrived is kept), and report it if that does not help"
        )
