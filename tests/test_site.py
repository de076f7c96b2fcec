"""What the site of the documentation is built and checked with; `make docs` builds it."""

from __future__ import annotations

import os
import re
import runpy
from collections import Counter
from pathlib import Path

import pytest

import eqchip as eq

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def roles():
    return runpy.run_path(str(ROOT / "scripts" / "roles.py"))


def test_the_reference_has_each_public_name_once():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = Counter(re.findall(r"^   (\w+)$", page, flags=re.MULTILINE))
    assert set(eq.__all__) - set(listed) == set(), "docs/api.md needs a line for each"
    assert listed == Counter(eq.__all__)


@pytest.mark.parametrize(
    ("tag", "fault"),
    [
        ('<a href="gone.html">', "no file gone.html"),
        ('<a href="b.html#gone">', "no anchor b.html#gone"),
        ('<a href="#gone">', "no anchor #gone"),
        ('<img src="gone.png">', "no file gone.png"),
        ('<script src="https://cdn.example/x.js">', "loads https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "loads //cdn.example/x.css"),
        ('<a href="b.html#here">', None),
        ('<a href="https://elsewhere.example">', None),
    ],
)
def test_a_link_of_the_site_that_leads_nowhere_is_told(tmp_path, tag, fault):
    faults = runpy.run_path(str(ROOT / "scripts" / "check_site.py"))["faults"]
    (tmp_path / "a.html").write_text(tag, encoding="utf-8")
    (tmp_path / "b.html").write_text('<h1 id="here"></h1>', encoding="utf-8")
    assert faults(tmp_path) == ([] if fault is None else [f"a.html: {fault}"])


def test_a_style_that_loads_from_elsewhere_is_told(tmp_path):
    faults = runpy.run_path(str(ROOT / "scripts" / "check_site.py"))["faults"]
    (tmp_path / "a.css").write_text("@import 'https://fonts.example/x.css';", encoding="utf-8")
    assert faults(tmp_path) == ["a.css: loads https://fonts.example/x.css"]


def test_the_first_page_has_three_roles(roles):
    found = roles["roles"]((ROOT / "docs" / "start.md").read_text(encoding="utf-8"))
    assert [role.title for role in found] == [
        *("I study how networks learn", "I size a chip", "I have a network of another tool"),
    ]
    page = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    assert sum(len(role.blocks) for role in found) == page.count("<!-- role -->") > 6


def test_a_role_runs_its_blocks_in_one_folder_and_ends_at_a_failure(roles, tmp_path):
    page = """
## A
<!-- role -->
```sh
echo 7 > number
```
```sh
exit 9
```
<!-- role -->
```python
print(open("number").read())
```
## B
<!-- role -->
```sh
false
true
```
"""
    first, second = roles["roles"](page)
    assert roles["play"](first, tmp_path, dict(os.environ)) == "7\n\n"
    with pytest.raises(SystemExit, match="B: status 1"):
        roles["play"](second, tmp_path, dict(os.environ))
