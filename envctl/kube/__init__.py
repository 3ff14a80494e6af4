"""The Kubernetes adapter: the `Cluster` port over a thin HTTP transport.

Credentials come from the kubernetes package or from the pod; everything else is plain HTTP
and JSON, because the agent's hot paths send and read bytes that need no client library.
"""

from envctl.kube.cluster import KubeCluster
from envctl.kube.connect import connect

__all__ = ["KubeCluster", "connect"]
