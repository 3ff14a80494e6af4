"""Checks with schemas that somebody else wrote, in a process that can be ended."""
