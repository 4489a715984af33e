"""How it is said: what an answer states, in every language."""
