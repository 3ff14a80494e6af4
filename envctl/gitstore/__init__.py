"""The Git adapter: the only importer of dulwich."""
