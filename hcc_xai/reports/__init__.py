"""An answer written to files, a function for each format."""
