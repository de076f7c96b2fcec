"""Lava Processes and their models, and nothing else: Lava executes every file of this folder.

They import Lava and numpy only, so that the files of this folder can be taken elsewhere as
they are.
"""
