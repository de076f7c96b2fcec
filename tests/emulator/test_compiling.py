"""Compiling is said, is not counted as training, and needs no place to keep what it makes."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from onchip_cases import made_up, small, train
from small_runs import few_digits, small_config

from eqchip.cli.output import Output
from eqchip.emulator import compiling
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.kernels import jit
from eqchip.emulator.kernels.relax import relax
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.onchip_training import OnChipTrainer
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.trainer import Trainer

TINY = """
from eqchip.emulator.kernels.jit import inlined, kernel

@inlined
def inner(x):
    return x + 1

@kernel
def add(x):
    return inner(x) * 2
"""
# Runs the kernel and prints what it gives, what was told, and how often a cache had nothing.
RUN = """
from eqchip.emulator.compiling import tell_compiling
told = []
tell_compiling(told.append)
import tiny
print(tiny.add(20), tiny.add(20.5))
print(sum(tiny.add._cache_misses.values()))
print(*told, sep="\\n")
"""
# What numba tries a directory by: nothing can be written. (A file mode would not stop root.)
NO_PLACE = """
import tempfile
def refused(*args, **options):
    raise PermissionError(13, "Permission denied")
tempfile.TemporaryFile = refused
"""
FULL_DISK = """
import numba.core.caching
def full(self, *args):
    raise OSError(28, "No space left on device")
numba.core.caching.IndexDataCacheFile.save = full
"""
NOTHING_TOLD = ["42 43.0", "0", ""]

pytestmark = pytest.mark.skipif(
    os.environ.get("EQCHIP_DISABLE_JIT", "") not in ("", "0"), reason="nothing is compiled"
)


@pytest.fixture
def place(tmp_path):
    """A directory with a module of a kernel that is compiled in no time."""
    (tmp_path / "tiny.py").write_text(TINY)
    return tmp_path


def python(place: Path, code: str, **variables: str) -> list[str]:
    """The lines that a fresh Python prints there; it must end well, and say nothing on stderr."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    environment.update(variables)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_kernels_are_compiled_once_and_it_is_said_once(place):
    result, misses, *told = python(place, RUN)
    assert (result, misses) == ("42 43.0", "2")  # two compiled, for two types
    assert told == ["Compiling kernels, once per machine ..."]
    assert python(place, RUN) == NOTHING_TOLD


def test_a_kernel_is_called_by_its_address_with_arguments_of_its_types_alone(place):
    (place / "caller.py").write_text("""
from eqchip.emulator.kernels.calls import call_at
from eqchip.emulator.kernels.jit import kernel

@kernel
def double(numbers, count):
    for i in range(count):
        numbers[i] *= 2

@kernel
def twice(where, numbers, count):
    call_at(where, (numbers, count))
    call_at(where, (numbers, count))
""")
    code = """
import caller, numpy as np
from eqchip.emulator.compiling import tell_compiling
from eqchip.emulator.kernels.calls import address_of
told = []
tell_compiling(told.append)
numbers = np.ones(3)
where = address_of(caller.double, numbers, 1)
caller.twice(where, numbers, 2)
print(numbers)
try:
    caller.twice(where, numbers.astype(np.float32), 2)
except TypeError as error:
    print(error)
print(len(told))
"""
    refused = "a kernel is called by its address with arguments of other types"
    assert python(place, code) == ["[4. 4. 1.]", refused, "1"]
    assert python(place, code) == ["[4. 4. 1.]", refused, "0"]  # from where they were kept


def test_what_is_inlined_is_made_machine_code_of_in_kernels_only(place):
    shown = """
import tiny
tiny.add(20)
for function in (tiny.inner, tiny.add):
    (made,) = function.overloads.values()
    engine = made.library.codegen._engine
    print(engine.is_symbol_defined(made.fndesc.llvm_func_name))
"""
    assert python(place, shown) == ["False", "True"]
    assert not list(place.glob("__pycache__/tiny.inner*"))


def test_where_nothing_can_be_written_kernels_are_compiled_at_every_start(place):
    nowhere = place / "file"
    nowhere.touch()
    (place / "__pycache__").touch()  # no directory
    variables = dict.fromkeys(("NUMBA_CACHE_DIR", "HOME", "XDG_CACHE_HOME"), str(nowhere))
    for _ in range(2):
        result, misses, *told = python(place, RUN, **variables)
        assert (result, misses) == ("42 43.0", "2")
        assert len(told) == 1
        assert "at every start" in told[0]
        assert "NUMBA_CACHE_DIR" in told[0]
    assert sorted(path.name for path in place.iterdir()) == ["__pycache__", "file", "tiny.py"]
    kept = place / "kept"
    python(place, RUN, **{**variables, "NUMBA_CACHE_DIR": str(kept)})
    assert python(place, RUN, **{**variables, "NUMBA_CACHE_DIR": str(kept)}) == NOTHING_TOLD


def test_an_installation_that_cannot_be_written_is_read(place):
    python(place, RUN)
    assert list(place.glob("__pycache__/*.nbi"))
    assert python(place, NO_PLACE + RUN) == NOTHING_TOLD


def test_on_a_full_disk_kernels_run(place):
    assert python(place, FULL_DISK + RUN)[:2] == ["42 43.0", "2"]
    assert not list(place.glob("__pycache__/tiny.add*"))


@pytest.mark.parametrize("size", [0, 5, 40])
def test_a_cache_that_was_cut_off_is_made_anew(place, size):
    python(place, RUN)
    for path in place.glob("__pycache__/*.nb[ic]"):
        os.truncate(path, size)
    assert python(place, RUN)[:2] == ["42 43.0", "2"]
    assert python(place, RUN) == NOTHING_TOLD


def test_a_kernel_that_is_in_no_file_runs(place):
    code = RUN.replace("import tiny", TINY).replace("tiny.", "")
    assert python(place, code) == ["42 43.0", "2", "Compiling kernels ..."]


def test_the_clock_of_work_stands_still_while_a_kernel_is_compiled(place):
    code = """
import time
import tiny
from eqchip.emulator.compiling import running_clock
tiny.add(20.5)  # starts the compiler
wall, worked = time.perf_counter(), running_clock()
tiny.add(20)
wall, worked = time.perf_counter() - wall, running_clock() - worked
print(wall, worked)
wall, worked = time.perf_counter(), running_clock()
time.sleep(0.2)
print(time.perf_counter() - wall, running_clock() - worked)
"""
    cold, asleep = ([float(word) for word in line.split()] for line in python(place, code))
    assert 0 <= cold[1] < cold[0] / 2
    assert asleep[1] == pytest.approx(asleep[0], abs=0.01)


def test_training_on_a_chip_and_running_on_it_compile_one_relaxation():
    train(OnChipTrainer(small(), made_up(6, 3, 8), 1))
    net = Network.dense([6, 5, 3], seed=0)
    solve(pose(net, np.ones((2, 6)), coding=Coding(), phases=[Free(3)], precision="chip"))
    kinds = Counter(str(rules) for _, rules, *_ in relax.signatures if "EPFixedRules" in str(rules))
    assert kinds and set(kinds.values()) == {1}


def test_seconds_and_speed_of_a_training_are_without_compiling(tmp_path, monkeypatch):
    train_epoch = Trainer.train_epoch

    def compile_first(trainer):
        compiling.compiling_begins("")
        time.sleep(2)
        compiling.compiling_ends()
        yield from train_epoch(trainer)

    config = small_config()
    fit(RunDirectory.create(tmp_path / "before", config), few_digits())  # compiles in truth
    monkeypatch.setattr(Trainer, "train_epoch", compile_first)
    start = time.perf_counter()
    run = RunDirectory.create(tmp_path / "run", config)
    outcome = fit(run, few_digits())
    spent = time.perf_counter() - start
    assert outcome.seconds <= spent - 2 * config.descent.epochs
    for row in run.metrics()[:-1]:
        assert row["samples_per_second"] > 50 / 2  # of an epoch: 50 samples


@pytest.mark.parametrize(
    ("as_json", "quiet", "said"), [(False, False, 1), (True, False, 1), (False, True, 0)]
)
def test_a_command_says_on_stderr_that_it_waits(as_json, quiet, said, capsys):
    Output(as_json, quiet)
    try:
        for _ in range(2):
            compiling.compiling_begins("Compiling ...")
            compiling.compiling_begins("Compiling what that calls ...")
            compiling.compiling_ends()
            compiling.compiling_ends()
    finally:
        compiling.tell_compiling(None)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "Compiling ...\n" * said)


def test_compiling_is_told_again_where_work_lay_between(monkeypatch):
    now, told = iter([0.0, 1.0, 2.0, 3.0, 60.0, 61.0, 62.0, 63.0]), []
    monkeypatch.setattr(compiling.time, "perf_counter", lambda: next(now))
    monkeypatch.setattr(compiling, "_seconds", 0.0)
    monkeypatch.setattr(compiling, "_ended", 0.0)
    compiling.tell_compiling(told.append)
    try:
        for _ in range(4):  # one after the other, then after a minute, twice
            compiling.compiling_begins("Compiling ...")
            compiling.compiling_ends()
    finally:
        compiling.tell_compiling(None)
    assert told == ["Compiling ...", compiling.MORE]


def test_garbage_is_collected_seldom_while_kernels_compile_and_as_before_afterwards():
    before = gc.get_threshold()
    compiling.compiling_begins("")
    compiling.compiling_begins("")
    assert gc.get_threshold() == compiling.FEW_COLLECTIONS != before
    compiling.compiling_ends()
    assert gc.get_threshold() == compiling.FEW_COLLECTIONS
    compiling.compiling_ends()
    assert gc.get_threshold() == before


@pytest.mark.skipif(jit.JIT_DISABLED, reason="counts what was compiled")
def test_what_kernels_call_is_compiled_once_for_constants_and_for_numbers():
    @jit.inlined
    def add(numbers, place, more):
        numbers[place] += 2 if more else 1

    @jit.kernel
    def add_thrice(numbers, place):
        add(numbers, 0, False)
        add(numbers, place, True)
        add(numbers, place, numbers[0] > 0)

    numbers = np.zeros(2, np.int64)
    add_thrice(numbers, 1)
    assert numbers.tolist() == [1, 4]
    assert len(add.signatures) == 1
