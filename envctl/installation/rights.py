"""What an agent must be allowed: exactly the kinds and namespaces that its deploy branch holds.

No rule has a wildcard, and none the verbs ``escalate``, ``bind`` or ``impersonate``. Kubernetes lets nobody
hand out rights that they do not have (https://kubernetes.io/docs/reference/access-authn-authz/rbac/,
"privilege escalation prevention"), so an agent that applies Roles holds what these Roles grant, no more.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject

RBAC = "rbac.authorization.k8s.io"
VERBS = ("create", "delete", "get", "list", "patch", "watch")
_FORBIDDEN_VERBS = {"escalate", "bind", "impersonate"}
# KEP-5284 has more verbs of this kind: impersonate:user-info, impersonate-on:user-info:get.
_IMPERSONATION = re.compile(r"impersonate[:-]")
# What Kubernetes takes for the name of a resource or namespace, and of a group. A path of the branch can say
# anything: "*" would be every group, and "pods/exec" a resource that no object is of.
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_DOMAIN = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_SIBILANT = re.compile(r"(s|x|ch|sh)$")
# The kinds whose plural is their own name.
_UNCHANGED = {"endpoints"}


@dataclass(frozen=True, order=True, slots=True)
class Rule:
    """Verbs on resources of one API group (empty for the core group); `names` restrict it to some."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()

    def json(self) -> JsonObject:
        """The rule as RBAC has it."""
        rule: dict[str, Any] = {"apiGroups": [self.group], "resources": [*self.resources]}
        return rule | ({"resourceNames": [*self.names]} if self.names else {}) | {"verbs": [*self.verbs]}


@dataclass(frozen=True, slots=True)
class Withheld:
    """Something on the branch that the agent gets no right for: the object, why, and what to do."""

    object: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Rights:
    """The rules of each namespace, those for the whole cluster under "", and what none was written for."""

    rules: Mapping[str, tuple[Rule, ...]]
    withheld: tuple[Withheld, ...] = ()


def plural_of(kind: str) -> str:
    """The resource name of a kind, by the rule that all kinds of Kubernetes keep.

    As ``meta.UnsafeGuessKindToResource`` of apimachinery; definitions on the branch say it better.
    """
    name = kind.lower()
    if name in _UNCHANGED:
        return name
    if _SIBILANT.search(name):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def plurals_in(values: Iterable[JsonObject]) -> Mapping[tuple[str, str], str]:
    """The resource names that CustomResourceDefinitions among these objects define.

    One that the API server would refuse defines none: its group has a dot, and its name is both of these.
    """
    found: dict[tuple[str, str], str] = {}
    for value in values:
        if value.get("kind") == "CustomResourceDefinition":
            spec = _mapping(value.get("spec"))
            names = _mapping(spec.get("names"))
            group, plural = str(spec.get("group")), str(names.get("plural"))
            if "." in group and _LABEL.fullmatch(plural) and _name(value) == f"{plural}.{group}":
                found[group, str(names.get("kind"))] = plural
    return found


def rights_for(
    keys: Iterable[ObjectId], values: Sequence[JsonObject], plurals: Mapping[tuple[str, str], str]
) -> Rights:
    """The rights to keep these objects; `values` are the Roles and ClusterRoles among them.

    `plurals` are the resource names that are known; others are built by Kubernetes' own rule.
    """
    resources: dict[tuple[str, str], set[str]] = {}
    withheld: list[Withheld] = []
    for key in sorted(set(keys)):
        plural = plurals.get((key.group, key.kind)) or plural_of(key.kind)
        if _is_possible(key, plural):
            resources.setdefault((key.namespace, key.group), set()).add(plural)
        else:
            withheld.append(Withheld(str(key), "no cluster has such a group, kind or namespace", _NO_OBJECT))
    rules: dict[str, list[Rule]] = {}
    for (namespace, group), names in sorted(resources.items()):
        rules.setdefault(namespace, []).append(Rule(group, tuple(sorted(names)), VERBS))
    for value in values:
        granted, problem = _granted(value)
        withheld += [problem] if problem else []
        if not _namespace(value) or _LABEL.fullmatch(_namespace(value)):
            rules.setdefault(_namespace(value), []).extend(granted)
    return Rights({name: tuple(dict.fromkeys(each)) for name, each in sorted(rules.items())}, tuple(withheld))


def _is_possible(key: ObjectId, plural: str) -> bool:
    """Whether an object can be: anything else would make a rule of something that was never reviewed."""
    return (
        _LABEL.fullmatch(plural) is not None
        and (not key.group or _DOMAIN.fullmatch(key.group) is not None)
        and (not key.namespace or _LABEL.fullmatch(key.namespace) is not None)
    )


def unknown_roles(values: Iterable[JsonObject]) -> tuple[Withheld, ...]:
    """The bindings that hand out a role which is not on the branch, so that its rules are not known here."""
    known = {(value.get("kind"), _namespace(value), _name(value)) for value in values if "rules" in value}
    return tuple(_unknown(value) for value in values if _hands_out_unknown(value, known))


def _hands_out_unknown(value: JsonObject, known: set[Any]) -> bool:
    if "roleRef" not in value:
        return False
    role = _mapping(value.get("roleRef"))
    namespace = _namespace(value) if role.get("kind") == "Role" else ""
    return (role.get("kind"), namespace, role.get("name")) not in known


def _unknown(value: JsonObject) -> Withheld:
    role = _mapping(value.get("roleRef"))
    return Withheld(
        _told(value),
        f"it hands out the {role.get('kind')} {role.get('name')}, which is not on the branch",
        "bind that role to the agent too, or apply this object by hand",
    )


def _granted(value: JsonObject) -> tuple[list[Rule], Withheld | None]:
    """The rules of a Role as the agent must hold them, or why it does not get them."""
    rules = [each for each in _sequence(value.get("rules")) if isinstance(each, Mapping)]
    if "aggregationRule" in value:
        return [], Withheld(_told(value), "it collects the rules of other roles", _BY_HAND)
    words = {str(word) for rule in rules for part in _PARTS for word in _sequence(rule.get(part))}
    if any("*" in word for word in words):
        return [], Withheld(_told(value), "it grants with a wildcard (*)", _NAMED)
    verbs = {str(verb) for rule in rules for verb in _sequence(rule.get("verbs"))}
    if forbidden := {verb for verb in verbs if verb in _FORBIDDEN_VERBS or _IMPERSONATION.match(verb)}:
        listed = ", ".join(sorted(forbidden))
        return [], Withheld(_told(value), f"it grants {listed}, which an agent never has", _BY_HAND)
    if any(rule.get("nonResourceURLs") for rule in rules):
        return [], Withheld(_told(value), "it grants URLs that are no resources", _BY_HAND)
    return [each for rule in rules for each in _split(rule)], None


_NO_OBJECT = "somebody wrote to the branch by hand: envctl verify names the files; publish again"
_PARTS = ("apiGroups", "resources", "resourceNames", "verbs", "nonResourceURLs")
_BY_HAND = "apply it by hand, by somebody who has these rights, and keep it off the branch"
_NAMED = (
    "name the groups, resources and verbs that are needed, or apply it by hand and keep it off the branch"
)


def _split(rule: Mapping[str, Any]) -> Iterator[Rule]:
    resources = tuple(sorted(map(str, _sequence(rule.get("resources")))))
    verbs = tuple(sorted(map(str, _sequence(rule.get("verbs")))))
    names = tuple(sorted(map(str, _sequence(rule.get("resourceNames")))))
    for group in _sequence(rule.get("apiGroups")):
        yield Rule(str(group), resources, verbs, names)


def _told(value: JsonObject) -> str:
    namespace = _namespace(value)
    return f"{value.get('kind')} {namespace + '/' if namespace else ''}{_name(value)}"


def _namespace(value: JsonObject) -> str:
    return str(_mapping(value.get("metadata")).get("namespace") or "")


def _name(value: JsonObject) -> str:
    return str(_mapping(value.get("metadata")).get("name") or "")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []
