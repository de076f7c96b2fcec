"""Asynchronous networks once more, as a discrete-event simulation on SimPy."""
