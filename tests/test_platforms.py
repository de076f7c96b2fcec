"""Nothing here needs Linux: what macOS or Windows lack is asked for first, and texts say what they
are encoded in.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed_modules import modules

# Modules and names of the standard library that Windows lacks; some of them, macOS too.
MODULES = {"fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "syslog", "posix", "curses"}
NAMES = {
    "os": {
        *("sched_getaffinity", "register_at_fork", "fork", "killpg", "getpgid", "setsid", "uname"),
        *("sysconf", "getuid", "geteuid", "mkfifo", "nice", "getloadavg", "chown"),
        *("O_NONBLOCK", "O_DIRECTORY", "O_CLOEXEC"),
    },
    "signal": {"SIGHUP", "SIGKILL", "SIGUSR1", "pthread_sigmask", "setitimer", "alarm"},
}
# Ends the processes of Lava, which is run on Linux.
LAVA = "eqchip.backends.lava.watch"


def guarded(tree: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, and whether something around it is ready for what is missing."""

    def walk(node: ast.AST, ready: bool) -> Iterator[tuple[ast.AST, bool]]:
        yield node, ready
        text = ""
        if isinstance(node, (ast.If, ast.IfExp)):
            text = ast.unparse(node.test)
        elif isinstance(node, ast.With):
            text = " ".join(ast.unparse(item) for item in node.items)
        elif isinstance(node, ast.Try):
            text = " ".join(ast.unparse(h.type) for h in node.handlers if h.type is not None)
        elif isinstance(node, ast.Call):
            text = ast.unparse(node.func)
        inside = ready or any(
            word in text for word in ("hasattr", "getattr", "ImportError", "AttributeError")
        )
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside)

    return walk(tree, False)


def unguarded(source: str) -> list[str]:
    """What a text asks of the system without being ready for one that lacks it."""
    found = []
    for node, ready in guarded(ast.parse(source)):
        if ready:
            continue
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if one.name in MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.Attribute) and node.attr in NAMES.get(
            ast.unparse(node.value), ()
        ):
            found.append(ast.unparse(node))
    return found


def without_encoding(source: str) -> list[str]:
    """Calls that read or write texts in whatever encoding the system has."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        first = {"read_text": 0, "write_text": 1}.get(name)
        if first is not None and ast.unparse(node.func) != "write_text":  # which is eqchip's own
            if len(node.args) <= first and not any(k.arg == "encoding" for k in node.keywords):
                found.append(ast.unparse(node))
        elif isinstance(node.func, ast.Name) and name == "open":
            mode = ast.unparse(node.args[1]) if len(node.args) > 1 else ""
            if "b" not in mode and not any(k.arg == "encoding" for k in node.keywords):
                found.append(ast.unparse(node))
    return found


def test_what_a_system_may_lack_is_asked_for_first():
    wrong = {
        name: found
        for name, path in modules().items()
        if name != LAVA and (found := unguarded(path.read_text("utf-8")))
    }
    # `_unheard` of the workers returns before, where there is no such call.
    assert wrong == {"eqchip.emulator.training.sweep_workers": ["signal.pthread_sigmask"] * 2}


def test_every_text_is_read_and_written_in_an_encoding_that_is_named():
    wrong = {
        name: found
        for name, path in modules().items()
        if (found := without_encoding(path.read_text("utf-8")))
    }
    assert not wrong


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import fcntl", ["fcntl"]),
        ("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None", []),
        ("try:\n    import fcntl\nexcept OSError:\n    fcntl = None", ["fcntl"]),
        ("n = os.sched_getaffinity(0)", ["os.sched_getaffinity"]),
        ("n = os.sched_getaffinity(0) if hasattr(os, 'sched_getaffinity') else 1", []),
        ("signal.signal(signal.SIGHUP, f)", ["signal.SIGHUP"]),
        ("with contextlib.suppress(AttributeError):\n    os.sysconf('x')", []),
    ],
)
def test_what_is_not_asked_for_is_seen(source, found):
    assert unguarded(source) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text)", True),
        ("write_text(path, text)", False),
        ("open(path)", True),
        ("open(path, 'rb')", False),
        ("open(path, encoding='ascii')", False),
    ],
)
def test_a_text_in_no_encoding_is_seen(source, found):
    assert bool(without_encoding(source)) == found


# What the packages beneath need of a system is theirs to ask for: they are there already.
LACKING = """
import json, os, signal, sys
import matplotlib.pyplot, numba, numpy, pooch, pydantic, rich.progress, scipy, sklearn.datasets
for name in json.loads(sys.argv[1]):
    sys.modules[name] = None
for name in json.loads(sys.argv[2]):
    of, _, what = name.partition(".")
    if hasattr(sys.modules[of], what):
        delattr(sys.modules[of], what)
opened = os.open
def no_directory(path, *rest, **more):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))
    return opened(path, *rest, **more)
os.open = no_directory
assert open(os.devnull).encoding.lower() in ("ascii", "ansi_x3.4-1968", "us-ascii")
from eqchip.__main__ import main
print([main(line) for line in json.loads(sys.argv[3])])
"""


def test_commands_work_on_a_system_without_locks_signals_or_utf8(tmp_path):
    lines = [
        ["chips", "loihi1-davies", "--quiet"],
        ["train", "--network", "64-5-10", "--epochs", "1", "--free-steps", "6", "--nudged-steps",
         "3", "--out", "run"],
        ["train", "--resume", "run", "--quiet"],
        ["evaluate", "run", "--quiet"],
        ["map", "run", "--out", "mesh.png", "--quiet"],
    ]  # fmt: skip
    names = [f"{of}.{name}" for of, names in NAMES.items() for name in sorted(names)]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-c", LACKING, *map(json.dumps, (sorted(MODULES), names, lines))],
        cwd=tmp_path, capture_output=True, check=False,
        env={**kept, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )  # fmt: skip
    out, err = done.stdout.decode("ascii"), done.stderr.decode("ascii")
    assert out.splitlines()[-1] == "[0, 0, 0, 0, 0]", err
    assert "no lock (this system has none)" in err and "Traceback" not in err
    assert Path(tmp_path / "mesh.png").stat().st_size > 0
