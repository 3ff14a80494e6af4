"""What an environment refuses, no component brings in: told at render, and nothing of it is published."""

import pytest

from tests.functional.conftest import SMALL, Workspace
from tests.functional.failing import fails

MAIN = "components/web/main.jsonnet"
DEV = "environments/dev/environment.yaml"
ROLE = "{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'all' }, rules: [] }"
ELSEWHERE = "{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'theirs', namespace: 'prod' } }"
HOW = "refer to a Secret that is in the cluster, or commit an ExternalSecret or a SealedSecret"
VALUES = "holds values that everybody reads who reads this repository"


def secret(rest: str) -> str:
    return f"{{ apiVersion: 'v1', kind: 'Secret', metadata: {{ name: 'token' }}, {rest} }}"


BYTES = secret("data: { key: 'Q0FOQVJZ' }")
LISTED = f"{{ apiVersion: 'v1', kind: 'List', items: [{BYTES}] }}"
REFUSED = [
    pytest.param(secret("stringData: { key: 'CANARY' }"), "secrets", f"Secret dev/token {VALUES}", HOW, id="Secret of texts"),
    pytest.param(BYTES, "secrets", f"Secret dev/token {VALUES}", HOW, id="Secret of bytes"),
    pytest.param(
        LISTED,
        "secrets",
        f"Secret dev/token {VALUES}",
        HOW,
        id="Secret in a list",
    ),
    pytest.param(
        ROLE,
        "clusterScoped",
        "ClusterRole.rbac.authorization.k8s.io all belongs to the whole cluster",
        "leave it to an environment that may bring such objects",
        id="object of the cluster",
    ),
    pytest.param(
        ELSEWHERE,
        "otherNamespaces",
        "ConfigMap prod/theirs is not in the namespace dev",
        "leave metadata.namespace out, or leave it to the environment of that namespace",
        id="object of another environment",
    ),
]  # fmt: skip
WELCOME = [
    pytest.param(secret("type: 'kubernetes.io/service-account-token'"), "secrets", id="Secret without values"),
    pytest.param(secret("data: {}, stringData: null"), "secrets", id="Secret of nothing"),
    pytest.param(
        "{ apiVersion: 'bitnami.com/v1alpha1', kind: 'SealedSecret', metadata: { name: 'x' }, spec: { encryptedData: { a: 'b' } } }",
        "secrets",
        id="SealedSecret",
    ),
    pytest.param(
        "{ apiVersion: 'example.com/v1', kind: 'Secret', metadata: { name: 'x' }, data: { a: 'b' } }",
        "secrets",
        id="somebody's own kind of Secret",
    ),
    pytest.param(ROLE, "otherNamespaces", id="object of the cluster"),
    pytest.param(ELSEWHERE, "clusterScoped", id="object of another namespace"),
    pytest.param("{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'dev' } }", "otherNamespaces", id="own namespace"),
]  # fmt: skip


def bring(small: Workspace, value: str, refuse: str) -> None:
    """A component with one more object, and an environment that refuses something."""
    small.edit(MAIN, "  settings:", f"  more: {value},\n  settings:")
    small.write(DEV, SMALL[DEV] + f"refuse: [{refuse}]\n")
    small.commit("Bring more")


@pytest.mark.parametrize(("value", "refuse", "reason", "hint"), REFUSED)
def test_a_refused_object_is_named_and_nothing_is_published(
    small: Workspace, value: str, refuse: str, reason: str, hint: str
) -> None:
    """Writer's fault row 28: another environment's namespace, the whole cluster, or a Secret's values.

    By component and place in it, without any value, for all renders alike; once it may come, it does.
    """
    bring(small, value, refuse)
    place = "web $.more.items[0]" if "'List'" in value else "web $.more"
    for arguments in (("render", "dev"), ("render", "dev", "--publish"), ("render", "dev")):
        outcome = fails(small, *arguments)
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err == (
            f"dev: failed\n  error: dev refuses 1 object (`refuse` of the environment)\n    {place}: {reason}\n"
            f"      {hint}\n"
        )
        assert "CANARY" not in outcome.err
        assert "Q0FOQVJZ" not in outcome.err
    small.write(DEV, SMALL[DEV])
    small.commit("Refuse nothing")
    assert small.json("render", "dev", "--publish")["environments"][0]["state"] == "published"


@pytest.mark.parametrize(("value", "refuse"), WELCOME)
def test_what_only_looks_refused_is_welcome(small: Workspace, value: str, refuse: str) -> None:
    """Each word refuses one thing."""
    bring(small, value, refuse)
    assert small.json("render", "dev")["environments"][0]["objects"] == 2


def test_a_promotion_brings_nothing_that_its_target_refuses(small: Workspace) -> None:
    """Writer's fault row 28: what dev may have, prod may not; the refusal of a parent counts for its children."""
    small.write("environments/base/environment.yaml", "abstract: true\nrefuse: [secrets, clusterScoped]\n")
    small.edit("environments/prod/environment.yaml", "namespace: prod\n", "namespace: prod\nextends: base\n")
    bring(small, f"[{BYTES}, {ROLE}]", "otherNamespaces")
    small.ok("render", "dev", "--publish")
    outcome = fails(small, "promote", "dev", "prod")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "error: prod would not render with these pins; nothing was promoted\n"
        "  web $.more[1]: ClusterRole.rbac.authorization.k8s.io all belongs to the whole cluster\n"
        "    leave it to an environment that may bring such objects\n"
        f"  web $.more[0]: Secret prod/token {VALUES}\n"
        f"    {HOW}\n"
    )


def test_a_misspelt_refusal_is_told(small: Workspace) -> None:
    """A word that refuses nothing would be believed."""
    small.write(DEV, SMALL[DEV] + "refuse: [secret]\n")
    outcome = fails(small, "render", "dev")
    assert (outcome.code, outcome.out) == (1, "")
    assert "refuse[0]" in outcome.err
    assert "secrets" in outcome.err
