"""One sample, event by event."""
