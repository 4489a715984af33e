"""An answer written to files, one function for each format."""
