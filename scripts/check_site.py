"""Whether every link inside a built site leads somewhere, and nothing is fetched from elsewhere.

python scripts/check_site.py build/site
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser loads by itself; other links are followed by whoever clicks.
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
FOREIGN = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)
IN_STYLES = re.compile(r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)")


class Page(HTMLParser):
    """The anchors of a page, what it links to, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser for every tag."""
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        target = found.get(LOADED.get(tag, "href"))
        if target is not None:
            (self.loads if tag in LOADED else self.links).append(target)


def faults(site: Path) -> list[str]:
    """A line for each link that leads nowhere, and for each thing that another host would serve."""
    pages = {
        path.resolve(): Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")
    }
    found = []
    for path, page in pages.items():
        where = path.relative_to(site.resolve())
        found += [f"{where}: loads {target}" for target in page.loads if FOREIGN.match(target)]
        for target in page.links + page.loads:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            other = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not other.is_file():
                found.append(f"{where}: no file {target}")
            elif anchor and other in pages and anchor not in pages[other].anchors:
                found.append(f"{where}: no anchor {target}")
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        found += [f"{path.relative_to(site)}: loads {host}" for host in IN_STYLES.findall(text)]
    return found


def main() -> int:
    """Show the faults of the site named on the command line; status 1 if there are any."""
    site = Path(sys.argv[1])
    pages = len(list(site.rglob("*.html")))
    wrong = faults(site)
    print("\n".join([*wrong, f"{site}: {pages} pages, {len(wrong)} faults"]))
    return 1 if wrong or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
