"""Certificates and the kubeconfig files that carry them."""

import base64
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store

from envctl.devcluster.certificates import Authority, KeyPair, new_key
from envctl.devcluster.kubeconfig import kubeconfig_text


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def loaded(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def test_a_client_carries_its_user_and_groups(authority: Authority) -> None:
    """The API server reads the user from CN and the groups from O."""
    client = authority.client("jane", ["guests", "readers"])
    assert loaded(client).subject.rfc4514_string() == "CN=jane,O=readers,O=guests"
    loaded(client).verify_directly_issued_by(loaded(authority.pair))


def test_a_server_is_verified_by_its_names_and_addresses(authority: Authority) -> None:
    """Also by the rules of the web, which are stricter than those of Go."""
    server = authority.server("kube-apiserver", ["127.0.0.1", "::1", "localhost", "kubernetes.default.svc"])
    store = Store([loaded(authority.pair)])
    verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName("localhost"))
    assert len(verifier.verify(loaded(server), [])) == 2


def test_two_authorities_do_not_trust_each_other(authority: Authority) -> None:
    """A kubeconfig of one dev cluster opens no other one."""
    with pytest.raises(InvalidSignature):
        loaded(Authority().client("admin")).verify_directly_issued_by(loaded(authority.pair))


def test_keys_are_in_the_form_that_kubernetes_reads() -> None:
    """SEC 1, from which it takes the public key of service accounts too."""
    key = new_key()
    assert key.startswith(b"-----BEGIN EC PRIVATE KEY-----\n")
    assert load_pem_private_key(key, None)


def test_a_kubeconfig_carries_everything() -> None:
    """One file is all that a client needs."""
    text = kubeconfig_text("dev", "https://127.0.0.1:1", b"authority", KeyPair(b"certificate", b"key"))
    found: Any = yaml.safe_load(text)
    assert found == {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "dev",
        "clusters": [
            {
                "name": "dev",
                "cluster": {
                    "server": "https://127.0.0.1:1",
                    "certificate-authority-data": base64.b64encode(b"authority").decode(),
                },
            }
        ],
        "users": [
            {
                "name": "dev",
                "user": {
                    "client-certificate-data": base64.b64encode(b"certificate").decode(),
                    "client-key-data": base64.b64encode(b"key").decode(),
                },
            }
        ],
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev"}}],
    }
