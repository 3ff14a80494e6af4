"""What to do about a difference: changes, waves, guards. Pure."""
