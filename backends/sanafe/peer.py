"""SANA-FE as a peer: its process, and a mapped network in its words.

SANA-FE (GPL) is no part of eqchip: it runs in a process of its own, with an interpreter
that has it, and only for tests and benchmarks. See :mod:`eqchip.backends.sanafe.process`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.needs import check_needs, of_links
from eqchip.mapping.chip_file.figures import Coefficient
from eqchip.mapping.kinds import event
from eqchip.mapping.placement.checks import check_unicast, check_whole_fan_in
from eqchip.mapping.placement.graph import MappedGraph
from eqchip.mapping.placement.mapped import MappedNetwork

Timing = Literal["simple", "detailed"]

PROGRAM = Path(__file__).with_name("process.py")
CHECK_SECONDS = 60.0  # to import SANA-FE; it takes a fraction of a second
TRAINS, FORCED, INTEGRATE = "trains", "forced", "integrate"
LINK_BUFFER = 16  # messages; of SANA-FE's Loihi, used by its detailed model of time alone


def interpreter(asked: str | None = None) -> str | None:
    """A Python that has SANA-FE.

    Parameters
    ----------
    asked : str, optional
        The path or name of one. Default: the Python that runs this, if it has SANA-FE.

    Returns
    -------
    str or None
        None if none was asked for and this one has no SANA-FE.

    Raises
    ------
    InputError
        If the one asked for cannot be started or cannot import SANA-FE.
    """
    if asked is None:
        return sys.executable if find_spec("sanafe") is not None else None
    try:
        done = subprocess.run(
            [asked, "-c", "import sanafe"],
            capture_output=True,
            text=True,
            check=False,
            timeout=CHECK_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(
            f"{asked}: does not start ({error}); expected a Python that has sanafe"
        ) from error
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{asked}: cannot import sanafe ({why}); expected a Python that has it")
    return asked


class SanafeProcess:
    """A process that runs SANA-FE, from its start until :meth:`close`.

    Parameters
    ----------
    python : str
        A Python that has SANA-FE; see :func:`interpreter`.

    Attributes
    ----------
    wall, cpu : float
        Seconds that all simulations so far took, by the clocks of that process. Loading,
        and what passes through the pipe, are not in them.
    version : str
        Of SANA-FE, once a network is loaded.
    """

    def __init__(self, python: str) -> None:
        self.wall, self.cpu, self.version = 0.0, 0.0, ""
        self._messages = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115, until close
        self._process = subprocess.Popen(
            [python, str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> SanafeProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def load(self, problem: Mapping[str, Any]) -> float:
        """Build a network in SANA-FE.

        Returns
        -------
        float
            Seconds that SANA-FE took for it.
        """
        reply = self._ask({"do": "load", **problem})
        self.version = reply["version"]
        return float(reply["seconds"])

    def run(
        self, steps: int, timing: Timing = "simple", *, threads: int = 1, trace: bool = False
    ) -> dict[str, Any]:
        """Simulate from the loaded state.

        Parameters
        ----------
        steps : int
        timing : {"simple", "detailed"}
            SANA-FE's model of time; "simple" costs it least.
        threads : int
        trace : bool
            Keep the counts, energy, time, fired units and messages of every step.

        Returns
        -------
        dict
            See :mod:`eqchip.backends.sanafe.process`.
        """
        reply = self._ask(
            {"do": "run", "steps": steps, "timing": timing, "threads": threads, "trace": trace}
        )
        self.wall += reply["seconds"]
        self.cpu += reply["cpu_seconds"]
        return reply

    def clock(self) -> tuple[float, float]:
        """``(wall, cpu)``: read before and after, the seconds of the runs between."""
        return self.wall, self.cpu

    def close(self) -> None:
        """End the process."""
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            with suppress(BrokenPipeError):  # it ended before
                process.stdin.close()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._messages.close()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        pipe, replies = self._process.stdin, self._process.stdout
        assert pipe is not None
        assert replies is not None
        try:
            pipe.write(json.dumps(request) + "\n")
            pipe.flush()
            line = replies.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._process.wait()
            self._messages.seek(0)
            last = (self._messages.read().strip().splitlines() or ["no message"])[-1]
            raise InputError(f"SANA-FE stopped: {last}; expected version 2.2")
        reply: dict[str, Any] = json.loads(line)
        return reply


# --- a mapped network in SANA-FE's words ---------------------------------------------------


def problem_of(
    mapped: MappedNetwork, drives: Sequence[Mapping[str, Any]], *, weights: bool = False
) -> dict[str, Any]:
    """A mapped network for :meth:`SanafeProcess.load`.

    Parameters
    ----------
    mapped : MappedNetwork
    drives : sequence of dict
        What makes the units of each part spike; see :mod:`eqchip.backends.sanafe.process`.
    weights : bool
        Hand over the weights of the network; else all are 0 there (the traffic is the same).
    """
    check_needs("sanafe", of_links(mapped.network), ())
    check_whole_fan_in(mapped, "sanafe")
    check_unicast(mapped, "sanafe")
    groups = [
        {
            "units": part.units,
            "x": int(mapped.x[p]),
            "y": int(mapped.y[p]),
            "slot": int(mapped.slot[p]),
            "drive": dict(drives[p]),
        }
        for p, part in enumerate(mapped.parts)
    ]
    return {
        "chip": chip_of(mapped),
        "groups": groups,
        "connections": connections_of(mapped.network, mapped.parts, weights=weights),
    }


def chip_of(mapped: MappedNetwork | MappedGraph) -> dict[str, Any]:
    """The chips of a mapping, as one mesh with the nominal coefficients of the chip file.

    What the file does not know costs nothing there. Where the file has an update with a spike
    and one without (Davies 2018), SANA-FE's spike costs the difference.
    """
    chip, mesh = mapped.chip, mapped.mesh
    assert chip.cores is not None
    barriers = [chip.barrier_seconds(tiles) for tiles in range(1, mesh.tiles + 1)]
    return {
        "tiles_x": mesh.width,
        "tiles_y": mesh.height,
        "cores_per_tile": mesh.cores_per_tile,
        "units": chip.cores.units.value,
        "buffer": LINK_BUFFER,
        "sync": [0.0, *(0.0 if found is None else found.value for found in barriers)],
        "energy": _costs(chip.energy),
        "time": _costs(chip.time),
    }


def _costs(table: Mapping[Any, Coefficient]) -> dict[str, float]:
    def of(kind: str) -> float:
        found = table.get(event(kind).name)
        return 0.0 if found is None else found.si.value

    return {
        "synapse": of("synaptic_event"),
        "access": 0.0,  # every unit is updated in every step: an access is never alone
        "update": of("update_inactive"),
        "spike": of("update_active") - of("update_inactive") + of("spike"),
        "message_out": of("message"),
        "message_in": of("message_in"),
        "hop_x": of("hop_east_west"),
        "hop_y": of("hop_north_south"),
    }


def trains_of(bits: Sequence[np.ndarray], sample: int, part: Part) -> list[str]:
    """The spike train of every unit of a part, a text of 0 and 1 over the steps.

    Parameters
    ----------
    bits : sequence of ndarray
        Per layer, shape (steps, batch, *units), as :attr:`Run.bits`.
    sample : int
        Which of the batch.
    part : Part
    """
    layer = bits[part.layer][:, sample]
    units = layer.reshape(len(layer), -1)[:, part.first : part.end]
    return ["".join("1" if bit else "0" for bit in train) for train in units.T]


def connections_of(
    network: Network, parts: Sequence[Part], *, weights: bool = False
) -> list[dict[str, Any]]:
    """All synapses between parts, forward and feedback; the clamped input receives none.

    Made from the layers alone, not from what the mapping says of them, so that the two can
    be compared.

    Parameters
    ----------
    network : Network
    parts : sequence of Part
    weights : bool
        Hand over the weights; else SANA-FE sets all to 0 (the traffic is the same).
    """
    found = []
    for p, pre in enumerate(parts):
        for c, post in enumerate(parts):
            if abs(pre.layer - post.layer) != 1 or post.layer == 0:
                continue
            block = None
            if weights:
                matrix = network.weights[min(pre.layer, post.layer)]
                matrix = matrix if post.layer > pre.layer else matrix.T
                block = matrix[pre.first : pre.end, post.first : post.end].ravel().tolist()
            found.append({"pre": p, "post": c, "weights": block})
    return found
