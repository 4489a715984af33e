"""Judging a recipe, out of fold and on planted truth."""
