"""A bundle: its network, what runs it, and all that was fitted to its weights."""
