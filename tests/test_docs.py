"""The documentation is true where a machine can tell: code, output, links, options, settings."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner

import eqchip as eq
from eqchip.__main__ import COMMANDS, cli
from eqchip.cli.group import Commands
from eqchip.emulator.arrays import open_arrays
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.config import Config
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.network_file import NETWORK_FORMAT
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.runs import CHECKPOINT_FORMAT, RunDirectory, provenance

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
# A python block below this line is run, in the namespace of its page; a text block that follows
# it holds what it prints.
MARK = "<!-- run -->"
TINY = {"layers": (64, 20, 10), "descent": {"epochs": 2}}


class Block(NamedTuple):
    line: int
    language: str
    text: str
    marked: bool


def blocks(text: str) -> list[Block]:
    """The fenced code blocks of a page."""
    found, lines, start = [], text.split("\n"), None
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("```"):
            continue
        if start is None:
            start = number
            continue
        before = [before.strip() for before in lines[max(start - 2, 0) : start] if before.strip()]
        inner = "\n".join(lines[start + 1 : number])
        language = lines[start].strip().removeprefix("```").strip()
        found.append(Block(start + 1, language, inner, before[-1:] == [MARK]))
        start = None
    assert start is None, f"block of line {start} is not closed"
    return found


def prose(text: str) -> str:
    """A page without its code blocks."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def page_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def compiled(name: str, block: Block) -> CodeType:
    """A python block, with the line numbers of its page."""
    text = "\n" * block.line + block.text
    return compile(text, str(ROOT / name), "exec", dont_inherit=True)


# --- code blocks --------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A fresh run of two epochs on digits, in <directory>/run."""
    path = tmp_path_factory.mktemp("docs") / "run"
    run = RunDirectory.create(path, preset("digits", **TINY), "eqchip train")
    fit(run, load("digits"), threads=1)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_marked_blocks_do_what_the_page_shows(name, tiny_run, tmp_path, monkeypatch, capsys):
    (tmp_path / "run").symlink_to(tiny_run)
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "docs"}
    found = blocks(page_of(name))
    for k, block in enumerate(found):
        if not block.marked:
            continue
        assert block.language == "python", f"{name}, line {block.line}: {block.language} is marked"
        exec(compiled(name, block), namespace)
        printed = capsys.readouterr().out.rstrip("\n")
        shown = found[k + 1] if k + 1 < len(found) else None
        if shown is not None and shown.language == "text":
            assert printed == shown.text, f"{name}, line {shown.line}"


@pytest.mark.parametrize("name", NAMES)
def test_python_blocks_are_valid_python(name):
    for block in blocks(page_of(name)):
        if block.language == "python":
            compiled(name, block)


def test_blocks_are_found_and_run():
    text = "a\n\n<!-- run -->\n```python\nx = 1\n```\n\n```text\n1\n```\n```sh\nls\n```"
    assert blocks(text) == [
        Block(4, "python", "x = 1", True),
        Block(8, "text", "1", False),
        Block(11, "sh", "ls", False),
    ]
    marked = [block for name in NAMES for block in blocks(page_of(name)) if block.marked]
    assert len(marked) > 5


# --- links --------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.*?) *#*$", prose(text), flags=re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_links_between_pages_resolve(name):
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page_of(name))):
        if re.match(r"[a-z]+:", target):
            continue  # another site
        file, _, anchor = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        if not path.exists() or (
            anchor and anchor not in anchors(path.read_text(encoding="utf-8"))
        ):
            wrong.append(target)
    assert not wrong


def test_every_page_is_in_the_index():
    index = page_of("docs/README.md")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"]({name})" not in index} == set()


@pytest.mark.parametrize("name", [one for one in NAMES if one.startswith("docs/")])
def test_a_page_begins_with_what_it_is_about(name):
    title, empty, words = page_of(name).split("\n")[:3]
    assert title.startswith("# ") and empty == ""
    assert re.match(r"[A-Z`*]", words), f"{name} begins with {words!r}; expected a sentence"


# What a page names in code: a file of the checkout, or something of the installed package.
FILES = re.compile(
    r"`((?:emulator|mapping|backends|hw_reports|eqchip|tests|benchmarks|docs|examples)/[\w/.*-]*)`"
)
DOTTED = re.compile(r"`(?:python -m )?(eqchip(?:\.\w+)+)(?:\(.*?\))?`")


def is_importable(dotted: str) -> bool:
    """Whether a dotted name is a module of eqchip, or a name in one."""
    names = dotted.split(".")
    for k in range(len(names), 0, -1):
        try:
            found = import_module(".".join(names[:k]))
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("eqchip"):
                raise  # an optional simulator
            continue
        for name in names[k:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


@pytest.mark.parametrize("name", [*NAMES, "benchmarks/README.md", "CHANGELOG.md"])
def test_files_and_functions_that_pages_name_exist(name):
    text = prose(page_of(name))
    wrong = [path for path in FILES.findall(text) if not list(ROOT.glob(path.rstrip("/")))]
    wrong += [dotted for dotted in DOTTED.findall(text) if not is_importable(dotted)]
    assert not wrong


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_in_the_file_that_a_page_puts_it_in(name):
    """As in "`emulator/a.py`, function `f`" and "`f` of `emulator/a.py`"."""
    text = prose(page_of(name))
    file = r"`((?:emulator|mapping|backends|hw_reports|eqchip|tests)/[\w/]+\.py)`"
    word = r"`([A-Za-z_]\w*)(?:\(.*?\))?`"
    pairs = re.findall(rf"{file}(?::|, (?:function|class|method)) {word}", text)
    pairs += [pair[::-1] for pair in re.findall(rf"{word}\s(?:\(|of |in |beside ){file}", text)]
    wrong = [pair for pair in pairs if not re.search(rf"\b{pair[1]}\b", page_of(pair[0]))]
    assert not wrong


@pytest.mark.parametrize("name", NAMES)
def test_python_blocks_import_what_exists(name):
    found = [
        f"{node.module}.{alias.name}"
        for block in blocks(page_of(name))
        if block.language == "python"
        for node in ast.walk(ast.parse(block.text))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]
    ours = [dotted for dotted in found if dotted.startswith("eqchip.")]
    assert [dotted for dotted in ours if not is_importable(dotted)] == []


CODE = ("docs/extending.md", "docs/architecture.md", "docs/engine.md")  # for who changes it


@pytest.mark.parametrize("name", sorted({*NAMES, "examples/*.py"} - {*CODE}))
def test_what_is_public_is_imported_as_such(name):
    private = []
    for path in ROOT.glob(name):
        text = path.read_text(encoding="utf-8")
        code = [one.text for one in blocks(text) if one.language == "python"]
        for node in ast.walk(ast.parse("\n".join(code) if path.suffix == ".md" else text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("eqchip."):
                private += [one.name for one in node.names if one.name in eq.__all__]
    # `price` of a count is another function than that of a network.
    assert [one for one in private if one != "price"] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_named_with_its_folder(name):
    """`floating.py` alone is two files."""
    bare = re.findall(r"`([a-z_]\w*\.py)`", prose(page_of(name)))
    assert [file for file in bare if not (ROOT / name).with_name(file).exists()] == []


def test_a_file_or_a_name_that_is_gone_is_seen():
    assert FILES.findall("see `mapping/old.py` and `benchmarks/results/`") == [
        "mapping/old.py",
        "benchmarks/results/",
    ]
    assert DOTTED.findall("call `eqchip.run(x)`, `eqchip.emulator.gone`") == [
        "eqchip.run",
        "eqchip.emulator.gone",
    ]
    assert is_importable("eqchip.run")
    assert not is_importable("eqchip.emulator.gone")
    assert not is_importable("eqchip.emulator.errors.Gone")


@pytest.mark.parametrize("name", ["docs/extending.md", "docs/architecture.md"])
def test_names_in_the_guides_to_the_code_exist(name):
    sources = page_of("pyproject.toml") + "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("emulator", "backends", "mapping", "hw_reports", "eqchip", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".toml") and path.name != Path(__file__).name
    )
    named = {word for word in re.findall(r"`(?:[\w]+\.)*(\w+)(?:\(.*?\))?`", prose(page_of(name)))}
    invented = {"Exponential"}
    commands = {"converge"}
    missing = {
        word
        for word in named - invented - commands
        if not re.search(rf"\b{re.escape(word)}\b", sources)
    }
    assert not missing


def test_the_way_of_a_run_and_of_a_report_names_what_the_code_calls():
    """In the diagrams, each name stands beside its file, and is defined there."""
    wrong = []
    for block in blocks(page_of("docs/architecture.md")):
        for line in block.text.split("\n"):
            found = re.match(r"[ |'-]*(\w+) .*?((?:emulator|mapping|hw_reports)/[\w/]+\.py)", line)
            if found and not re.search(
                rf"^(?:def|class) {found[1]}\b", page_of(found[2]), flags=re.MULTILINE
            ):
                wrong.append(f"{found[2]}: {found[1]}")
    assert not wrong


# --- the README ---------------------------------------------------------------------------


def test_the_readme_is_short():
    text = page_of("README.md")
    assert len(text.encode()) <= 8000
    assert len(re.findall(r"!\[", text)) == 1
    assert re.findall(r"<!-- results:([a-z-]+) -->", text) == ["headline"]
    (python,) = (block.text for block in blocks(text) if block.language == "python")
    assert len([line for line in python.split("\n") if line.strip()]) <= 12


# --- commands and settings ----------------------------------------------------------------


def every_command() -> list[str]:
    """All commands; those of a group by both names, such as `bench chip`."""
    found = []
    for name in COMMANDS:
        group = cli.get_command(click.Context(cli), name)
        known = group.known if isinstance(group, Commands) else ()
        found += [f"{name} {mode}" for mode in known] or [name]
    return found


def resolve(command: str, rest: str) -> tuple[str, str]:
    """The command that a line means, its group's default where it names none, and the rest."""
    group = cli.get_command(click.Context(cli), command)
    if not isinstance(group, Commands):
        return command, rest
    named = re.match(r" +([a-z]+)\b(.*)", rest)
    return (f"{command} {named[1]}", named[2]) if named else (f"{command} {group.default}", rest)


@cache
def options(command: str) -> frozenset[str]:
    """The options that `eqchip COMMAND --help` tells of."""
    done = CliRunner().invoke(cli, [*command.split(), "--help"])
    assert done.exit_code == 0, done.output
    # An option stands at the start of its line; elsewhere on it are examples.
    heads = re.findall(r"^  (-.*?)(?:  |$)", done.output, flags=re.MULTILINE)
    return frozenset(word for head in heads for word in re.findall(r"--?[a-z][\w-]*", head))


def shown_commands(text: str) -> list[tuple[str, str]]:
    """What a page types: (command, the rest of the line), from shell blocks and inline code."""
    lines = [
        line
        for block in blocks(text)
        if block.language in ("sh", "bash", "console", "shell", "")
        for line in block.text.replace("\\\n", " ").split("\n")
    ]
    lines += re.findall(r"`([^`\n]+)`", prose(text))
    found = [re.match(r"\s*(?:\$ +)?(?:\S*/)?eqchip +([a-z]+)\b([^#]*)", line) for line in lines]
    return [resolve(match[1], match[2]) for match in found if match]


@pytest.mark.parametrize("name", [*NAMES, "benchmarks/README.md"])
def test_commands_and_their_options_exist(name):
    wrong, known = [], every_command()
    for command, rest in shown_commands(page_of(name)):
        if command not in known:
            wrong.append(f"eqchip {command}")
            continue
        for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", rest):
            if option not in options(command):
                wrong.append(f"eqchip {command} {option}")
    assert not wrong


def test_the_command_of_a_group_is_told_by_both_names():
    assert shown_commands("`eqchip bench chip NAME --batch 3` `eqchip bench --rounds 2`") == [
        ("bench chip", " NAME --batch 3"),
        ("bench engine", " --rounds 2"),
    ]
    assert "--sanafe-python" in options("bench chip")
    assert "--sanafe-python" not in options("bench engine")
    assert "bench chip" in every_command() and "bench" not in every_command()


def test_options_named_alone_belong_to_a_command():
    known = frozenset().union(*(options(command) for command in every_command()))
    for page in sorted((ROOT / "docs").glob("*.md")):
        for code in re.findall(r"`(--[^`\n]+)`", prose(page.read_text(encoding="utf-8"))):
            assert code.split()[0] in known, f"{page.name}: {code}"


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    for name in NAMES:
        for target in re.findall(r"`make ([a-z-]+)", page_of(name)):
            assert target in targets, f"{name}: make {target}"


def test_the_page_on_files_names_every_key_and_its_default(tiny_run):
    page = page_of("docs/files.md")
    settings = page[page.index("## `config.toml`") : page.index("## `metrics.jsonl`")]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", settings, flags=re.MULTILINE))
    defaults = Config().model_dump(mode="json")
    plain = {}
    for key, value in defaults.items():
        plain.update(value if isinstance(value, dict) else {key: value})
    assert set(plain) <= set(rows)
    for key, value in plain.items():
        if not isinstance(value, dict):
            shown = rows[key].split(" | ")[1].strip("`")
            assert json.loads(shown) == ("none" if value is None else value), key
        else:
            shown = ", ".join(f"{name} = {number}" for name, number in value.items())
            assert f"{{{shown}}}" in rows[key], key

    named = set(re.findall(r"`(\w+)`", page))
    assert set(provenance()) <= named
    for line in (tiny_run / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        assert set(json.loads(line)) <= named
    assert set(json.loads((tiny_run / "activity.json").read_text(encoding="utf-8"))) <= named
    for file, file_format in (
        ("checkpoint.npz", CHECKPOINT_FORMAT),
        ("network.npz", NETWORK_FORMAT),
    ):
        with open_arrays(tiny_run / file, file_format) as found:
            assert {re.sub(r"_1$", "_0", key) for key in found.headers} <= named
