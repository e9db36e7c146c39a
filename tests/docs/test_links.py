"""Every relative link and anchor of every Markdown file leads somewhere; nothing is fetched."""

import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    if (ROOT / name).is_file()
)
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+).+?\1")
# A label may hold an image or code, but no link.
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_REFERENCE = re.compile(r"^ *\[[^\]]+\]: +<?(\S+?)>?(?: |$)", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.\-]*:", re.IGNORECASE)


@cache
def prose(page: Path) -> str:
    """A page without its blocks of code, whose brackets are no links."""
    return _FENCE.sub("", page.read_text())


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them, and those set by hand."""
    found: list[str] = re.findall(r"<a (?:id|name)=\"([^\"]+)\"", prose(page))
    for heading in _HEADING.findall(prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.append(slug if slug not in found else f"{slug}-{sum(other.startswith(slug) for other in found)}")
    return frozenset(found)


def broken(page: Path, root: Path = ROOT) -> list[str]:
    """The page's links that lead nowhere."""
    text = _CODE.sub("`", prose(page))
    wrong = []
    for link in (*_LINK.findall(text), *_REFERENCE.findall(text)):
        if _ELSEWHERE.match(link):
            continue
        path, _, anchor = unquote(link).partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.is_relative_to(root) or not there.exists():
            wrong.append(f"{link}: there is no such file")
        elif anchor and (there.suffix != ".md" or anchor not in anchors(there)):
            wrong.append(f"{link}: there is no such heading")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_what_leads_nowhere_is_found(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# One `a.b` two\n\n## Twice\n\n## Twice\n")
    page.write_text(
        "# Page\n\n[file](no.md) [heading](other.md#no) [own](#no) ![picture](no.png)\n\n[named]\n\n[named]: gone.md\n"
        "[out](../../no) [fine](other.md#one-ab-two) [fine](#page) [fine](other.md#twice-1) [web](https://a.b/c)\n"
        "`[code](no.md)`\n\n```\n[code](no.md)\n```\n"
    )
    assert [line.partition(":")[0] for line in broken(page, tmp_path)] == [
        "no.md", "other.md#no", "#no", "no.png", "../../no", "gone.md",
    ]  # fmt: skip
