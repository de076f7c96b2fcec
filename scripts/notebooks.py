"""Run the notebooks and write what they show into them: `make notebooks`.

python scripts/notebooks.py [FILE ...]

Each runs in a copy of its folder, so that what it writes stays out of the checkout. The tests run
them the same way and compare.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
SECONDS = 600  # for a cell, at most


def executed(path: Path, folder: Path, absent: Sequence[str] = ()) -> Any:
    """A notebook with the outputs that a run in a copy of its folder gives.

    Parameters
    ----------
    path : Path
    folder : Path
        An empty one, which files beside the notebook are copied into.
    absent : sequence of str
        Packages that cannot be imported there, as where they are not installed.
    """
    for file in path.parent.iterdir():
        if file.is_file() and file.suffix != ".ipynb":
            shutil.copy(file, folder)
    notebook = nbformat.read(path, as_version=4)
    hidden = f"import sys\nfor name in {tuple(absent)!r}:\n    sys.modules[name] = None"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(hidden))
    here = str(Path(sys.executable).parent)  # commands are those of this environment
    env = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    env.pop("MPLBACKEND", None)  # the kernel shows figures in the page
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        coalesce_streams=True,
        record_timing=False,
        extra_arguments=["--log-level=40"],
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=env)
    del notebook.cells[0]
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
    return notebook


def shown(notebook: Any) -> list[list[tuple[str, str]]]:
    """What the cells of a notebook show, as text; of a picture, that there is one."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        lines = []
        for output in cell.outputs:
            if output.output_type == "stream":
                lines.append((output.name, output.text))
            elif output.output_type == "error":
                lines.append(("error", output.evalue))
            else:
                kinds = " ".join(sorted(output.data))
                lines.append((kinds, output.data.get("text/plain", "")))
        found.append(lines)
    return found


def main() -> None:
    """Run the notebooks named on the command line, or all, in place."""
    for path in [Path(name) for name in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(executed(path, Path(folder)), path)
        print(path)


if __name__ == "__main__":
    main()
