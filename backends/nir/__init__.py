"""Networks written to and read from NIR files."""
