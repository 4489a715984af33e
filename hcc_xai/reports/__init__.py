"""An answer written to files."""
