"""The same network on other engines."""
