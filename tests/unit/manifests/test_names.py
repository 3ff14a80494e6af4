"""The grammar of names."""

import pytest

from envctl.manifests.names import bad_api_version, bad_kind, bad_name, is_label, is_subdomain

RBAC = "rbac.authorization.k8s.io"
SUBDOMAIN = "lower-case letters, digits, - and ., with letters or digits at the ends"
LABEL = "at most 63 lower-case letters, digits and -, with no - at the ends"
SEGMENT = "at most 253 characters, no / and no %, no control characters, and neither . nor .."


@pytest.mark.parametrize("text", ["v1", "v1beta1", "apps/v1", "a.b-c.io/v1alpha2"])
def test_versions_with_and_without_group_are_taken(text: str) -> None:
    """As the API server does."""
    assert bad_api_version(text) == ""


@pytest.mark.parametrize(
    "text", ["", "/v1", "apps/", "Apps/v1", "a/b/v1", "v1 ", "apps/V1", "a_b/v1", "v1\n", "a..b/v1"]
)
def test_other_api_versions_are_refused(text: str) -> None:
    """With both forms that are right."""
    assert bad_api_version(text) == (
        f"apiVersion {text!r} is neither a version (v1) nor a group and a version (apps/v1)"
    )


KINDS = {"Pod": True, "X9": True, "a-b": True, "": False, "A.b": False, "A_b": False, "9x": False, "Ä": False}


@pytest.mark.parametrize(("kind", "good"), [*KINDS.items(), ("P" * 64, False), ("Pod\n", False)])
def test_kinds_are_words(kind: str, *, good: bool) -> None:
    """So that they can stand in front of a dot in a file name."""
    assert bad_kind(kind) == ("" if good else f"kind {kind[:63]!r} is not a word of ASCII letters and digits")


@pytest.mark.parametrize(
    ("group", "kind", "known", "name", "rule"),
    [
        pytest.param("apps", "Deployment", True, "web-1.a", "", id="subdomain"),
        pytest.param("apps", "Deployment", True, "a" * 253, "", id="as long as allowed"),
        pytest.param("apps", "Deployment", True, "a" * 254, SUBDOMAIN, id="too long"),
        pytest.param("apps", "Deployment", True, "Web", SUBDOMAIN, id="upper case"),
        pytest.param("apps", "Deployment", True, "a..b", SUBDOMAIN, id="two dots"),
        pytest.param("apps", "Deployment", True, "-a", SUBDOMAIN, id="dash first"),
        pytest.param("apps", "Deployment", True, "a\n", SUBDOMAIN, id="newline"),
        pytest.param("", "Namespace", True, "a.b", LABEL, id="a namespace has no dots"),
        pytest.param("", "Service", True, "a" * 64, LABEL, id="a service is a label"),
        pytest.param(RBAC, "ClusterRole", True, "system:Foo_x y", "", id="roles are free"),
        pytest.param(RBAC, "ClusterRole", True, "a/b", SEGMENT, id="but for slashes"),
        pytest.param(RBAC, "Role", True, "..", SEGMENT, id="and dots"),
        pytest.param(RBAC, "Role", True, "a\x00", SEGMENT, id="and control characters"),
        pytest.param(
            "user.example.com", "Group", False, "system:Admins", "", id="unknown kinds may be as free"
        ),
        pytest.param(
            "user.example.com", "Group", True, "system:Admins", SUBDOMAIN, id="a defined custom kind is not"
        ),
    ],
)
def test_names_follow_the_rule_of_their_kind(
    group: str, kind: str, name: str, rule: str, *, known: bool
) -> None:
    """What the API server would refuse is refused at render."""
    expected = f"metadata.name {name[:253]!r} is not allowed; the API server wants {rule}" if rule else ""
    assert bad_name(group, kind, name, known=known) == expected


def test_labels_and_subdomains_end_at_their_end() -> None:
    """A newline is no part of either."""
    assert (is_label("a-1"), is_label("a\n"), is_subdomain("a.b"), is_subdomain("a.b\n")) == (
        True,
        False,
        True,
        False,
    )
