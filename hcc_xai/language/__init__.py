"""How it is said: words and sentences in every language."""
