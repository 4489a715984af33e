"""A bundle: its network and all that was fitted to its weights."""
