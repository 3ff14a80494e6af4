"""Commits on the source branch that move pins, put them back, or pause that."""
