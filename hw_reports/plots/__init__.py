"""The document as plots."""
