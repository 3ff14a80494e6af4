"""What a pod is promised: a token, a CA and two variables."""

from collections.abc import Callable
from pathlib import Path

import pytest

from envctl.errors import AccessError
from envctl.kube.incluster import inside_pod, pod_endpoint

ENVIRON = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


@pytest.fixture
def folder(tmp_path: Path, certificate: Callable[..., Path]) -> Path:
    """A service account's folder."""
    (tmp_path / "token").write_text("abc\n")
    (tmp_path / "ca.crt").write_bytes(certificate("ca").read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("10.0.0.1", "https://10.0.0.1:6443", id="IPv4"),
        pytest.param("fd00::1", "https://[fd00::1]:6443", id="IPv6"),
    ],
)
def test_a_pod_finds_its_cluster(folder: Path, host: str, url: str) -> None:
    """Address from the variables, trust from the CA file, identity from the token file."""
    endpoint = pod_endpoint(folder, ENVIRON | {"KUBERNETES_SERVICE_HOST": host})
    assert (endpoint.url, endpoint.headers()) == (url, (("Authorization", "Bearer abc"),))
    assert endpoint.tls is not None
    assert len(endpoint.tls.get_ca_certs()) == 1


def test_a_new_endpoint_reads_the_token_again(folder: Path) -> None:
    """What the transport does after a 401."""
    pod_endpoint(folder, ENVIRON)
    (folder / "token").write_text("new")
    assert pod_endpoint(folder, ENVIRON).headers() == (("Authorization", "Bearer new"),)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        pytest.param(
            "token", None, "cannot read this pod's service account: No such file or directory", id="no token"
        ),
        pytest.param(
            "token", b"\xff", "cannot read this pod's service account: it is no ASCII text", id="binary token"
        ),
        pytest.param("token", b" \n", "the token of this pod's service account is empty", id="empty token"),
        pytest.param(
            "ca.crt", None, "cannot read this pod's service account: No such file or directory", id="no CA"
        ),
        pytest.param(
            "ca.crt",
            b"none",
            "the CA bundle of this pod's service account is unusable: no start line: cadata does not contain a certificate",
            id="bad CA",
        ),
    ],
)
def test_a_broken_service_account_is_an_error(
    folder: Path, name: str, data: bytes | None, message: str
) -> None:
    """The file is named, its content never."""
    if data is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(data)
    with pytest.raises(AccessError) as caught:
        pod_endpoint(folder, ENVIRON)
    assert caught.value.summary == message
    assert caught.value.place == str(folder / name)


def test_a_pod_is_known_by_its_variables_and_token(folder: Path, tmp_path: Path) -> None:
    """Either alone is not enough."""
    assert inside_pod(folder, ENVIRON)
    assert not inside_pod(folder, {})
    assert not inside_pod(tmp_path / "elsewhere", ENVIRON)
