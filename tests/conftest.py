"""Settings of the whole suite."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# Before anything imports matplotlib: no test opens a window.
os.environ.setdefault("MPLBACKEND", "Agg")

# A suite started in the background inherits that Ctrl-C is ignored; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: the first call of a kernel compiles it.
settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True, database=None)
settings.register_profile("fuzz", deadline=None, print_blob=True, max_examples=1000)
settings.load_profile("ci" if os.environ.get("CI") else "local")
