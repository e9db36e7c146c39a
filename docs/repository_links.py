"""A hook of mkdocs: links from the pages to files beside docs/ lead to the repository, where these files are."""

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"(\]\(<?)((?:\.\./)+[^)\s>#]*)((?:#[^)\s>]*)?>?\))")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Rewrites a page's links that leave docs/.

    Args:
        markdown: The page's text.
        page: The page; `file.src_uri` is its place below docs/.
        config: The site's config; `repo_url` is where the repository is shown.
    """

    def lead(link: re.Match[str]) -> str:
        below_root = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page.file.src_uri), link[2]))
        # What is not there stays as it is, so that mkdocs says so.
        if below_root.startswith("docs/") or not (ROOT / below_root).exists():
            return link[0]
        kind = "tree" if (ROOT / below_root).is_dir() else "blob"
        return f"{link[1]}{config['repo_url']}/{kind}/main/{below_root}{link[3]}"

    return _LINK.sub(lead, markdown)
