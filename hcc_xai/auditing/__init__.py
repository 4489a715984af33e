"""Judging a model on a reviewer's own pictures."""
