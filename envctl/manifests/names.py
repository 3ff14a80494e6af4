"""The grammar of names that the API server demands, in a form that never refuses what it takes.

Sources: Kubernetes' page "Object Names and IDs"; apimachinery's validation of DNS-1123 labels
and subdomains and of path segment names; the name rules of the kinds listed here.
"""

import re
from functools import lru_cache
from typing import Final

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_KIND = re.compile(r"[A-Za-z](?:[-A-Za-z0-9]*[A-Za-z0-9])?")
_WORD = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAX_LABEL: Final = 63
_MAX_NAME: Final = 253

_LABEL_NAMES: Final = {("", "Namespace"), ("", "Service")}
_SEGMENT_NAMES: Final = {
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("certificates.k8s.io", "ClusterTrustBundle"),
    ("networking.k8s.io", "IPAddress"),
}


def bad_api_version(text: str) -> str:
    """Why a text is no apiVersion (``v1``, ``apps/v1``); empty where it is one."""
    group, slash, version = text.rpartition("/")
    if (slash and not is_subdomain(group)) or not is_label(version):
        return f"apiVersion {text!r} is neither a version (v1) nor a group and a version (apps/v1)"
    return ""


def bad_kind(text: str) -> str:
    """Why a text is no kind; empty where it is one."""
    if len(text) > _MAX_LABEL or not _KIND.fullmatch(text):
        return f"kind {text[:_MAX_LABEL]!r} is not a word of ASCII letters and digits"
    return ""


def bad_name(group: str, kind: str, name: str, *, known: bool) -> str:
    """Why a text cannot name an object of a kind; empty where it can.

    Of kinds that are not `known` only what no API server takes is refused.
    """
    if (group, kind) in _LABEL_NAMES and not is_label(name):
        return _complaint(name, "at most 63 lower-case letters, digits and -, with no - at the ends")
    if not known or (group, kind) in _SEGMENT_NAMES:
        return (
            ""
            if _is_segment(name)
            else _complaint(
                name, "at most 253 characters, no / and no %, no control characters, and neither . nor .."
            )
        )
    return (
        ""
        if is_subdomain(name)
        else _complaint(name, "lower-case letters, digits, - and ., with letters or digits at the ends")
    )


@lru_cache(maxsize=8192)
def is_label_value(text: str) -> bool:
    """Whether a text can be the value of a label: empty, or a word of at most 63 characters."""
    return not text or (len(text) <= _MAX_LABEL and _WORD.fullmatch(text) is not None)


@lru_cache(maxsize=8192)
def is_label_key(text: str) -> bool:
    """Whether a text can be the key of a label: a word, or a subdomain, a slash and a word."""
    prefix, slash, word = text.rpartition("/")
    return (not slash or is_subdomain(prefix)) and bool(word) and is_label_value(word)


def is_label(text: str) -> bool:
    """Whether a text is a DNS-1123 label, as namespaces are."""
    return len(text) <= _MAX_LABEL and _LABEL.fullmatch(text) is not None


@lru_cache(maxsize=8192)
def is_subdomain(text: str) -> bool:
    """Whether a text is a DNS-1123 subdomain, as the names of most objects are."""
    return len(text) <= _MAX_NAME and _SUBDOMAIN.fullmatch(text) is not None


def _is_segment(text: str) -> bool:
    sized = 0 < len(text) <= _MAX_NAME
    return sized and text not in (".", "..") and not set(text) & set("/%") and not _CONTROL.search(text)


def _complaint(name: str, rule: str) -> str:
    return f"metadata.name {name[:_MAX_NAME]!r} is not allowed; the API server wants {rule}"
