"""The report as one plain document."""
