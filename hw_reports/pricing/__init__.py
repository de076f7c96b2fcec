"""What it costs: counts times the figures of a chip file."""
