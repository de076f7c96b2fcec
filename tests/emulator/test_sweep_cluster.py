"""A sweep on a cluster: what can be lost is told in a line, and the same call goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optional_packages
import pytest

from eqchip.emulator import source
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Silent
from eqchip.emulator.source import Code, this_code
from eqchip.emulator.training import points_file, sweep_cluster, sweep_points
from eqchip.emulator.training.points_file import POINT_FORMAT, check_code
from eqchip.emulator.training.sweep import make_sweep
from eqchip.emulator.training.sweep_points import Trained, run_point_with
from eqchip.hw_reports.studies.sweep import MODELLED, Pricing, sweep
from eqchip.mapping.chip_file.chip import load_chip

AXES = {"seed": [0, 1, 2]}
COUNTS = ("spikes", "synaptic_events", "updates_active", "updates_inactive", "weights_attempted")


def row_of(settings: dict[str, Any]) -> dict[str, Any]:
    """A row such as run_point makes, in no time."""
    return {
        "settings": settings,
        "validation_error": 5.0 + settings["seed"],
        **dict.fromkeys(COUNTS, 1.0),
        "seconds": 0.1,
    }


class Unkept(Trained):
    """A point without a run directory, which therefore has no price."""

    def keep(self, folder: Path, command: str) -> None:
        pass


def quick(settings: dict[str, Any], data: str | None = None) -> Trained:
    """A point that takes no time."""
    return Unkept(row_of(settings), [], None, None, ())  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Points that take no time, and a cluster that is waited for as long."""
    monkeypatch.setattr(sweep_points, "run_point", quick)
    monkeypatch.setattr(sweep_cluster, "WORKER_SECONDS", 1.0)
    monkeypatch.setattr(sweep_cluster, "LOOK_SECONDS", 0.2)


@contextmanager
def cluster(workers: int = 1) -> Iterator[Any]:
    """A scheduler and workers in this process, which runs this code."""
    optional_packages.need("distributed", "pip install 'eqchip[dask]'")
    import distributed

    with distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=False, dashboard_address=None
    ) as found:
        yield found


def refusal(call: Callable[..., Any], *arguments: Any, **more: Any) -> str:
    with pytest.raises(InputError) as error:
        call(*arguments, **more)
    return str(error.value)


class Listener(Silent):
    """Does something once a point is done."""

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        self.act, self.told = act, []

    def message(self, text: str) -> None:
        self.told.append(text)
        if text.startswith("1/"):
            self.act()


def seeds_in(out: Path) -> list[int]:
    lines = (out / "points.jsonl").read_text().splitlines()
    return sorted(json.loads(line)["settings"]["seed"] for line in lines)


def slow(settings: dict[str, Any], data: str | None = None) -> Trained:
    """A point that takes its time, but for the first."""
    time.sleep(0.01 if settings["seed"] == 0 else 1.0)
    return quick(settings)


# --- a cluster ----------------------------------------------------------------------------


def test_an_address_without_an_answer_leaves_nothing_that_refuses_another_grid(tmp_path):
    optional_packages.need("distributed", "pip install 'eqchip[dask]'")
    out = tmp_path / "out"
    assert "no scheduler answers" in refusal(sweep, axes=AXES, out=out, dask="nonsense://x")
    assert not out.exists()
    with cluster() as found:
        sweep(axes={"seed": [7]}, out=out, dask=found.scheduler_address)
    assert seeds_in(out) == [7]


def test_a_cluster_without_workers_is_told_and_leaves_nothing(tmp_path):
    listener = Listener()
    with cluster(0) as found:
        call = {"axes": AXES, "out": tmp_path / "out", "dask": found.scheduler_address}
        assert "no worker has come" in refusal(sweep, **call, progress=listener)
    assert any("Waiting for a worker" in text for text in listener.told)
    assert not (tmp_path / "out").exists()


def test_workers_that_are_lost_are_told_and_the_same_call_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_points, "run_point", slow)
    out = tmp_path / "out"
    with cluster() as found:
        lose = Listener(lambda: found.scale(0))
        text = refusal(sweep, axes=AXES, out=out, dask=found.scheduler_address, progress=lose)
        assert "no worker is left; finished points are kept" in text
        done = seeds_in(out)
        assert 0 < len(done) < 3
        found.scale(1)
        sweep(axes=AXES, out=out, dask=found.scheduler_address)
    assert seeds_in(out) == [0, 1, 2]


def test_a_scheduler_that_is_lost_is_told_and_the_same_call_goes_on(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sweep_points, "run_point", slow)
    out = tmp_path / "out"
    with cluster() as found:
        lose = Listener(found.close)
        text = refusal(sweep, axes=AXES, out=out, dask=found.scheduler_address, progress=lose)
    assert "the scheduler is lost; finished points are kept" in text
    assert 0 < len(seeds_in(out)) < 3
    assert "Traceback" not in capfd.readouterr().err
    with cluster() as found:
        sweep(axes=AXES, out=out, dask=found.scheduler_address)
    assert seeds_in(out) == [0, 1, 2]


def test_a_worker_without_eqchip_is_told(tmp_path, monkeypatch):
    lacking = sweep_cluster.CALL.replace("eqchip.emulator", "eqchip_that_is_not_there.emulator")
    monkeypatch.setattr(sweep_cluster, "CALL", lacking)
    with cluster() as found:
        text = refusal(sweep, axes=AXES, out=tmp_path / "out", dask=found.scheduler_address)
    assert "a worker cannot run this eqchip (No module named 'eqchip_that_is_not_there')" in text


def test_a_worker_of_a_version_before_codes_were_told_apart_is_told(tmp_path, monkeypatch):
    older = sweep_cluster.CALL.replace("run_point_with", "run_point_with_and_more")
    monkeypatch.setattr(sweep_cluster, "CALL", older)
    with cluster() as found:
        text = refusal(sweep, axes=AXES, out=tmp_path / "out", dask=found.scheduler_address)
    assert "a worker cannot run this eqchip" in text


def test_a_worker_of_other_code_is_told_before_it_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_cluster, "this_code", lambda: Code("9.9.9", "0123456789abcdef"))
    out = tmp_path / "out"
    with cluster() as found:
        text = refusal(sweep, axes=AXES, out=out, dask=found.scheduler_address)
    assert f"has {this_code()}; expected eqchip 9.9.9, code 0123456789abcdef" in text
    assert not (out / "points.jsonl").exists()


# --- which code computed a point ----------------------------------------------------------


def test_a_point_names_the_code_that_computed_it():
    row = run_point_with(tuple(this_code()), {"seed": 0}).row
    assert row["eqchip"] == {"version": this_code().version, "digest": this_code().digest}
    other = Code(this_code().version, "f" * 16)
    assert str(other) in refusal(run_point_with, tuple(other), {"seed": 0})


def test_the_digest_is_that_of_every_source_of_the_emulator(tmp_path, monkeypatch):
    def digest() -> str:
        this_code.cache_clear()
        return this_code().digest

    try:
        monkeypatch.setattr(source, "files", lambda _: tmp_path)
        (tmp_path / "kernels").mkdir()
        found = {digest()}
        for name, text in (("a.py", ""), ("kernels/b.py", "1"), ("kernels/b.py", "2")):
            (tmp_path / name).write_text(text)
            found.add(digest())
        (tmp_path / "c.toml").write_text("x = 1")
        found.add(digest())
        assert len(found) == 5
        (tmp_path / "kernels" / "b.nbc").write_text("what numba keeps")
        assert digest() in found
    finally:
        this_code.cache_clear()


def test_points_of_two_codes_are_not_mixed(tmp_path):
    out, listener = tmp_path / "out", Listener()
    sweep_of = {"axes": AXES, "out": out}
    with cluster() as found:
        sweep(**sweep_of, dask=found.scheduler_address)
        lines = (out / "points.jsonl").read_text().splitlines()
        other = [line.replace(this_code().digest, "f" * 16) for line in lines]
        assert other != lines
        (out / "points.jsonl").write_text(other[0] + "\n")
        text = refusal(sweep, **sweep_of, dask=found.scheduler_address)
        assert "code ffffffffffffffff" in text and str(this_code()) in text
        assert (out / "points.jsonl").read_text() == other[0] + "\n"
        # Nothing is left to compute, so nothing is mixed: they are priced and drawn.
        (out / "points.jsonl").write_text("\n".join(other) + "\n")
        sweep(**sweep_of, dask=found.scheduler_address)
        (out / "points.jsonl").write_text("\n".join([*other[:2], lines[2]]) + "\n")
        assert "expected one code for all" in refusal(
            sweep, **sweep_of, dask=found.scheduler_address
        )
        # As older versions wrote them.
        rows = [json.loads(line) for line in lines]
        old = [{k: v for k, v in row.items() if k != "eqchip"} for row in rows]
        (out / "points.jsonl").write_text(json.dumps(old[0]) + "\n")
        sweep(**sweep_of, dask=found.scheduler_address, progress=listener)
    assert any("1 of them do not say which code computed them" in text for text in listener.told)
    assert seeds_in(out) == [0, 1, 2]


@pytest.mark.parametrize(
    "code", [None, "0.1.0", {}, {"version": "0.1.0"}, {"version": 1, "digest": "a"}]
)
def test_a_point_whose_code_is_none_is_refused(code, tmp_path):
    path = tmp_path / "points.jsonl"
    row = {"format": POINT_FORMAT, **row_of({"seed": 0}), "eqchip": code}
    path.write_text(json.dumps(row) + "\n")
    assert "eqchip is missing or no fit value" in refusal(points_file.Points(path).read)
    assert check_code([], path, going_on=True) == 0


@pytest.mark.parametrize(
    "energy",
    [
        None,
        {"lacks": []},  # found by damaged files
        {"figure": None},
        {"figure": {"low": 1}, "lacks": []},
        {"figure": {"low": 0, "value": "1", "high": 2, "unit": "J"}, "lacks": []},
        {"figure": None, "lacks": [1]},
    ],
)
def test_a_price_in_a_line_that_is_none_is_not_taken(energy, tmp_path):
    pricing = Pricing(tmp_path, load_chip("loihi1-davies"), None)
    settings = make_sweep({"layers": [64, 4, 10]}).points[0]
    row = {**row_of(settings), "run": "../elsewhere"}
    priced = {**row, **pricing.of(row)}
    assert pricing.of(priced) == {name: priced[name] for name in MODELLED}
    found = pricing.of({**priced, "energy": energy})
    assert found["energy"] == priced["energy"]  # anew, which here is: nothing is known
