"""What a user says: networks, codings, phases, timing, learning. Frozen, and without numba."""
