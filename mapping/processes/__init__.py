"""Process graphs, from which Lava's networks are built."""
