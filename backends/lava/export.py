"""A network as a folder that a Lava user can run, read and build upon, without eqchip."""

from __future__ import annotations

import keyword
from pathlib import Path
from typing import Any

from eqchip.backends.crosscheck import Checked, pose_run
from eqchip.backends.lava.solve import check_learning
from eqchip.emulator import philox
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import write_text
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.progress import Progress
from eqchip.emulator.training.run_data import data_of
from eqchip.emulator.training.runs import RunDirectory
from eqchip.mapping.processes.graph import ProcessGraph, process_graph, process_inputs
from eqchip.mapping.processes.learning import with_learning

DEFAULT_NAME = "ep_network"
MODULES = (
    "builder.py",
    "runner.py",
    "watch.py",
    "processes/__init__.py",
    "processes/ep_layer.py",
    "processes/sym_dense.py",
)
ON_CHIP = ("processes/one_way.py",)  # where a network learns on the chip

INIT = '"""An Equilibrium Propagation network for Lava: builder.py makes its Processes."""\n'

RUN = '''"""Run this network on Lava: python run.py [--inputs FILE] [--results FOLDER]."""

import sys
from pathlib import Path
from typing import Any

from {name}.runner import main

if __name__ == "__main__":  # Lava imports the scripts that it finds
    sys.exit(main(Path(__file__).resolve().parent, sys.argv[1:]))
'''

README = """# An Equilibrium Propagation network for Lava

```
{graph}
```

Python 3.10 with `lava-nc` 0.10.0 is all it needs:

    pip install lava-nc==0.10.0
    python run.py --results results

`results/layer_<l>.npz` then holds, per layer, `bits` (uint8) and `potentials` (float64), both of
shape (steps, samples, units), and `saturations` per phase. {scale}

| file | |
|---|---|
| `network.json` | the process graph: Processes, ports, edges, exponents, widths of numbers |
| `network.npz` | weights, biases, and the tables with a row per step |
| `inputs.npz` | `x` (samples, n_in), `targets` (phases, samples, n_out), all in [0, 1]; for Bernoulli `seed` and `samples`, the identities that its random numbers are drawn by |
| `{name}/builder.py` | `load` and `build`: the Processes, joined |
| `{name}/processes/` | `EPLayer` and `SymDense`, each with a `floating_pt` and a `fixed_pt` model{one_way} |
| `run.py` | builds and runs it in a process of its own, with a time limit |

In your own script:

```python
from pathlib import Path

import numpy as np
from {name}.builder import build, load

if __name__ == "__main__":
    built = build(*load(Path(".")), np.load("inputs.npz"))
    built.processes   # by name: connect, monitor, change them
    built.run()       # all samples, one after the other, in one run
```

Keep scripts out of `{name}/processes/`: Lava executes every file there. A Process that raises
prints its traceback behind `LAVA PROCESS FAILED`, and Lava then hangs; `run.py` ends it.

A spike sent at step t arrives at step t + 1: each connection sends the sums of the step before,
then takes the new bits. {copies}; a convolution is the matrix
that it amounts to, its average pooling included, and the units of its layers stand row by row,
channels of a place together. {learning}
"""  # noqa: E501

ONE_COPY = "One matrix serves both directions"
TWO_COPIES = "Each direction has a matrix of its own"
CONSTANT = "It does not learn: its weights are constants."
LEARNS = "It learns after every sample; `results/dense_<k>.npz` then holds `weights`."
LEARNS_ON_CHIP = (
    "It learns after every sample, each copy of a weight from what its own core knows;\n"
    "`results/dense_<k>_forward.npz` and `dense_<k>_mirror.npz` then hold what is `stored`, a row "
    "for\nevery unit that sends, and how many `writes` were attempted, applied and saturated."
)

SAMPLES = 10  # that an exported run takes along where nothing else is said


def export_run(
    run: RunDirectory,
    directory: Path,
    progress: Progress | None = None,
    *,
    precision: Checked = "chip",
    samples: int = SAMPLES,
    free_steps: int | None = None,
    data: str | Path | None = None,
) -> list[Path]:
    """Write the trained network of a run with test samples; see :func:`eqchip.export`."""
    network, config = run.network(), run.config
    problem = pose_run(
        config,
        network,
        data_of(run, data, progress=progress is not None),
        samples=samples,
        precision=precision,
        free_steps=free_steps,
    )
    export_lava(problem, directory)
    return sorted(path for path in directory.rglob("*") if path.is_file())


def export_lava(
    problem: Problem,
    directory: Path,
    *,
    name: str = DEFAULT_NAME,
    learning: dict[str, Any] | None = None,
) -> ProcessGraph:
    """Write a network, its coding and phases, and sample inputs for Lava.

    Parameters
    ----------
    problem : Problem
        Precision chip or float64. Its samples and targets become ``inputs.npz``, which may be
        replaced by others; its phases stay.
    directory : Path
        Made if need be; must be empty.
    name : str
        Of the Python package in it.
    learning : dict, optional
        ``beta``, ``lr`` and ``rule`` of :func:`eqchip.contrast`: the weights then change after
        every sample. Float64 and dense connections only.

    Returns
    -------
    ProcessGraph

    Raises
    ------
    InputError
        For a name that is none, a directory in use, and what the processes do not compute.
    """
    graph = process_graph(problem)
    if learning is not None:
        check_learning(problem)
        graph = with_learning(graph, problem, **learning)
    export_graph(problem, graph, directory, name=name)
    return graph


def export_graph(
    problem: Problem, graph: ProcessGraph, directory: Path, *, name: str = DEFAULT_NAME
) -> None:
    """Write a process graph of a problem, as :func:`export_lava` does.

    One that learns on the chip is made by :func:`eqchip.backends.lava.solve.on_chip_graph`.

    Raises
    ------
    InputError
        For a name that is none, and a directory in use.
    """
    directory = Path(directory)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(f"export: name is {name!r}; expected a name of a Python package")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"export: {directory} is in use; expected a new or empty directory")
    package = directory / name
    (package / "processes").mkdir(parents=True, exist_ok=True)
    graph.save(directory)
    process_inputs(problem).save(directory / "inputs.npz")
    source = Path(__file__).parent
    on_chip = any(node.process == "OneWay" for node in graph.connections)
    for module in (*MODULES, *(ON_CHIP if on_chip else ())):
        write_text(package / module, renamed((source / module).read_text("utf-8"), name))
    write_text(package / "philox.py", renamed(Path(philox.__file__).read_text("utf-8"), name))
    write_text(package / "__init__.py", INIT)
    write_text(directory / "run.py", RUN.format(name=name))
    scale = "Potentials are in [0, 1]."
    if graph.arithmetic is not None:
        one = 2 ** graph.arithmetic["fraction_bits"]
        scale = f"Potentials are whole numbers; {one} stands for 1.0."
    words = {"copies": ONE_COPY, "one_way": ""}
    words["learning"] = CONSTANT if graph.learning is None else LEARNS
    if on_chip:
        one_way = "; `OneWay`, of which each keeps a copy of weights, with a `fixed_pt` model"
        words = {"copies": TWO_COPIES, "one_way": one_way, "learning": LEARNS_ON_CHIP}
    text = README.format(graph=graph, name=name, scale=scale, **words)
    write_text(directory / "README.md", text)


def renamed(source: str, name: str) -> str:
    """A module's text, its imports from eqchip turned to those of the exported package."""
    source = source.replace("eqchip.emulator.philox", f"{name}.philox")
    return source.replace("eqchip.backends.lava", name)
