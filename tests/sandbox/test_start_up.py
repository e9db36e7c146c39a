"""The start-up hook: clients that heed no proxy variable reach the sandbox, and nothing else changes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from earthline_sandbox.environment import SOCKS, START_UP, exports, names, restore, start_up
from tests.conftest import Sandbox

ASK = """
import asyncio, aiohttp

async def ask(url, **options):
    async with aiohttp.ClientSession(**options) as session, session.get(url) as answer:
        return await answer.json()

async def main():
    url = "https://cloudresourcemanager.googleapis.com/v1/projects/sandbox"
    print((await ask(url))["projectNumber"])
    session = aiohttp.ClientSession(trust_env=False)
    print(session.trust_env)
    await session.close()
    try:
        await ask("https://example.com/")
    except aiohttp.ClientError as error:
        print(error)

asyncio.run(main())
"""


def python(*arguments: str, **variables: str) -> str:
    """Output of an interpreter that has the hook and no sandbox."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", SOCKS)}
    environment = {**kept, **start_up({}), **variables}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_aiohttp_goes_through_the_proxy_unless_it_is_told_not_to(sandbox: Sandbox) -> None:
    number, told, refused = sandbox.python(ASK).splitlines()
    assert (number, told) == ("123456789012", "False")
    assert "403" in refused


def test_without_the_hook_aiohttp_would_pass_by(sandbox: Sandbox) -> None:
    """What the hook is for: should aiohttp ever trust the environment by itself, the hook can go."""
    script = "import aiohttp; print(aiohttp.ClientSession.__init__.__kwdefaults__['trust_env'])"
    assert sandbox.python(script, PYTHONPATH="") == "False\n"
    assert sandbox.python(script) == "True\n"


def test_httplib2_finds_the_proxy_in_an_environment_without_pysocks(sandbox: Sandbox) -> None:
    script = """
import importlib.machinery, sys
# As if it were not installed: only the hook's own finder, which is the last, sees the name.
ordinary = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda name, *rest: None if name == "socks" else ordinary(name, *rest)
import httplib2, json
print(sys.modules["socks"].__loader__.path)
answer, content = httplib2.Http().request("https://cloudresourcemanager.googleapis.com/v1/projects/sandbox")
print(answer.status, json.loads(content)["projectNumber"])
"""
    path, answer = sandbox.python(script).splitlines()
    assert path == sandbox.environment[SOCKS]
    assert answer == "200 123456789012"


@pytest.mark.parametrize("folders", [["hook"], ["hook", "theirs"], ["theirs"]])
def test_a_sitecustomize_of_the_users_runs_as_if_alone(tmp_path: Path, folders: list[str]) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os\nWHERE = __file__\n")
    known = {"hook": str(START_UP), "theirs": str(tmp_path)}
    path = os.pathsep.join(known[name] for name in folders)
    script = (
        "import sys, sitecustomize; print(sitecustomize.__file__, sitecustomize.__name__,"
        f"'WHERE' in vars(sitecustomize), {str(START_UP)!r} in sys.path)"
    )
    where = tmp_path if "theirs" in folders else START_UP
    output = python("-c", script, PYTHONPATH=path)
    assert output.split() == [str(where / "sitecustomize.py"), "sitecustomize", str("theirs" in folders), "False"]


def test_a_broken_sitecustomize_is_reported_as_python_does(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import a_module_that_is_missing\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(START_UP), str(tmp_path)])}
    done = subprocess.run(
        [sys.executable, "-c", "print('on')"], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "on\n"
    assert "Error in sitecustomize" in done.stderr and "a_module_that_is_missing" in done.stderr


def test_it_stands_beside_the_hook_of_a_pipeline_task(tmp_path: Path) -> None:
    """Both run, whichever comes first, and so does the user's."""
    (tmp_path / "sitecustomize.py").write_text("print('theirs')\n")
    task = START_UP.parent / "vertex" / "containers" / "site"
    script = "import sys; print(*sorted({getattr(f, '__name__', type(f).__name__) for f in sys.meta_path}))"
    for order in ([START_UP, task], [task, START_UP]):
        path = os.pathsep.join(map(str, [*order, tmp_path]))
        output = python("-c", script, PYTHONPATH=path, SANDBOX_GCS_MOUNT="/gcs/").split()
        assert output[0] == "theirs"
        assert {"Finder", "MountFinder", "SocksFinder"} <= set(output)


def test_processes_import_next_to_nothing_more() -> None:
    script = "import sys; print(*sys.modules)"
    more = set(python("-c", script).split()) - set(python("-c", script, PYTHONPATH="").split())
    assert "sitecustomize" in more
    assert more <= {"sitecustomize", "collections.abc", "types", "importlib.machinery", "warnings"}


def test_what_others_use_too_is_added_to_and_given_back() -> None:
    node = f'--require "{START_UP}/proxy.cjs"'
    before = {"PYTHONPATH": "/mine:/yours", "NODE_OPTIONS": "--no-warnings"}
    inside = {**before, **exports(start_up(before), before)}
    assert inside["PYTHONPATH"] == f"{START_UP}:/mine:/yours"
    assert inside["NODE_OPTIONS"] == f"{node} --no-warnings"
    # A second `env` adds nothing, and what the user added since survives the way back.
    again = {**inside, "PYTHONPATH": f"/new:{inside['PYTHONPATH']}:{START_UP}more"}
    again |= exports(start_up(again), again)
    assert again["PYTHONPATH"] == f"{START_UP}:/new:/mine:/yours:{START_UP}more"
    assert again["NODE_OPTIONS"] == inside["NODE_OPTIONS"]
    restore(again, names())
    assert again == {"PYTHONPATH": f"/new:/mine:/yours:{START_UP}more", "NODE_OPTIONS": "--no-warnings"}
    bare = exports(start_up({}), {})
    assert bare["NODE_OPTIONS"] == node
    restore(bare, names())
    assert bare == {}


@pytest.mark.skipif(shutil.which("node") is None, reason="NOT TESTED: Node.js is not installed")
def test_node_goes_through_the_proxy(sandbox: Sandbox) -> None:
    script = """
const https = require("https");
const ask = (url, options) => new Promise((done) => {
  https.get(url, options, (answer) => {
    let text = "";
    answer.on("data", (part) => { text += part; });
    answer.on("end", () => done(text));
  }).on("error", (error) => done(error.message));
});
(async () => {
  const url = "https://cloudresourcemanager.googleapis.com/v1/projects/sandbox";
  console.log(JSON.parse(await ask(url, {})).projectNumber);
  // As the package xmlhttprequest asks, which Earth Engine's client uses: an agent of its own for one request.
  console.log(JSON.parse(await ask(url, { agent: false })).projectNumber);
  console.log(await ask("https://example.com/", {}));
  // A host of NO_PROXY: straight there, where nothing speaks TLS.
  console.log(await ask("https://127.0.0.1:PORT/", {}));
  process.exit(0);
})();
""".replace("PORT", str(sandbox.port))
    lines = sandbox.run(["node", "-e", script]).stdout.splitlines()
    assert lines[:2] == ["123456789012"] * 2
    assert (
        lines[2]
        == f"The proxy 127.0.0.1:{sandbox.proxy_port} refuses example.com:443 (403 Forbidden by the Earthline sandbox)."
    )
    assert "refuses" not in lines[3] and "SSL" in lines[3]
