"""Judging a model on a user's own pictures."""
