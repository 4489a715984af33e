"""Simulated scans whose truth is known."""
