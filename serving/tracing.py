"""Which request a line of the log belongs to: headers that callers and Google's front ends send, kept and sent back."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

_KEPT = ("traceparent", "x-cloud-trace-context", "x-request-id")
_PLAIN = re.compile(r"[\x21-\x7e]{1,256}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_CLOUD_TRACE = re.compile(r"([0-9a-fA-F]{32})(?:/([0-9]{1,20}))?(?:;o=([01]))?")


@dataclass(frozen=True)
class Trace:
    """One request's.

    Attributes:
        headers: To send back: those that came, and an `x-request-id` where none did.
        fields: For its lines in the log, by the names that Cloud Logging reads.
    """

    headers: Mapping[str, str]
    fields: Mapping[str, str]

    @classmethod
    def of(cls, headers: Mapping[str, str], project: str = "") -> "Trace":
        """Reads a request's headers; one that is no such header is left out.

        Args:
            headers: By name in lower case.
            project: Google Cloud project, of which Cloud Logging wants to know with the trace.

        https://www.w3.org/TR/trace-context/ and https://cloud.google.com/trace/docs/trace-context
        """
        kept = {name: headers[name] for name in _KEPT if _PLAIN.fullmatch(headers.get(name, ""))}
        kept.setdefault("x-request-id", f"{random.getrandbits(128):032x}")
        fields = {"request_id": kept["x-request-id"]}
        if found := _TRACEPARENT.fullmatch(kept.get("traceparent", "")):
            trace, span = found[1], found[2]
        elif found := _CLOUD_TRACE.fullmatch(kept.get("x-cloud-trace-context", "")):
            trace, span = found[1].lower(), f"{int(found[2] or 0) & (1 << 64) - 1:016x}"
        else:
            return cls(kept, fields)
        fields["logging.googleapis.com/trace"] = f"projects/{project}/traces/{trace}" if project else trace
        fields["logging.googleapis.com/spanId"] = span
        return cls(kept, fields)
