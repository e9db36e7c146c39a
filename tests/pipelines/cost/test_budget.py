"""Limits of the budget: what is over for certain, what may be, and what to lower."""

import pytest

from pipelines.cost.budget import Check
from pipelines.cost.figures import Basis, Figure, total


def test_only_what_is_over_for_certain_is_refused() -> None:
    over = Check("eecu_hours", 10, Figure(12, 40, Basis.PUBLISHED))
    maybe = Check("eecu_hours", 20, Figure(12, 40, Basis.PUBLISHED))
    open_end = Check("dollars", 5, Figure.unknown("nobody knows"))
    within = Check("requests", 100, Figure.exact(100))
    assert [each.exceeded for each in (over, maybe, open_end, within)] == [True, False, False, False]
    assert [each.uncertain for each in (over, maybe, open_end, within)] == [False, True, True, False]
    assert "budget.eecu_hours: 10; this run takes 12 to 40; lower that by fewer export.examples" in over.text
    assert "may be exceeded" in maybe.text and "0 or more" in open_end.text
    assert within.text == "budget.requests: 100; this run takes 100"


def test_a_sum_rests_on_the_worst_of_its_parts() -> None:
    found = total([Figure.exact(2), None, Figure(1, 3, Basis.PUBLISHED), Figure.measured(4, "by probes")])
    assert (found.low, found.high, found.basis) == (7, 9, Basis.PUBLISHED)
    assert total([found, Figure.unknown("why")]).high is None
    assert total([]).high == 0 == pytest.approx(total([None]).low)
