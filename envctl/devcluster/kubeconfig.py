"""Kubeconfig files that carry everything in them, so one file is all that a client needs."""

import base64

from envctl.devcluster.certificates import KeyPair

_TEMPLATE = """\
apiVersion: v1
kind: Config
current-context: {context}
clusters:
- name: {context}
  cluster:
    server: {url}
    certificate-authority-data: {authority}
users:
- name: {context}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: {context}
  context:
    cluster: {context}
    user: {context}
"""


def kubeconfig_text(context: str, url: str, authority: bytes, client: KeyPair) -> str:
    """A kubeconfig with one context; `authority` is the certificate that signs the server's.

    `context` must be a plain name (letters, digits, ``-``), as the names of dev clusters are.
    """
    return _TEMPLATE.format(
        context=context,
        url=url,
        authority=base64.b64encode(authority).decode(),
        certificate=base64.b64encode(client.certificate).decode(),
        key=base64.b64encode(client.key).decode(),
    )
