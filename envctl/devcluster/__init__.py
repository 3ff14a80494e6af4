"""The local control plane: real etcd and Kubernetes programs as plain processes, without containers."""
