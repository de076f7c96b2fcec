"""Backpropagation through time over the same network: the exact gradient."""
