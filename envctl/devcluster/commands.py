"""The command lines of the control plane's programs, and the files that they read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# A pod's or service's address is never reached: no pod really runs.
_SERVICE_RANGE = "10.96.0.0/16"

SERVER_HOSTS = (
    "127.0.0.1",
    "::1",
    "10.96.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
)

AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one control plane, all in its data folder."""

    root: Path

    @property
    def authority(self) -> Path:
        """The certificate that signs all others."""
        return self.root / "ca.crt"

    @property
    def authority_key(self) -> Path:
        """Its key, which the controller manager signs requests with."""
        return self.root / "ca.key"

    @property
    def service_account_key(self) -> Path:
        """The key that signs service account tokens."""
        return self.root / "service-account.key"

    @property
    def etcd_socket(self) -> Path:
        """Where etcd listens: a socket in a private folder, so it needs no certificates and no port."""
        return self.root / "etcd.sock"

    @property
    def audit_policy(self) -> Path:
        """What the audit log records."""
        return self.root / "audit-policy.yaml"

    def certificate(self, name: str) -> Path:
        """The certificate of a server or user."""
        return self.root / f"{name}.crt"

    def key(self, name: str) -> Path:
        """The key of a server or user."""
        return self.root / f"{name}.key"

    def kubeconfig(self, name: str) -> Path:
        """The kubeconfig of a user."""
        return self.root / f"{name}.kubeconfig"


def etcd_command(program: Path, layout: Layout) -> list[str]:
    """One member that never waits for the disk: its data dies with it."""
    return [
        str(program),
        "--name=dev",
        f"--data-dir={layout.root / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls=unix://{layout.etcd_socket}",
        f"--listen-peer-urls=unix://{layout.root / 'etcd-peer.sock'}",
        # Nobody is told these, but etcd accepts no socket here.
        "--advertise-client-urls=http://localhost:2379",
        "--initial-advertise-peer-urls=http://localhost:2380",
        "--initial-cluster=dev=http://localhost:2380",
        "--log-level=warn",
    ]


def apiserver_command(
    program: Path,
    layout: Layout,
    port: int,
    *,
    with_controllers: bool,
    audit_log: Path | None,
    extra: Sequence[str],
) -> list[str]:
    """The API server with RBAC on, reachable from this machine only. `extra` comes last and so wins."""
    command = [
        str(program),
        f"--etcd-servers=unix://{layout.etcd_socket}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={layout.certificate('kube-apiserver')}",
        f"--tls-private-key-file={layout.key('kube-apiserver')}",
        f"--client-ca-file={layout.authority}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={layout.service_account_key}",
        f"--service-account-signing-key-file={layout.service_account_key}",
        f"--service-cluster-ip-range={_SERVICE_RANGE}",
        # A loopback address is no valid endpoint, and no pod is there to use it.
        "--endpoint-reconciler-type=none",
    ]
    if not with_controllers:
        # Nobody makes the service accounts that this plugin asks for.
        command.append("--disable-admission-plugins=ServiceAccount")
    if audit_log:
        command += [f"--audit-policy-file={layout.audit_policy}", f"--audit-log-path={audit_log}"]
    return [*command, *extra]


def controller_manager_command(program: Path, layout: Layout) -> list[str]:
    """All controllers, each under its own service account as in a real cluster, without a port."""
    return [
        str(program),
        f"--kubeconfig={layout.kubeconfig('kube-controller-manager')}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={layout.service_account_key}",
        f"--root-ca-file={layout.authority}",
        f"--cluster-signing-cert-file={layout.authority}",
        f"--cluster-signing-key-file={layout.authority_key}",
        "--leader-elect=false",
        "--secure-port=0",
        # One user on one machine: the limits that protect a shared server only make tests slow.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def scheduler_command(program: Path, layout: Layout) -> list[str]:
    """The scheduler, without a port."""
    return [
        str(program),
        f"--kubeconfig={layout.kubeconfig('kube-scheduler')}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def kwok_command(program: Path, layout: Layout, stages: Sequence[Path]) -> list[str]:
    """One kwok plays the kubelet of every node: nodes and their pods become Ready at once."""
    return [
        str(program),
        f"--kubeconfig={layout.kubeconfig('kwok')}",
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        "--server-address=",
        *(f"--config={stage}" for stage in stages),
    ]
