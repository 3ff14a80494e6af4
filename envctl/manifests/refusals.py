"""Objects that an environment takes from no component (``refuse`` in environment.yaml)."""

from collections.abc import Collection
from typing import Final

from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject

SECRETS: Final = "secrets"
CLUSTER_SCOPED: Final = "clusterScoped"
OTHER_NAMESPACES: Final = "otherNamespaces"


def refusal(refuse: Collection[str], namespace: str, key: ObjectId) -> tuple[str, str] | None:
    """Why an object is refused, and what to do; None where it is welcome.

    Of Secrets only those that hold something are meant: see `holds_values`. `namespace` is the
    environment's own, "" where it has none.
    """
    if SECRETS in refuse and key.is_secret:
        return (
            "holds values that everybody reads who reads this repository",
            "refer to a Secret that is in the cluster, or commit an ExternalSecret or a SealedSecret",
        )
    if CLUSTER_SCOPED in refuse and not key.namespace:
        return "belongs to the whole cluster", "leave it to an environment that may bring such objects"
    if OTHER_NAMESPACES in refuse and key.namespace not in {"", namespace}:
        own = (
            f"is not in the namespace {namespace}" if namespace else "is in a namespace, and none is set here"
        )
        return own, "leave metadata.namespace out, or leave it to the environment of that namespace"
    return None


def holds_values(secret: JsonObject) -> bool:
    """Whether a Secret has something in it."""
    return bool(secret.get("data") or secret.get("stringData"))
