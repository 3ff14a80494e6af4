"""A small HTTP server for what others ask of a running agent: probes and metrics."""
