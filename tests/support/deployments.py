"""A Deployment of one pod, for tests and benchmarks of rollouts."""

from typing import Any


def deployment(name: str, namespace: str, tag: str, deadline: int) -> dict[str, Any]:
    """One pod with an image of this tag; a rollout that does not get on is given up after `deadline` seconds."""
    labels = {"app": name}
    container = {"name": "main", "image": f"registry.example.com/web:{tag}"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "progressDeadlineSeconds": deadline,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
