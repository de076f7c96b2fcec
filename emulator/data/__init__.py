"""Data sets: from files, from a package, downloaded and kept."""
