"""Networks that learn in time: layers in balance, the signals they code, and what writes them."""
