"""Measuring: from masks to lesions, their sizes, description and category; no network."""
