"""How the site is built from the Markdown pages, the notebooks and the docstrings: `make docs`.

The pages are written for GitHub: no directive of Sphinx stands in them but in the list of names of
the Python reference. What is in the margin comes from the tables of ``docs/README.md``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import latex2mathml.converter
from docutils.nodes import SkipNode

import eqchip

project = "eqchip"
release = eqchip.__version__
root_doc = "docs/README"
include_patterns = [
    *("docs/*.md", "docs/results/*.md", "docs/api/*.rst", "notebooks/*.ipynb"),
    *("benchmarks/README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
]
extensions = [
    *("myst_nb", "numpydoc"),
    *("sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.viewcode"),
]
templates_path = [str(Path(__file__).parent)]

myst_heading_anchors = 4  # the anchors that GitHub makes of headings: links to them are checked
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
nb_execution_mode = "off"  # tests/test_notebooks.py holds that a run gives what they show
numpydoc_show_class_members = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstring says them, with shapes

html_theme = "furo"
html_title = f"eqchip {release}"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "index.html"}
html_math_renderer = "mathml"
html_copy_source = False
html_show_copyright = False


def toctrees(index: str) -> str:
    """The margin: for each section of the index, the pages of its table, in their order."""
    found = []
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title = section.split("\n", 1)[0]
        pages = re.findall(r"^\| \[[^]]*\]\(([^)#]+\.(?:md|ipynb))\)", section, flags=re.MULTILINE)
        if pages:
            inside = "\n".join([":hidden:", f":caption: {title}", "", *pages])
            found.append(f"\n```{{toctree}}\n{inside}\n```\n")
    return "".join(found)


def add_margin(app: Any, docname: str, source: list[str]) -> None:
    """Append the margin to the index, as Sphinx wants it."""
    if docname == root_doc:
        source[0] += toctrees(source[0])


def escape_stars(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """A shape such as (batch, *units) is no emphasis; what is in double backticks stays."""
    for number, line in enumerate(lines):
        parts = re.split(r"(``.*?``)", line)
        parts[::2] = [re.sub(r"(?<![\w*])\*(?=\w+[,)])", r"\\*", part) for part in parts[::2]]
        lines[number] = "".join(parts)


def visit_math(self: Any, node: Any) -> None:
    """MathML, which browsers draw themselves: nothing is fetched."""
    display = "block" if node.tagname == "math_block" else "inline"
    text = node.astext().strip("`")  # GitHub's $`...`$
    self.body.append(latex2mathml.converter.convert(text, display=display))
    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", add_margin)
    app.connect("autodoc-process-docstring", escape_stars)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
