"""Who changed what, when and why, and whether a deploy branch is what its source renders to."""
