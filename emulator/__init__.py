"""Network description, codings, event-driven engine, learning rules and training.

The public names are gathered in :mod:`eqchip`; nothing is imported here, so that
``import eqchip`` stays light.
"""
