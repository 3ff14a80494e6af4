"""Evaluated JSON to objects, objects to canonical files. Pure."""
