"""Frozen values that all floors share. No I/O, no clock, no environment."""
