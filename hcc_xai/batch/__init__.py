"""Many pictures at once, from folders, archives and loops."""
