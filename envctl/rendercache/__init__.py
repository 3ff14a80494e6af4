"""The render cache adapter: what can be made again, in files beside the repository's own."""
