"""Seeing: from a file to an image, the scanned part of it, the network's square, and back."""
