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
_LONGER = 4.0
"""Factor for each time that the same request was given up before: slow and right is better than never."""
_KINDS = 64
_BUDGET, _EARNED = 20.0, 0.1
"""Requests that may be given up: at the beginning and at most, and for each answer."""


class Patience:
    """Tells stalls from slow answers, by kind of request: the same image in windows of about the same size.

    A stall is a request that takes far longer than nearly all others of its kind: it is given up and sent anew
    ("The Tail at Scale", Dean and Barroso, 2013). Where everything became slow, the budget ends that: a tenth of the
    requests at most is sent twice.
    """

    def __init__(self, longest: float) -> None:
        """Begins without knowing anything.

        Args:
            longest: Seconds after which any request is given up.
        """
        self._longest = longest
        self._kinds: OrderedDict[Hashable, deque[float]] = OrderedDict()
        self._budget = _BUDGET
        self._lock = threading.Lock()

    def seconds(self, kind: Hashable | None, given_up: int) -> float:
        """How long an answer is to be waited for.

        Args:
            kind: Of the request; None where nothing like it was asked before, or it must not be asked twice.
            given_up: How often this very request was given up already.
        """
        with self._lock:
            known = self._kinds.get(kind) if kind is not None else None
            if known is None or len(known) < _FEWEST or self._budget < 1:
                return self._longest
            usual = sorted(known)[int(_QUANTILE * len(known))]
            return min(self._longest, max(_LEAST_SECONDS, _FACTOR * usual) * _LONGER**given_up)

    def answered(self, kind: Hashable | None, seconds: float) -> None:
        """Takes note of an answer.

        Args:
            kind: As above.
            seconds: How long it took.
        """
        with self._lock:
            self._budget = min(_BUDGET, self._budget + _EARNED)
            self._note(kind, seconds)

    def gave_up(self, kind: Hashable | None, seconds: float) -> None:
        """Takes note of a request that was given up.

        Args:
            kind: As above.
            seconds: How long it was waited for.
        """
        with self._lock:
            self._budget -= 1
            # How long it would have taken is not known; where many are given up, patience grows by this.
            self._note(kind, 2 * seconds)

    def _note(self, kind: Hashable | None, seconds: float) -> None:
        if kind is None:
            return
        self._kinds.setdefault(kind, deque(maxlen=_ANSWERS)).append(seconds)
        self._kinds.move_to_end(kind)
        if len(self._kinds) > _KINDS:
            self._kinds.popitem(last=False)
