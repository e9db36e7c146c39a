"""How long an answer is waited for, learnt from the answers before it."""

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable

_ANSWERS = 200
"""Latest answers of a kind that count."""
_FEWEST = 20
"""Answers of a kind before anything is concluded from them."""
_QUANTILE, _FACTOR = 0.95, 1.5
_LEAST_SECONDS = 1.0
_UNKNOWN_SECONDS = 60.0
"""Of a request of which nothing is known yet, so that a stall at the beginning does not last to the end."""
_LONGER = 4.0
"""Factor for each time that the same request was given up before: slow and right is better than never."""
_KINDS = 64
_BUDGET, _EARNED = 20.0, 0.1
"""Requests that may be given up: at the beginning and at most, and for each answer."""

Kind = tuple[Hashable, int]
"""Requests that take about the same time: what is computed, and a size. A smaller one takes no longer."""


class Patience:
    """Tells stalls from slow answers, by kind of request.

    A stall is a request that takes far longer than nearly all others of its kind: it is given up and sent anew
    ("The Tail at Scale", Dean and Barroso, 2013). Only answers are learnt from, so stalls do not make it more patient;
    where everything became slow, answers to second tries do, and the budget bounds what is sent twice until then.
    """

    def __init__(self, longest: float) -> None:
        """Begins without knowing anything.

        Args:
            longest: Seconds after which any request is given up.
        """
        self._longest = longest
        self._kinds: OrderedDict[Kind, deque[float]] = OrderedDict()
        self._budget = _BUDGET
        self._lock = threading.Lock()

    def seconds(self, kind: Kind | None, given_up: int) -> float:
        """How long an answer is to be waited for.

        Args:
            kind: Of the request; None where it must not be made twice.
            given_up: How often this very request was given up already.
        """
        with self._lock:
            if kind is None or self._budget < 1:
                return self._longest
            return min(self._longest, self._usual(kind) * _LONGER**given_up)

    def answered(self, kind: Kind | None, seconds: float) -> None:
        """Takes note of an answer.

        Args:
            kind: As above.
            seconds: How long it took.
        """
        with self._lock:
            self._budget = min(_BUDGET, self._budget + _EARNED)
            if kind is None:
                return
            self._kinds.setdefault(kind, deque(maxlen=_ANSWERS)).append(seconds)
            self._kinds.move_to_end(kind)
            if len(self._kinds) > _KINDS:
                self._kinds.popitem(last=False)

    def gave_up(self) -> None:
        """Takes note of a request that was given up."""
        with self._lock:
            self._budget -= 1

    def _usual(self, kind: Kind) -> float:
        """What nearly all requests of a kind, or larger ones, took, with a margin."""
        known = [
            (size, taken)
            for (what, size), taken in self._kinds.items()
            if what == kind[0] and size >= kind[1] and len(taken) >= _FEWEST
        ]
        if not known:
            return _UNKNOWN_SECONDS
        taken = sorted(min(known, key=lambda each: each[0])[1])
        return max(_LEAST_SECONDS, _FACTOR * taken[int(_QUANTILE * len(taken))])
