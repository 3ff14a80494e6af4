"""`make demo` as a stranger runs it, on a copy of the sample, with a real control plane."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from envctl.devcluster.binaries import Programs
from envctl.devcluster.cluster import ClusterOptions, DevCluster
from envctl.kube.cluster import KubeCluster

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("components", "environments", "lib", "policies", "schemas", "tools")

Start = Callable[[ClusterOptions], DevCluster]
Connect = Callable[[Path], KubeCluster]
Processes = Callable[[Path | str], dict[int, str]]


@dataclass(frozen=True)
class Demo:
    """A copy of the sample and the demo, with temporary files of its own."""

    root: Path
    temporary: Path

    def start(self, *options: str, kubeconfig: Path | None = None) -> "subprocess.Popen[str]":
        environ = {**os.environ, "TMPDIR": str(self.temporary)}
        environ |= {"KUBECONFIG": str(kubeconfig)} if kubeconfig else {}
        command = [sys.executable, str(self.root / "tools" / "demo.py"), *options]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environ, stdout=pipe, stderr=pipe, text=True)

    def run(self, *options: str, kubeconfig: Path | None = None) -> tuple[int, str, str]:
        """Exit code and both streams."""
        process = self.start(*options, kubeconfig=kubeconfig)
        out, err = process.communicate()
        return process.returncode, out, err


@pytest.fixture
def demo(tmp_path: Path, programs: Programs) -> Any:
    """The demo in a folder of its own. Sockets need a short path, so its temporary files lie elsewhere."""
    assert programs
    for name in PARTS:
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "envctl.yaml", tmp_path)
    temporary = Path("/tmp") / f"demo-{os.getpid()}"  # noqa: S108
    temporary.mkdir()
    yield Demo(tmp_path, temporary)
    shutil.rmtree(temporary)


def everything(kube: KubeCluster) -> set[str]:
    """What a demo could leave in a cluster: whatever lies outside the namespaces that it takes with it."""
    kinds = [
        ("", "Namespace"),
        ("", "PersistentVolume"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ]
    found: Any = [(kind, each) for kind in kinds for each in kube.list(served(kube, *kind)).items]
    return {f"{kind[1]} {each['metadata']['name']}" for kind, each in found}


def served(kube: KubeCluster, group: str, kind: str) -> Any:
    found = kube.resource_type(group, kind)
    assert found
    return found


def test_the_demo_leaves_a_borrowed_cluster_as_it_found_it(
    demo: Demo, start_cluster: Start, connected: Connect
) -> None:
    """It shows the whole line, ends with a summary, and takes away namespaces, kinds and volumes."""
    dev = start_cluster(ClusterOptions(context="borrowed"))
    kube = connected(dev.kubeconfig)
    before = everything(kube)
    code, out, err = demo.run("--context", "borrowed", kubeconfig=dev.kubeconfig)
    assert code == 0, err
    steps = [line.partition(".")[0] for line in out.splitlines() if line[:1].isdigit()]
    assert steps == [str(number) for number in range(1, 11)]
    assert "\n  the other 33 are there, and none was made anew (same uids)\n" in out
    assert "\nWhat you saw\n" in out
    assert everything(kube) == before


def test_the_demo_touches_no_cluster_that_holds_its_namespace(
    demo: Demo, start_cluster: Start, connected: Connect
) -> None:
    """What is called ai-prod there may be somebody's; it says how to go on."""
    dev = start_cluster(ClusterOptions(context="borrowed"))
    kube = connected(dev.kubeconfig)
    kube.create(
        served(kube, "", "Namespace"),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ai-prod"}},
    )
    before = everything(kube)
    code, _, err = demo.run("--context", "borrowed", kubeconfig=dev.kubeconfig)
    assert code == 1
    assert err == (
        "\nthe demo stopped: context borrowed: the cluster holds Namespace ai-prod; "
        "the demo would change and remove that\n"
        "hint: choose another cluster, or, if a demo left it: "
        "kubectl --context borrowed delete --ignore-not-found namespace/ai-prod\n"
    )
    assert everything(kube) == before


def test_an_interrupted_demo_leaves_nothing_running(demo: Demo, processes_of: Processes) -> None:
    """Ctrl-C while the agent works: agent and control plane end first."""
    with demo.start() as process:
        assert process.stdout
        assert process.stderr
        assert next(line for line in process.stdout if line.startswith("7. "))
        assert processes_of(demo.temporary)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "\nthe demo was interrupted; nothing is left running\n"
    assert process.returncode == 130
    assert processes_of(demo.root / ".demo") == {}
    assert processes_of(demo.temporary) == {}
    assert list(demo.temporary.iterdir()) == []
