"""The benchmark of learning rules: what an entry is, how one of ours is made, and their table."""
