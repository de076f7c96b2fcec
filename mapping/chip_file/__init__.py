"""Chips as data: limits, figures and their sources."""
