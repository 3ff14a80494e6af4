"""From a source to deploy trees, and the comparison of two of them."""
