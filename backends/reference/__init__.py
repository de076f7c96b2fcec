"""The equations in plain numpy: what every engine must equal."""
