"""Probes and metrics of a real agent process, as kubelet and Prometheus ask for them."""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.apiproxy import ApiProxy, api_proxy


class Asked:
    """A real `envctl agent` that listens at a port."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str) -> tuple[int, str]:
        """Status and text, or nothing while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        with contextlib.closing(connection):
            try:
                connection.request("GET", path)
            except ConnectionRefusedError:
                return 0, ""
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def line(cluster: Any) -> Iterator[ApiProxy]:
    """What the agent reaches the API server through; closing it cuts every connection."""
    with api_proxy(cluster.kubeconfig) as proxy:
        yield proxy


@pytest.fixture
def asked(rig: Any, cm: Callable[..., Any], free_port: int, line: Any) -> Iterator[Asked]:
    """An agent that keeps one ConfigMap."""
    rig.branch.publish({"web": [cm("a", rig.namespace)]})
    options = rig.options
    command = [
        *(sys.executable, "-m", "envctl", "agent", "-o", "json", "--env", options.environment),
        *("--repo", options.remote, "--interval", "0.5", "--store", str(rig.store), "--namespaced"),
        *("--namespace", options.namespace, "--kubeconfig", str(line.kubeconfig)),
        *("--listen", f"127.0.0.1:{free_port}"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        yield Asked(free_port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def applied(asked: Asked) -> bool:
    lines = asked.get("/metrics")[1].splitlines()
    return any(line.startswith("envctl_up_to_date{") and line.endswith(" 1.0") for line in lines)


def test_an_agent_says_that_it_lives_and_how_things_stand(asked: Asked, wait_for: Callable[..., Any]) -> None:
    """Ready once it has reported; its metrics are those of the environment."""
    wait_for(lambda: asked.get("/readyz") == (200, "ok\n"), "never ready")
    assert asked.get("/healthz") == (200, "ok\n")

    wait_for(lambda: applied(asked), "the commit is not applied")
    text = asked.get("/metrics")[1]
    assert 'component="web"' in text
    assert "process_resident_memory_bytes" in text


def test_an_agent_that_lost_the_api_server_lives_and_is_not_ready(
    asked: Asked, line: ApiProxy, rig: Any, wait_for: Callable[..., Any]
) -> None:
    """Nobody restarts it for that; its metrics say so too."""
    wait_for(lambda: applied(asked) and asked.get("/readyz") == (200, "ok\n"), "never ready")
    line.close()
    name = rig.options.environment
    wait_for(lambda: asked.get("/readyz") == (503, f"not ready: {name}\n"), "still ready")
    assert asked.get("/healthz") == (200, "ok\n")
    assert f'envctl_ready{{environment="{name}"}} 0.0' in asked.get("/metrics")[1]
