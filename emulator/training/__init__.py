"""Epochs, checkpoints and run directories."""
