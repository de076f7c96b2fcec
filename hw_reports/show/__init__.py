"""The document on a terminal and as CSV."""
