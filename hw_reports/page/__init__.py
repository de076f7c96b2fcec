"""The document as a page for the browser."""
