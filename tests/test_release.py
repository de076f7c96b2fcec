"""A release names one version everywhere, and its notes are what the changelog says."""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from eqchip.__main__ import main

ROOT = Path(__file__).parents[1]
FILES = {
    "pyproject.toml": '[project]\nname = "eqchip"\nversion = "1.2.0"\n',
    "CITATION.cff": "cff-version: 1.2.0\nversion: 1.2.0\n",
    "CHANGELOG.md": "# Changelog\n\nAll.\n\n## 1.2.0 (2027-01-31)\n\n- New.\n\n### More\n\n"
    "- Newer.\n\n## 1.1.0 (2026-12-01)\n\n- Old.\n",
}


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / "scripts" / "release.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(script, tmp_path, monkeypatch) -> Path:
    """A checkout whose files agree."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    return tmp_path


def test_this_version_is_named_alike_everywhere(script, capsys):
    assert script.check() == metadata.version("eqchip")
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"eqchip, version {script.check()}\n"


def test_the_citation_is_whole():
    """What the Citation File Format asks for, version 1.2.0, and what we do not know is absent."""
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    keys = re.findall(r"^([a-z-]+):", text, re.M)
    assert {"cff-version", "message", "title", "authors"} <= set(keys) and len(keys) == len(
        set(keys)
    )
    assert not {"doi", "url", "repository-code", "date-released"} & set(keys)
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    (licence,) = re.findall(r"^license: (.*)$", text, re.M)
    (author,) = re.findall(r"^  - name: (.*)$", text, re.M)
    assert f'license = "{licence}"' in project and f'name = "{author}"' in project


def test_notes_are_the_section_of_the_version_and_no_other(script, tree):
    assert script.check() == "1.2.0" and script.is_dated()
    assert script.notes() == "- New.\n\n### More\n\n- Newer.\n"
    (tree / "CHANGELOG.md").write_text("## 1.2.0 (unreleased)\n\n- New.\n", "utf-8")
    assert script.notes() == "- New.\n" and not script.is_dated()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("pyproject.toml", 'version = "1.2"\n', "version is '1.2'; expected one such as 0.2.0"),
        ("pyproject.toml", 'version = "01.2.0"\n', "version is '01.2.0'; expected one such as"),
        ("pyproject.toml", "", "pyproject.toml: names no version"),
        ("CITATION.cff", "version: 1.1.0\n", "CITATION.cff: version is 1.1.0; expected 1.2.0"),
        ("CHANGELOG.md", "## 1.3.0\n", "CHANGELOG.md: version is 1.3.0; expected 1.2.0"),
        ("CHANGELOG.md", "## 1.2.0\n\n## 1.1.0\n\n- Old.\n", "nothing is said of 1.2.0"),
    ],
)
def test_what_keeps_a_release_back_is_told_in_a_line(script, tree, capsys, name, text, told):
    (tree / name).write_text(text, "utf-8")
    asked = "notes" if "nothing is said" in told else "check"
    assert script.main([asked]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("not ready: ") and told in line


def test_a_folder_without_the_wheel_is_not_released(script, tree, capsys):
    assert script.main(["all", str(tree)]) == 1
    assert "holds 0 wheels of eqchip 1.2.0; expected one" in capsys.readouterr().err
    assert not (tree / "notes-1.2.0.md").exists()


def test_a_step_that_fails_keeps_a_release_back(script, tmp_path, capfd):
    with pytest.raises(script.NotReady, match="exit status 3"):
        script._run([sys.executable, "-c", "print('why'); raise SystemExit(3)"], tmp_path)
    assert "why" in capfd.readouterr().err
