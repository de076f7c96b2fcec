"""What every core did in a run."""
