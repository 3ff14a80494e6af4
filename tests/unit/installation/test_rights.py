"""The rights of an agent: exactly what its branch needs, and never more than anybody reviewed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.installation.manifests import Installation, manifests
from envctl.installation.rights import VERBS, Rights, Rule, Withheld, plurals_in, rights_for, unknown_roles
from envctl.model.objects import ObjectId

WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgetry.example.com"},
    "spec": {"group": "example.com", "names": {"kind": "Widget", "plural": "widgetry"}},
}
KEYS = [
    ObjectId("", "ConfigMap", "web", "a"),
    ObjectId("", "Service", "web", "a"),
    ObjectId("apps", "Deployment", "web", "a"),
    ObjectId("example.com", "Widget", "web", "w"),
    ObjectId("networking.k8s.io", "NetworkPolicy", "shop", "n"),
    ObjectId("", "Namespace", "", "web"),
]


def role(*rules: dict[str, Any], namespace: str = "web", **more: Any) -> dict[str, Any]:
    kind = "Role" if namespace else "ClusterRole"
    place = {"namespace": namespace} if namespace else {}
    return {"kind": kind, "metadata": {"name": "r", **place}, "rules": [*rules], **more}


def rule(groups: list[str], resources: list[str], verbs: list[str], **more: Any) -> dict[str, Any]:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs, **more}


def test_rights_are_the_kinds_in_the_namespaces_that_hold_them() -> None:
    """Nothing for a kind in a namespace where the branch has none of it."""
    assert rights_for(KEYS, [], plurals_in([WIDGETS])) == Rights(
        {
            "": (Rule("", ("namespaces",), VERBS),),
            "shop": (Rule("networking.k8s.io", ("networkpolicies",), VERBS),),
            "web": (
                Rule("", ("configmaps", "services"), VERBS),
                Rule("apps", ("deployments",), VERBS),
                Rule("example.com", ("widgetry",), VERBS),
            ),
        }
    )


def test_an_agent_holds_what_the_roles_of_its_branch_grant() -> None:
    """Kubernetes lets nobody hand out more than they have; a rule of two groups is one of each."""
    value = role(rule(["", "apps"], ["pods"], ["get"], resourceNames=["p"]))
    assert rights_for([], [value], {}) == Rights(
        {"web": (Rule("", ("pods",), ("get",), ("p",)), Rule("apps", ("pods",), ("get",), ("p",)))}
    )


BY_HAND = "apply it by hand, by somebody who has these rights, and keep it off the branch"
NAMED = "name the groups, resources and verbs that are needed, or apply it by hand and keep it off the branch"
WITHHELD = [
    pytest.param(role(rule([""], ["*"], ["get"])), "it grants with a wildcard (*)", NAMED, id="any resource"),
    pytest.param(
        role(rule(["*"], ["pods"], ["get"])), "it grants with a wildcard (*)", NAMED, id="any group"
    ),
    pytest.param(role(rule([""], ["pods"], ["*"])), "it grants with a wildcard (*)", NAMED, id="any verb"),
    pytest.param(
        role(rule([""], ["pods/*"], ["get"])), "it grants with a wildcard (*)", NAMED, id="any subresource"
    ),
    pytest.param(
        role(rule(["rbac.authorization.k8s.io"], ["roles"], ["escalate", "bind", "get"])),
        "it grants bind, escalate, which an agent never has",
        BY_HAND,
        id="escalate and bind",
    ),
    pytest.param(
        role(rule([""], ["users"], ["impersonate"])),
        "it grants impersonate, which an agent never has",
        BY_HAND,
        id="impersonate",
    ),
    pytest.param(
        role({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}),
        "it grants URLs that are no resources",
        BY_HAND,
        id="URLs",
    ),
    pytest.param(
        role(aggregationRule={}), "it collects the rules of other roles", BY_HAND, id="an aggregated role"
    ),
]


@pytest.mark.parametrize(("value", "reason", "hint"), WITHHELD)
def test_what_an_agent_must_not_have_is_withheld_and_told(value: Any, reason: str, hint: str) -> None:
    """By name, why, and what to do; the others get their rights."""
    assert rights_for([], [value], {}) == Rights({"web": ()}, (Withheld("Role web/r", reason, hint),))


@pytest.mark.parametrize("verb", ["impersonate:user-info", "impersonate-on:user-info:get"])
def test_every_way_to_be_somebody_else_is_withheld(verb: str) -> None:
    """KEP-5284: verbs that impersonate in part."""
    found = rights_for([], [role(rule([""], ["users"], [verb]))], {})
    reason = f"it grants {verb}, which an agent never has"
    assert found == Rights({"web": ()}, (Withheld("Role web/r", reason, BY_HAND),))


IMPOSSIBLE = [
    pytest.param(ObjectId("*", "ConfigMap", "web", "a"), id="every group"),
    pytest.param(ObjectId("", "ConfigMap", "*", "a"), id="every namespace"),
    pytest.param(ObjectId("", "*", "web", "a"), id="every kind"),
    pytest.param(ObjectId("", "Namespaces/Finalizer", "", "a"), id="a subresource"),
]


@pytest.mark.parametrize("key", IMPOSSIBLE)
def test_what_no_cluster_has_gets_no_right(key: ObjectId) -> None:
    """A path that somebody wrote by hand can say anything; it is told by name."""
    told = Withheld(
        str(key),
        "no cluster has such a group, kind or namespace",
        "somebody wrote to the branch by hand: envctl verify names the files; publish again",
    )
    assert rights_for([key], [], {}) == Rights({}, (told,))


def definition(group: str, kind: str, plural: str, name: str = "") -> dict[str, Any]:
    return {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name or f"{plural}.{group}"},
        "spec": {"group": group, "names": {"kind": kind, "plural": plural}},
    }


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(definition("rbac.authorization.k8s.io", "Role", "*"), id="every resource"),
        pytest.param(definition("", "ConfigMap", "secrets"), id="a resource of the core group"),
        pytest.param(definition("apps", "Deployment", "daemonsets"), id="a group without a dot"),
        pytest.param(definition("example.com", "Widget", "widgets/scale"), id="a subresource"),
        pytest.param(
            definition("example.com", "Widget", "gadgets", "widgets.example.com"), id="another name"
        ),
    ],
)
def test_a_definition_that_no_cluster_takes_names_no_resource(value: dict[str, Any]) -> None:
    """Else the agent would be given rights that nobody sees on the branch."""
    assert plurals_in([value]) == {}


BINDINGS = [
    pytest.param("Role", "r", "web", False, id="a role beside it"),
    pytest.param("Role", "r", "shop", True, id="a role of another namespace"),
    pytest.param("ClusterRole", "view", "web", True, id="a role that is not here"),
]


@pytest.mark.parametrize(("kind", "name", "namespace", "told"), BINDINGS)
def test_a_role_that_is_not_on_the_branch_is_told(
    kind: str, name: str, namespace: str, *, told: bool
) -> None:
    """Its rules are not known, so the agent is not given them."""
    binding = {
        "kind": "RoleBinding",
        "metadata": {"name": "b", "namespace": namespace},
        "roleRef": {"kind": kind, "name": name},
    }
    expected = Withheld(
        f"RoleBinding {namespace}/b",
        f"it hands out the {kind} {name}, which is not on the branch",
        "bind that role to the agent too, or apply this object by hand",
    )
    assert unknown_roles([role(), binding]) == ((expected,) if told else ())


words = st.sampled_from(
    ["*", "pods", "pods/*", "escalate", "bind", "impersonate", "get", "", "apps", 7, None]
)
rules = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(st.lists(words), words)
        for name in ("apiGroups", "resources", "verbs", "resourceNames", "nonResourceURLs")
    },
)
values = st.builds(
    lambda kind, namespace, found: {"kind": kind, "metadata": {"namespace": namespace}, "rules": found},
    st.sampled_from(["Role", "ClusterRole"]),
    st.sampled_from(["", "web"]),
    st.one_of(st.lists(rules), words),
)


@given(st.lists(values, max_size=4))
def test_whatever_is_on_the_branch_nothing_is_installed_with_a_wildcard(found: list[Any]) -> None:
    """Nor with escalate, bind or impersonate."""
    installation = Installation("prod", "https://git.example.com/x.git", "envctl:1", "envctl-system")
    objects = manifests(installation, rights_for(KEYS, found, {}))
    granted = [each for value in objects if "rules" in value for each in value["rules"]]  # type: ignore[union-attr]
    assert granted
    for each in granted:
        text = json.dumps(each)
        assert "*" not in text
        assert not {"escalate", "bind", "impersonate"} & set(each["verbs"])
