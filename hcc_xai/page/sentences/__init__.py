"""The page's fixed words by tab: a key, and its sentence in every language."""
