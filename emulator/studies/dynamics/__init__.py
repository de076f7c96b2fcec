"""Tasks of networks that learn in time: what is learned, how, and what it is judged by."""
