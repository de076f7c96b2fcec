"""One question to an engine, checked once for all of them, and its answer."""
