"""Asks a starting API server, with the standard library alone, whether it is ready."""

import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SECONDS = 5


class Probe:
    """A small client of one API server. Every request makes its own connection."""

    def __init__(self, port: int, authority: Path, certificate: Path, key: Path) -> None:
        self._port = port
        self._tls = ssl.create_default_context(cafile=str(authority))
        self._tls.load_cert_chain(certificate, key)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """The HTTP status and the answer; status 0 where nobody answers (yet).

        A body may be JSON or YAML: the API server reads both, and JSON is YAML.
        """
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._tls, timeout=_SECONDS)
        try:
            connection.request(method, path, body, {"Content-Type": "application/yaml"})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def ready(self) -> bool:
        """Whether ``/readyz`` says so."""
        return self.ask("GET", "/readyz")[0] == http.HTTPStatus.OK

    def exists(self, path: str) -> bool:
        """Whether an object exists."""
        return self.ask("GET", path)[0] == http.HTTPStatus.OK

    def create(self, path: str, text: bytes) -> bool:
        """Create an object from YAML or JSON; true also where it exists already."""
        return self.ask("POST", path, text)[0] in {http.HTTPStatus.CREATED, http.HTTPStatus.CONFLICT}

    def ready_nodes(self, *, with_taints: bool) -> int:
        """How many nodes are Ready and, but where taints are allowed, take pods."""
        status, body = self.ask("GET", "/api/v1/nodes")
        if status != http.HTTPStatus.OK:
            return 0
        return sum(is_ready(node, with_taints=with_taints) for node in json.loads(body)["items"])


def is_ready(node: Mapping[str, Any], *, with_taints: bool) -> bool:
    """Whether a node is Ready and, but where taints are allowed, has lost the one of new nodes."""
    conditions = node.get("status", {}).get("conditions", [])
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and (with_taints or not node.get("spec", {}).get("taints"))


def node_object(name: str) -> dict[str, Any]:
    """A fake node that kwok plays the kubelet of."""
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "type": "kwok",
    }
    annotations = {"kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0"}
    metadata = {"name": name, "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
