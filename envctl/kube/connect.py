"""Finding the cluster that is meant."""

from pathlib import Path

from envctl.errors import UsageError
from envctl.kube.cluster import KubeCluster
from envctl.kube.incluster import inside_pod, pod_endpoint
from envctl.kube.kubeconfig import Kubeconfig, default_files, kubeconfig_endpoint


def connect(kubeconfig: Path | None = None, context: str | None = None) -> KubeCluster:
    """The cluster of a kubeconfig, else of kubectl's own files, else of the pod that this runs in.

    Nothing is sent yet: `ping` tells quickly whether the server answers. Raises UsageError,
    InputError or AccessError where no credentials can be had.
    """
    files = (kubeconfig,) if kubeconfig is not None else default_files()
    if files:
        chosen = Kubeconfig(files, context or "")
        return KubeCluster(lambda: kubeconfig_endpoint(chosen))
    if inside_pod() and not context:
        return KubeCluster(pod_endpoint)
    raise UsageError(
        "no cluster is named: there is no kubeconfig, and this is no pod",
        hint="name a file with --kubeconfig or KUBECONFIG; `envctl dev-cluster up` starts a local cluster",
    )
