"""Finding the cluster that is meant."""

from collections.abc import Callable
from pathlib import Path

from envctl.errors import UsageError
from envctl.kube.cluster import KubeCluster
from envctl.kube.incluster import inside_pod, pod_endpoint
from envctl.kube.kubeconfig import Kubeconfig, default_files, kubeconfig_endpoint
from envctl.kube.transport import always
from envctl.kube.watch import Lifetime

RESYNC = 600.0
"""Seconds after which a watch has told the whole state again, at the latest."""


def connect(
    kubeconfig: Path | None = None,
    context: str | None = None,
    may_write: Callable[[], bool] = always,
    resync: float = RESYNC,
) -> KubeCluster:
    """The cluster of a kubeconfig, else of kubectl's own files, else of the pod that this runs in.

    `may_write` is asked before each write is sent. Watches tell the whole state again within `resync`
    seconds, whatever got lost.

    Nothing is sent yet: `ping` tells quickly whether the server answers. Raises UsageError,
    InputError or AccessError where no credentials can be had.
    """
    files = (kubeconfig,) if kubeconfig is not None else default_files()
    if files:
        chosen = Kubeconfig(files, context or "")
        return KubeCluster(lambda: kubeconfig_endpoint(chosen), may_write, Lifetime.within(resync))
    if inside_pod() and not context:
        return KubeCluster(pod_endpoint, may_write, Lifetime.within(resync))
    raise UsageError(
        "no cluster is named: there is no kubeconfig, and this is no pod",
        hint="name a file with --kubeconfig or KUBECONFIG; `envctl dev-cluster up` starts a local cluster",
    )
