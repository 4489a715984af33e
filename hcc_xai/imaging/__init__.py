"""Seeing: from a file to an image, its scanned field, the network's square and back."""
