"""`earthline-sandbox start|stop|status|env|reset|seed|add|run|faults|limits|readings|requests`."""

import argparse
import gc
import json
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import platformdirs

from earthline_sandbox import ending
from earthline_sandbox.environment import HOME, PRELOAD, exports, shell
from earthline_sandbox.lifecycle import control
from earthline_sandbox.lifecycle.commands import register
from earthline_sandbox.settings import Home

IDLE_MINUTES = 30.0
#: Exit status of `status` when nothing runs, as service managers use it.
NOT_RUNNING = 3
_NEW_OBJECTS = 100_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit status."""
    options = _parser().parse_args(arguments)
    home = Home(Path(options.home).expanduser().absolute())
    try:
        status: int = options.command(home, options)
        sys.stdout.flush()
    except control.ControlError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read, `head` for one, has enough. The interpreter must not fail on it once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # A folder of the user's that cannot be written, or a full disk: the frames would only hide it.
        print(f"sandbox: {error.filename or home.root}: {error.strerror or error}", file=sys.stderr)
        print(f"sandbox: set {HOME} to a folder that you can write and that has room", file=sys.stderr)
        return 1
    return status


def _start(home: Home, options: argparse.Namespace) -> int:
    ran = control.running(home)
    state = control.start(
        home, idle_minutes=options.idle_minutes, containers=options.containers, preload=options.preload
    )
    if not ran and (found := ending.last(home)) and found.died:
        print(f"sandbox: before this one, {found.sentence()}.", file=sys.stderr)
    print(f"The sandbox is running (process {state['pid']}, port {state['port']}, proxy {state['proxy_port']}).")
    if state.get("containers"):
        print(f"Containers run on the Docker engine, in {state['containers']} or an image of their own.")
    return 0


def _run(home: Home, options: argparse.Namespace) -> int:
    # By Python's own figure, 700 new objects, a third of the start and of many an answer is a search for garbage.
    gc.set_threshold(_NEW_OBJECTS)
    # Imported here, as every other command does without the web server and gRPC.
    from earthline_sandbox.lifecycle.daemon import AlreadyRunningError, serve

    try:
        serve(
            home,
            idle_minutes=options.idle_minutes,
            containers=options.containers or "",
            preload=options.preload,
            echo=sys.stderr.isatty(),
        )
    except AlreadyRunningError as error:
        raise control.ControlError(str(error)) from None
    return 0


def _stop(home: Home, options: argparse.Namespace) -> int:
    print("The sandbox is stopped." if control.stop(home) else "No sandbox was running.")
    return 0


def _status(home: Home, options: argparse.Namespace) -> int:
    runs = control.running(home)
    found = ending.last(home)
    last = found.to_json() if found else None
    if not runs:
        told = f" The last one is gone: {found.sentence()}." if found and found.died else ""
        plain = {"running": False, "home": str(home.root), "last": last}
        print(json.dumps(plain) if options.json else f"No sandbox is running.{told}")
        return NOT_RUNNING
    status = {**control.call(home, "GET", "status"), "last": last}
    if options.json:
        print(json.dumps(status, indent=1))
        return 0
    print(
        f"The sandbox is running: process {status['pid']}, for {status['uptime_seconds']:.0f} s, "
        f"{status['requests']} requests.\n"
        f"Application on 127.0.0.1:{status['port']}, proxy on 127.0.0.1:{status['proxy_port']}.\n"
        f"Containers are {'containers of ' + status['containers'] if status.get('containers') else 'processes'}.\n"
        f"Home {status['home']}\nLog {status['log']}"
    )
    for name, part in status["services"].items():
        print(f"{name}:")
        _show(part, 1)
    return 0


def _env(home: Home, options: argparse.Namespace) -> int:
    variables = control.environment(home)
    if options.json:
        print(json.dumps(variables, indent=1))
    else:
        print(shell(exports(variables)), end="")
    return 0


def _reset(home: Home, options: argparse.Namespace) -> int:
    control.call(home, "POST", "reset", timeout_s=300)
    print("Every resource of the sandbox is forgotten.")
    return 0


def _seed(home: Home, options: argparse.Namespace) -> int:
    answer = control.call(home, "POST", "earthengine/seed", {"names": options.names}, timeout_s=None)
    if options.json:
        print(json.dumps(answer, indent=1))
        return 0
    for asset in answer["assets"]:
        print(f"{asset['name']}  {'new' if asset['created'] else 'already there'}")
        for label, key in (("source", "source"), ("licence", "license"), ("attribution", "attribution")):
            print(f"  {label:<12} {asset[key]}")
    return 0


def _add(home: Home, options: argparse.Namespace) -> int:
    properties: dict[str, Any] = {}
    for item in options.property:
        key, separator, value = item.partition("=")
        if not separator or not key:
            raise control.ControlError(f"--property takes KEY=VALUE, not {item!r}.")
        try:
            properties[key] = json.loads(value)
        except ValueError:
            properties[key] = value
    files = [str(Path(file).expanduser().absolute()) for file in options.files]
    for file in files:
        if not Path(file).is_file() and (len(files) > 1 or not Path(file).is_dir()):
            raise control.ControlError(f"{file} is not a file.")
    bands = options.bands.split(",") if options.bands else None
    body = {"asset": options.asset, "files": files, "properties": properties, "bands": bands, "crs": options.crs}
    body |= {"pyramiding": options.pyramiding.split(",") if options.pyramiding else [], "force": options.force}
    asset = control.call(home, "POST", "earthengine/add", body, timeout_s=None)
    if options.json:
        print(json.dumps(asset, indent=1))
        return 0
    print(asset["name"] + (f"  {asset['images']} images" if "images" in asset else ""))
    for band in asset.get("bands", ()):
        print(f"  {_band_line(band)}")
    if asset.get("replaced"):
        print(f"  It replaces an image with the bands {', '.join(asset['replaced'])}.")
    for note in asset.get("notes", ()):
        print(f"  Note: {note}")
    return 0


def _band_line(band: Mapping[str, Any]) -> str:
    """Name, type, size, grid and pyramiding policy of a band, in words."""
    grid, precision = band["grid"], band["dataType"]["precision"].lower()
    size = f"{grid['dimensions']['width']} x {grid['dimensions']['height']}"
    terms = {name: grid["affineTransform"].get(name, 0.0) for name in ("scaleX", "shearX", "shearY", "scaleY")}
    scale = math.hypot(terms["scaleX"], terms["shearY"])
    turned = " (rotated)" if terms["shearX"] or terms["shearY"] else " (rows run north)" if terms["scaleY"] > 0 else ""
    crs = grid.get("crsCode") or _named(grid.get("crsWkt", ""))
    policy = band["pyramidingPolicy"]
    return f"{band['id']:<12} {precision:<6} {size:>13} pixels of {scale:g}{turned} in {crs}, pyramid {policy}"


def _named(wkt: str) -> str:
    """A reference system without a code in a few words: its name, or where it has none the kind of projection."""
    names = re.findall(r'(?:PROJ\w*|GEO\w*|METHOD|PROJECTION)\["([^"]*)"', wkt)
    return f"{next((name for name in names if name.lower() not in ('', 'unknown')), 'a system')} (no code)"


def _show(value: Any, depth: int) -> None:
    """Prints nested status as indented lines."""
    indent = "  " * depth
    for key, item in value.items() if isinstance(value, dict) else ((str(n), v) for n, v in enumerate(value)):
        if isinstance(item, dict | list) and item:
            print(f"{indent}{key}:")
            _show(item, depth + 1)
        else:
            print(f"{indent}{key}: {item if item not in ({}, []) else '-'}")


def _modules(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if wrong := [name for name in names if not all(part.isidentifier() for part in name.split("."))]:
        raise argparse.ArgumentTypeError(
            f"{wrong[0]!r} is no name of a module, such as tensorflow or google.cloud.storage"
        )
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="earthline-sandbox",
        description="Google on a laptop: Earth Engine, Vertex AI and Cloud Storage on loopback.",
    )
    default = os.environ.get(HOME) or str(Path(platformdirs.user_data_dir("earthline")) / "sandbox")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--home", default=default, help=f"data folder (default: ${HOME}, or {default})")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("start", _start, "start it where it is not running; returns when it is ready"),
        ("run", _run, "run it in the foreground"),
        ("stop", _stop, "stop it"),
        ("status", _status, f"what is running and deployed; exit status {NOT_RUNNING} where nothing runs"),
        ("env", _env, "print the exports that send a shell's clients to it"),
        ("reset", _reset, "forget every resource"),
        ("seed", _seed, "bring real scenes into its Earth Engine catalogue"),
        ("add", _add, "make an Earth Engine asset of GeoTIFFs"),
    ):
        sub = commands.add_parser(name, help=text, description=text, parents=[shared])
        sub.set_defaults(command=command)
        if name in ("start", "run"):
            sub.add_argument(
                "--idle-minutes",
                type=float,
                default=IDLE_MINUTES,
                metavar="MINUTES",
                help=f"stop after so many minutes without a request or work; 0: never (default {IDLE_MINUTES:g})",
            )
            sub.add_argument(
                "--preload",
                type=_modules,
                default=os.environ.get(PRELOAD, ""),
                metavar="MODULE,MODULE,…",
                help="Python modules that tasks import: loaded once, before they are needed, and shared by all; those "
                f"that are not installed are passed over (default: ${PRELOAD}, or none)",
            )
            how = sub.add_mutually_exclusive_group()
            how.add_argument(
                "--containers",
                metavar="IMAGE",
                help="run containers on the Docker engine, not as processes; Google's own launchers run in IMAGE",
            )
            how.add_argument(
                "--no-containers",
                dest="containers",
                action="store_const",
                const="",
                help="run containers as processes, also where the running sandbox does otherwise",
            )
        if name in ("status", "env", "seed", "add"):
            sub.add_argument("--json", action="store_true", help="machine-readable")
        if name == "seed":
            sub.add_argument(
                "names", nargs="*", help="names of scenes (default: north_carolina); an unknown one lists all"
            )
        if name == "add":
            sub.add_argument("asset", help="asset id, such as projects/sandbox/assets/scene or LANDSAT/LE07/C02/T1_TOA")
            sub.add_argument(
                "files", nargs="+", help="GeoTIFF files of one image; or a folder of images, or a STAC .json"
            )
            sub.add_argument("--bands", metavar="B1,B2,…", help="their names (default: as the files describe them)")
            sub.add_argument("--crs", metavar="CRS", help="reference system of files that have none, or a wrong one")
            sub.add_argument(
                "--pyramiding",
                metavar="POLICY,BAND=POLICY,…",
                help="how coarser scales are made: MEAN (the default, as Earth Engine's), MODE for class ids, SAMPLE, "
                "MIN, MAX or MEDIAN; of all bands, or of those named",
            )
            sub.add_argument("--force", action="store_true", help="replace an image that is there already")
            sub.add_argument("--property", action="append", default=[], metavar="KEY=VALUE", help="of the asset")
    register(commands, shared)
    return parser


if __name__ == "__main__":
    sys.exit(main())
