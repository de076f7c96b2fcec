"""The network on Brian2."""
