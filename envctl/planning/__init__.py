"""What to do, computed from values: difference, waves, guards, ownership, the stored inventory. Pure."""
