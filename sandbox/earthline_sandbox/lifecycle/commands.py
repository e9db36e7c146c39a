"""`earthline-sandbox faults|limits|readings|requests`: bad days, quotas, disputed texts, and what was asked."""

import argparse
import json
from typing import Any

from earthline_sandbox.lifecycle import control
from earthline_sandbox.settings import Home

_LIMITED = ("earthengine", "vertex")
_FAULT_FIELDS = ("method", "probability", "calls", "times", "seconds", "seed")


def register(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Adds the subcommands to those of `earthline-sandbox`."""
    text = "make Earth Engine's requests fail on purpose; without an action, list the rules"
    faults = commands.add_parser("faults", help=text, description=text, parents=[shared])
    faults.set_defaults(command=_faults)
    faults.add_argument("action", nargs="?", choices=("list", "add", "clear"), default="list")
    faults.add_argument(
        "kind", nargs="?", help="429, 503, internal, aggregations, memory, timeout, stall, reset, slow or truncated"
    )
    faults.add_argument("--method", metavar="PATTERN", help="such as image:computePixels (default: every method)")
    faults.add_argument("--probability", type=float, metavar="P", help="chance of each call, 0 to 1 (default 1)")
    faults.add_argument("--calls", metavar="N,N", type=_numbers, help="only these calls, counted from 1")
    faults.add_argument("--times", type=int, metavar="N", help="strike so often at most")
    faults.add_argument("--seconds", type=float, metavar="S", help="length of a stall or a slow answer (default 30)")
    faults.add_argument("--seed", type=int, metavar="N", help="of the chance (default 0)")
    text = "show the limits of Earth Engine and of predictions, or change some until the sandbox stops"
    limits = commands.add_parser("limits", help=text, description=text, parents=[shared])
    limits.set_defaults(command=_limits)
    limits.add_argument("changes", nargs="*", metavar="NAME=VALUE", help="such as concurrent=10")
    text = "show how the sandbox reads what Google's texts leave open, or choose another reading until it stops"
    readings = commands.add_parser("readings", help=text, description=text, parents=[shared])
    readings.set_defaults(command=_readings)
    readings.add_argument("changes", nargs="*", metavar="NAME=VALUE", help="such as overlap=each_edge")
    text = "show what was asked of Earth Engine, as JSON lines"
    requests = commands.add_parser("requests", help=text, description=text, parents=[shared])
    requests.set_defaults(command=_requests)
    requests.add_argument("--method", default="", metavar="METHOD", help="of one method only")
    requests.add_argument("--clear", action="store_true", help="forget them afterwards")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _faults(home: Home, options: argparse.Namespace) -> int:
    if options.action == "add":
        if not options.kind:
            raise control.ControlError("`sandbox faults add` needs a KIND, such as 429.")
        body = {name: getattr(options, name) for name in _FAULT_FIELDS if getattr(options, name) is not None}
        control.call(home, "POST", "earthengine/faults", {"kind": options.kind, **body})
    elif options.action == "clear":
        control.call(home, "DELETE", "earthengine/faults")
    for rule in control.call(home, "GET", "earthengine/faults")["faults"]:
        when = f"calls {','.join(map(str, rule['calls']))}" if rule["calls"] else f"chance {rule['probability']:g}"
        print(
            f"{rule['number']}: {rule['kind']} on {rule['method']}, {when}: struck {rule['struck']} of {rule['seen']}"
        )
    return 0


def _limits(home: Home, options: argparse.Namespace) -> int:
    changes: dict[str, float] = {}
    for item in options.changes:
        name, _, value = item.partition("=")
        try:
            changes[name] = json.loads(value)
        except ValueError:
            raise control.ControlError(f"Limits are given as NAME=NUMBER, not {item!r}.") from None
    known = {service: control.call(home, "GET", f"{service}/limits")["limits"] for service in _LIMITED}
    for name in changes:
        if not any(name in limits for limits in known.values()):
            names = ", ".join(name for limits in known.values() for name in limits)
            raise control.ControlError(f"Unknown limit '{name}'; the limits are {names}.")
    for service, limits in known.items():
        if own := {name: value for name, value in changes.items() if name in limits}:
            limits.update(control.call(home, "POST", f"{service}/limits", own)["limits"])
        for name, value in limits.items():
            print(f"{name:<25} {value:,}")
    return 0


def _readings(home: Home, options: argparse.Namespace) -> int:
    changes = dict(item.split("=", 1) if "=" in item else (item, "") for item in options.changes)
    method, body = ("POST", changes) if changes else ("GET", None)
    for name, value in control.call(home, method, "earthengine/readings", body)["readings"].items():
        print(f"{name:<12} {value}")
    return 0


def _requests(home: Home, options: argparse.Namespace) -> int:
    query = f"?method={options.method}" if options.method else ""
    for entry in control.call(home, "GET", f"earthengine/requests{query}")["requests"]:
        print(json.dumps(entry))
    if options.clear:
        control.call(home, "DELETE", "earthengine/requests")
    return 0
