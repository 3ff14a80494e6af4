"""The jsonnet adapter: engines in child processes. The only importer of an engine."""
