"""What commands share: options, parameters, output."""
