"""Runs that were measured on chips: what was measured, and what happened on the chip meanwhile."""
