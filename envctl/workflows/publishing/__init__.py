"""From deploy trees to commits on deploy branches, here and on the remote."""
