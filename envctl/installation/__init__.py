"""The manifests that run an agent in a cluster, as pure functions of what its branch holds."""
