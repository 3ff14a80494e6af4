"""Calls of the etcd behind a dev cluster, past its API server."""

import base64
import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envctl.devcluster.cluster import DevCluster


def etcd(dev: DevCluster, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """One call of etcd's own API."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(dev._layout.etcd_socket))
        data = json.dumps(body).encode()
        sock.sendall(
            f"POST {path} HTTP/1.0\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
        )
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))


def compact(dev: DevCluster) -> None:
    """Forget all revisions but the newest."""
    revision = etcd(dev, "/v3/kv/range", {"key": base64.b64encode(b"a").decode()})["header"]["revision"]
    etcd(dev, "/v3/kv/compaction", {"revision": revision, "physical": True})


def back_up(dev: DevCluster, folder: Path) -> None:
    """Copy all that a cluster holds into a new folder. Its servers are away meanwhile."""
    _offline(dev, lambda data: shutil.copytree(data, folder))


def restore(dev: DevCluster, folder: Path) -> None:
    """Bring a cluster back to a copy: its revisions go back too."""

    def exchange(data: Path) -> None:
        shutil.rmtree(data)
        shutil.copytree(folder, data)

    _offline(dev, exchange)


def _offline(dev: DevCluster, act: Callable[[Path], object]) -> None:
    dev.kill("kube-apiserver")
    dev.process("etcd").terminate()
    act(dev.directory / "etcd")
    dev.restart("etcd")
    dev.restart("kube-apiserver")
    dev.wait_ready()
