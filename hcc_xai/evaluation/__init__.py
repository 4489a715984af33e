"""Judging how a network was trained: figures out of fold, and phantoms whose truth is known."""
