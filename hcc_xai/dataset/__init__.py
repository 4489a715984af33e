"""A folder of labelled pictures: its samples, and what in it gives the class away."""
