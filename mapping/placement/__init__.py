"""Where a network lies on a chip: parts, cores, ways."""
