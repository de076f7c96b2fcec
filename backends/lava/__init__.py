"""The network on Lava: processes, the graph that is built of them, and what runs it."""
