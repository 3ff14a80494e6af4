"""The Kubernetes adapter: the only importer of the kubernetes package."""
