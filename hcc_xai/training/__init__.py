"""Learning: from a data folder to a bundle."""
