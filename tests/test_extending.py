"""A newcomer who follows docs/extending.md adds a kind in the files that it names, and no other.

The toys of tests/helpers are laid into a copy of the sources: definitions into files, rows into the
literals of tables. What was edited must be what the page says, and the kind must work there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from grown_package import HELPERS, GrownPackage, Toy, dotted, steps
from toy_chip import SOURCE, toy_text

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
UNIT = {
    "emulator/description/toy_unit.py": ["ToyUnit"],
    "backends/reference/toy_unit.py": [
        "ToyLayer", "_tables", "_begin", "_advance_twin", "_emit_twin"
    ],
    "emulator/kernels/toy_unit.py": ["ToyRules", "ToyState", "_advance", "_emit", "_may_fire"],
    "emulator/engine/units.py": ["_numbers", "_lower"],
}  # fmt: skip
CONNECTION = {
    "emulator/description/connections/blocks.py": ["Blocks"],
    "backends/reference/floating.py": ["matrix"],
    "emulator/engine/lowering.py": ["rows", "spread", "gather"],
    "mapping/placement/wiring.py": ["BlocksWiring"],
}
RULES, RULES_LINE = "emulator/description/rules.py", "# Every rule that has a name"
PLASTICITY = {
    "emulator/description/toy_plasticity.py": ["AtPresynapticSpikes"],
    RULES: ["SpikeRule"],
    "backends/reference/plastic.py": ["_write"],
    "emulator/engine/plasticity.py": ["_lower"],
    "emulator/kernels/plastic.py": ["SpikeNumbers", "_write_kernel"],
}
EVENT = """Event("axon_look_up", "axon look-ups", RECEIVED, "messages_received",
          shown="axon_look_ups", follows="spikes")"""
PRICE = f"""
[energy.axon_look_up]
value = 500.0
low = 250.0
high = 1000.0
unit = "pJ"
{SOURCE}"""
FUNCTION = '''"""How many units and weights a network has."""

from __future__ import annotations

from typing import Any

from eqchip.emulator.description.network import Network


def count(network: Network) -> dict[str, Any]:
    """Its units and its weights."""
    found = {"units": sum(network.sizes), "weights": sum(w.size for w in network.weights)}
    return {"format": "eqchip-count 1", **found}
'''
COMMAND = '''"""``eqchip count``: how many units and weights a network has."""

from __future__ import annotations

import click

from eqchip.cli.command import Command
from eqchip.cli.output import Output, output_options


@click.command(cls=Command)
@click.argument("layers", nargs=-1, type=int)
@output_options
def command(layers: tuple[int, ...], as_json: bool, quiet: bool) -> int:
    """Count the units and weights of a dense network."""
    from eqchip.count import count
    from eqchip.emulator.description.network import Network

    output = Output(as_json, quiet)
    found = count(Network.dense(layers))
    output.result(found)
    output.text(f"{found['units']} units, {found['weights']} weights")
    return 0
'''


def add_unit(package: GrownPackage) -> None:
    package.add(Toy("toy_unit"), UNIT)
    package.export("ToyUnit", "emulator/description/toy_unit.py")


def add_connection(package: GrownPackage) -> None:
    package.add(Toy("toy_connection"), CONNECTION)
    wing, description = "emulator/description/connections/__init__.py", next(iter(CONNECTION))
    package.replace(wing, "\n__all__", f"from {dotted(description)} import Blocks\n\n__all__")
    package.row(wing, "__all__", '"Blocks"')
    package.export("Blocks", description)


def add_rule(package: GrownPackage) -> None:
    package.add(Toy("toy_rule"), {RULES: ["MEAN", "SIGN", "SignOfChange"]}, {RULES: RULES_LINE})
    package.replace(RULES, "for rule in (", "for rule in (SignOfChange(), ")


def add_plasticity(package: GrownPackage) -> None:
    package.add(Toy("toy_plasticity"), PLASTICITY, {RULES: RULES_LINE})
    package.replace(RULES, "for rule in (", "for rule in (SpikeRule(), ")


def add_event(package: GrownPackage) -> None:
    package.row("mapping/kinds.py", "_ROWS", EVENT)
    package.append("mapping/chips/loihi1-davies.toml", PRICE)


def add_chip(package: GrownPackage) -> None:
    package.create("mapping/chips/toy.toml", toy_text())


def add_backend(package: GrownPackage) -> None:
    package.create("backends/toy/__init__.py", '"""The reference under another name."""\n')
    package.create(
        "backends/toy/solve.py",
        "from eqchip.backends.reference.floating import solve\n\n__all__ = ['solve']\n",
    )
    package.replace(
        "backends/registry.py",
        "        Backend(\n            EMULATOR,",
        '        Backend("toy", "eqchip.backends.toy.solve", {"float64": 0.0}),\n'
        "        Backend(\n            EMULATOR,",
    )


def add_command(package: GrownPackage) -> None:
    package.create("eqchip/count.py", FUNCTION)
    package.export("count", "eqchip/count.py")
    package.create("eqchip/commands/count.py", COMMAND)
    package.row("eqchip/__main__.py", "COMMANDS", '"count": "Count the units of a network."')


class Added(NamedTuple):
    """What a newcomer adds: the section that tells how, the edits, and its name."""

    section: str
    add: Callable[[GrownPackage], None]
    name: str

    @property
    def link(self) -> str:
        return f"extending.md#{self.section.lower().replace(' ', '-')}"


THINGS = {
    "unit": Added("A unit", add_unit, "toy_unit"),
    "connection": Added("A connection kind", add_connection, "blocks"),
    "rule": Added("A learning rule", add_rule, "sign_of_change"),
    "plasticity": Added(
        "A rule that writes while its phases run", add_plasticity, "toy_plasticity"
    ),
    "event": Added("An event", add_event, "axon_look_up"),
    "chip": Added("A chip", add_chip, "toy"),
    "backend": Added("A backend", add_backend, "toy"),
    "command": Added("A command", add_command, "count"),
}


@pytest.mark.parametrize("thing", THINGS)
def test_a_toy_works_in_the_files_that_the_page_names_and_no_other(thing, tmp_path):
    added = THINGS[thing]
    package = GrownPackage(tmp_path)
    added.add(package)

    asked = steps(PAGE, added.section)
    named = {file.replace("<name>", added.name) for step in asked for file in step.files}
    needed = {
        file.replace("<name>", added.name)
        for step in asked
        for file in step.files
        if not step.optional
    }
    touched = package.edited | package.created
    places = {file: {file, f"{file.rpartition('/')[0]}/"} for file in touched}
    for file in touched:
        # A folder stands for a new file in it, or for data: what is edited is named.
        may_be = places[file] if file in package.created or file.endswith("toml") else {file}
        assert may_be & named, f"{file} is touched, and not named by the page"
    assert needed <= set().union(*places.values()), "named by the page, and not needed"

    told = re.findall(rf"\]\({re.escape(added.link)}\) \| (\d+) \|", ARCHITECTURE)
    assert told == [str(len(touched))], f"{thing}: {sorted(touched)}"

    done = package.run(str(HELPERS / "newcomer_checks.py"), thing, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_what_was_added_keeps_to_the_rules_of_the_house(tmp_path):
    package = GrownPackage(tmp_path)
    for thing, added in THINGS.items():
        if thing != "backend":  # a new wing is named in the test of wings
            added.add(package)
    tests = [str(ROOT / "tests" / name) for name in ("test_imports.py", "test_kinds.py")]
    done = package.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("thing", "said"), [("unit", "ToyUnit"), ("rule", "sign_of_change"), ("command", "count")]
)
def test_without_its_edits_a_toy_does_not_work(thing, said, tmp_path):
    """The checks look at the copy, and not at the package that is installed or at the toys."""
    package = GrownPackage(tmp_path)
    done = package.run(str(HELPERS / "newcomer_checks.py"), thing, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr.strip().splitlines()[-1]


def test_steps_are_read_with_their_files():
    page = (
        "## A thing\n\nText.\n\n1. `emulator/a.py`, `mapping/`: as `emulator/b.py`\n   more.\n"
        "2. *If it has a name*, `eqchip/c.toml`: text.\n3. Tests: `tests/d.py`.\n\n## Another\n"
    )
    found = steps(page, "A thing")
    assert [(sorted(step.files), step.optional) for step in found] == [
        (["emulator/a.py", "mapping/"], False),
        (["eqchip/c.toml"], True),
        ([], False),
    ]
