"""Run ``envctl`` as in a pod: the service account lies in a folder, not below /var/run/secrets.

    KUBERNETES_SERVICE_HOST=… python benchmarks/agent_pod.py FOLDER agent --env prod …

In a pod the agent reads its credentials itself; a kubeconfig costs it the kubernetes package, some 20 MiB.
"""

import os
import sys
from pathlib import Path

from envctl.cli.main import main
from envctl.kube import incluster


def settle(folder: Path) -> None:
    """Let both functions look into this folder by default."""
    incluster.inside_pod.__defaults__ = (folder, os.environ)
    incluster.pod_endpoint.__defaults__ = (folder, os.environ)


if __name__ == "__main__":
    settle(Path(sys.argv.pop(1)))
    sys.argv[0] = "envctl"
    main()
