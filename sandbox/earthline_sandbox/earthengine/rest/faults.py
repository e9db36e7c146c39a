"""Faults on demand: errors, delays and cut answers for chosen methods, by chance and by count.

A rule is made through the admin interface (`POST /_sandbox/earthengine/faults`) or by `earthline-sandbox faults add`,
and holds until it is cleared, has struck often enough, or the sandbox is reset.
"""

import asyncio
import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earthline_sandbox.earthengine.limits import TOO_MANY_REQUESTS
from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.responses import error_response

#: Refusals in Google's own words: status and message.
REFUSALS: Mapping[str, tuple[str, str]] = {
    "429": ("RESOURCE_EXHAUSTED", TOO_MANY_REQUESTS),
    "503": ("UNAVAILABLE", "The service is currently unavailable."),
    "internal": ("INTERNAL", "Internal error."),
    "aggregations": ("RESOURCE_EXHAUSTED", "Too many concurrent aggregations."),
    "memory": ("INVALID_ARGUMENT", "User memory limit exceeded."),
    "timeout": ("INVALID_ARGUMENT", "Computation timed out."),
}
#: How the patterns of rules begin that strike batch tasks when they run, and no request: `task:EXPORT_FEATURES`.
TASKS = "task:"
#: What happens to the connection: an answer that comes late, never, slowly, or in part.
DISTURBANCES = ("stall", "reset", "slow", "truncated")
KINDS = (*REFUSALS, *DISTURBANCES)

_LONGEST_SECONDS = 3_600.0
_SLOW_PARTS = 20


class Truncated(Exception):
    """Ends a response in its middle; the server closes the connection."""


@dataclass
class Rule:
    """When a fault strikes.

    Attributes:
        kind: One of `KINDS`.
        method: Pattern of methods, as the request log names them: `image:computePixels`, `assets:*`; of batch tasks
            `task:` and a pattern of their types, such as `task:EXPORT_*`.
        probability: Chance of each call that the other conditions let pass.
        calls: Numbers of matching calls, from 1; empty means any.
        times: How often it may strike; 0 means without end.
        seconds: Length of a stall, or of a slow answer.
        seed: Of the chance, so that a test repeats itself.
        number: Of the rule, in the order of their making.
        seen: Matching calls so far.
        struck: How often it has struck.
    """

    kind: str
    method: str = "*"
    probability: float = 1.0
    calls: tuple[int, ...] = ()
    times: int = 0
    seconds: float = 30.0
    seed: int = 0
    number: int = 0
    seen: int = 0
    struck: int = 0
    _chance: random.Random = field(default_factory=random.Random, repr=False)

    @classmethod
    def of(cls, given: Mapping[str, Any], number: int) -> "Rule":
        """Reads a rule; raises INVALID_ARGUMENT naming the field that is wrong."""
        known = ("kind", "method", "probability", "calls", "times", "seconds", "seed")
        if unknown := sorted(set(given) - set(known)):
            raise invalid(f"Unknown field '{unknown[0]}' of a fault; the fields are {', '.join(known)}.")
        kind = str(given.get("kind", ""))
        if kind not in KINDS:
            raise invalid(f"Unknown kind of fault '{kind}'; use one of {', '.join(KINDS)}.")
        try:
            rule = cls(
                kind,
                str(given.get("method") or "*"),
                float(given.get("probability", 1.0)),
                tuple(int(call) for call in given.get("calls") or ()),
                int(given.get("times", 0)),
                float(given.get("seconds", 30.0)),
                int(given.get("seed", 0)),
                number,
            )
        except (TypeError, ValueError) as error:
            raise invalid(f"A fault has a value that cannot be read: {error}.") from error
        if not 0 <= rule.probability <= 1:
            raise invalid(f"The probability of a fault must be between 0 and 1, not {rule.probability}.")
        if not 0 <= rule.seconds <= _LONGEST_SECONDS or rule.times < 0 or any(call < 1 for call in rule.calls):
            raise invalid(
                f"A fault's 'seconds' must be between 0 and {_LONGEST_SECONDS:g}, 'times' not negative, and 'calls' "
                "counted from 1."
            )
        if rule.method.startswith(TASKS) and kind not in REFUSALS:
            raise invalid(f"A task has no connection: it fails by one of {', '.join(REFUSALS)}, not by '{kind}'.")
        rule._chance = random.Random(rule.seed)
        return rule

    def strikes(self, method: str) -> bool:
        """Counts a call, and tells whether it is hit."""
        if method.startswith(TASKS) != self.method.startswith(TASKS):
            return False
        if not fnmatchcase(method, self.method) or (self.times and self.struck >= self.times):
            return False
        self.seen += 1
        # Drawn for every matching call, so that one seed gives one series.
        drawn = self._chance.random() < self.probability
        hit = drawn and (not self.calls or self.seen in self.calls)
        self.struck += hit
        return hit

    def to_json(self) -> dict[str, Any]:
        """As the admin interface shows it."""
        shown = asdict(self)
        shown.pop("_chance")
        return shown


class Faults:
    """All rules, and the ASGI middleware that applies them."""

    def __init__(self) -> None:
        """Starts without any."""
        self._rules: list[Rule] = []
        self._made = 0
        self._lock = threading.Lock()

    def add(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a rule; raises INVALID_ARGUMENT."""
        with self._lock:
            rule = Rule.of(given, self._made + 1)
            self._made += 1
            self._rules.append(rule)
            return rule.to_json()

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, with how often it has struck."""
        with self._lock:
            return [rule.to_json() for rule in self._rules]

    def clear(self) -> None:
        """Removes every rule."""
        with self._lock:
            self._rules.clear()

    def next(self, method: str) -> Rule | None:
        """The rule that a call of this method meets, if any; the oldest first."""
        with self._lock:
            for rule in self._rules:
                if rule.strikes(method):
                    return rule
        return None

    def fail(self, kind: str) -> None:
        """Fails a batch task that begins to run, where a rule strikes it.

        Args:
            kind: Its type, such as `EXPORT_FEATURES`.

        Raises:
            ApiError: What the task ends with.
        """
        rule = self.next(f"{TASKS}{kind}")
        if rule is not None:
            status, message = REFUSALS[rule.kind]
            raise ApiError(status, message)

    async def serve(self, app: ASGIApp, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request under a fault.

        Raises:
            Truncated: The answer was cut off on purpose.
        """
        if rule.kind in REFUSALS:
            status, message = REFUSALS[rule.kind]
            await error_response(ApiError(status, message))(scope, receive, send)
        elif rule.kind == "stall":
            await asyncio.sleep(rule.seconds)
            await app(scope, receive, send)
        elif rule.kind == "reset":
            await _reset(receive)
        elif rule.kind == "slow":
            await app(scope, receive, _slowly(send, rule.seconds))
        else:
            await app(scope, receive, _partly(send))


async def _reset(receive: Receive) -> None:
    # ASGI has no way to hang up; uvicorn's `receive` belongs to the object that holds the connection.
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ApiError("INTERNAL", "This server gives no way to reset a connection.")
    transport.abort()
    # Lets the server notice, so that it answers nothing any more.
    await asyncio.sleep(0.01)


def _slowly(send: Send, seconds: float) -> Send:
    async def trickle(message: Message) -> None:
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or not body:
            await send(message)
            return
        size = max(1, -(-len(body) // _SLOW_PARTS))
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        for number, part in enumerate(parts, start=1):
            await asyncio.sleep(seconds / len(parts))
            more = number < len(parts) or bool(message.get("more_body"))
            await send({"type": "http.response.body", "body": part, "more_body": more})

    return trickle


def _partly(send: Send) -> Send:
    async def cut(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        body = message.get("body", b"")
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        raise Truncated

    return cut
