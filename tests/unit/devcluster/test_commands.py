"""The command lines of the programs."""

from pathlib import Path

from envctl.devcluster.commands import (
    Layout,
    apiserver_command,
    controller_manager_command,
    etcd_command,
    kwok_command,
    scheduler_command,
)

LAYOUT = Layout(Path("/d"))


def apiserver(
    *, with_controllers: bool = True, audit_log: Path | None = None, extra: tuple[str, ...] = ()
) -> list[str]:
    return apiserver_command(
        Path("/bin/kube-apiserver"),
        LAYOUT,
        6443,
        with_controllers=with_controllers,
        audit_log=audit_log,
        extra=extra,
    )


def test_the_api_server_asks_everybody_for_a_certificate_and_for_rights() -> None:
    """RBAC on, this machine only, every key in the data folder."""
    assert apiserver() == [
        "/bin/kube-apiserver",
        "--etcd-servers=unix:///d/etcd.sock",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--secure-port=6443",
        "--tls-cert-file=/d/kube-apiserver.crt",
        "--tls-private-key-file=/d/kube-apiserver.key",
        "--client-ca-file=/d/ca.crt",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=/d/service-account.key",
        "--service-account-signing-key-file=/d/service-account.key",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",
    ]


def test_each_option_adds_its_arguments_and_the_users_own_come_last() -> None:
    """The last of two equal flags wins."""
    found = apiserver(with_controllers=False, audit_log=Path("/l/audit.log"), extra=("--secure-port=1",))
    assert found[len(apiserver()) :] == [
        "--disable-admission-plugins=ServiceAccount",
        "--audit-policy-file=/d/audit-policy.yaml",
        "--audit-log-path=/l/audit.log",
        "--secure-port=1",
    ]


def test_etcd_listens_in_the_private_folder_only() -> None:
    """No port, so no other user of the machine can read the data."""
    listening = [each for each in etcd_command(Path("etcd"), LAYOUT) if each.startswith("--listen")]
    assert listening == [
        "--listen-client-urls=unix:///d/etcd.sock",
        "--listen-peer-urls=unix:///d/etcd-peer.sock",
    ]


def test_the_others_open_no_port() -> None:
    """Several clusters side by side never meet."""
    stages = [Path("/s/pod-ready.yaml"), Path("/s/pod-delete.yaml")]
    assert "--secure-port=0" in controller_manager_command(Path("kcm"), LAYOUT)
    assert "--secure-port=0" in scheduler_command(Path("scheduler"), LAYOUT)
    assert kwok_command(Path("kwok"), LAYOUT, stages)[-3:] == [
        "--server-address=",
        "--config=/s/pod-ready.yaml",
        "--config=/s/pod-delete.yaml",
    ]
