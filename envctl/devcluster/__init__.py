"""The local control plane: real etcd and Kubernetes programs as plain processes, without containers.

`cluster.DevCluster` starts one and stops it without leftovers; `binaries.ensure_programs` makes its programs.
"""
