"""The manifests that run an agent in a cluster, with exactly the rights that its branch needs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise

from envctl.errors import InputError, Problem
from envctl.installation.manifests import Installation, manifests
from envctl.installation.rights import (
    RBAC,
    Rights,
    plurals_in,
    rights_for,
    unknown_roles,
)
from envctl.manifests.kinds import is_built_in
from envctl.manifests.paths import parse_path
from envctl.manifests.text import from_yaml
from envctl.model.cluster import object_id
from envctl.model.git import EntryKind
from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject
from envctl.ports import Repository
from envctl.workflows.publishing.publish import published_tip

_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
_ROLES = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


@dataclass(frozen=True, slots=True)
class Installed:
    """The manifests, the deploy commit that they were made for, and what to know about them."""

    objects: tuple[JsonObject, ...]
    revision: str
    notes: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """The objects of a branch: those of the tip with their blobs, and the identities of all."""

    tip: Mapping[ObjectId, str]
    keys: frozenset[ObjectId]


def install(repository: Repository, installation: Installation, history: int) -> Installed:
    """The manifests for an agent of the published branch.

    Rights cover what the newest `history` deploy commits hold, so that what left the branch can still be
    pruned. Raises InputError where nothing is published, or an object of the branch cannot be read.
    """
    tip = published_tip(repository, installation.environment)
    found = _objects(repository, tip.commit.id, history)
    values = [*_values(repository, found.tip)]
    plurals = plurals_in(values)
    rights = rights_for(found.keys, [value for value in values if "rules" in value], plurals)
    notes = (*_withheld(rights, values), *_guessed(found.keys, plurals))
    return Installed(manifests(installation, rights), tip.commit.id, notes)


def _objects(repository: Repository, tip: str, history: int) -> _Found:
    commits = [*islice(repository.history(tip), max(history, 1))]
    now = {
        place[1]: change.new
        for change in repository.changes(None, commits[0].tree)
        if change.new and change.kind is EntryKind.FILE and (place := parse_path(change.path))
    }
    earlier = {
        place[1]
        for newer, older in pairwise(commits)
        for change in repository.changes(newer.tree, older.tree)
        if (place := parse_path(change.path))
    }
    return _Found(now, frozenset((*now, *earlier)))


def _values(repository: Repository, tip: Mapping[ObjectId, str]) -> Iterator[JsonObject]:
    """The objects whose contents say something about rights."""
    for key, blob in sorted(tip.items()):
        if (key.group, key.kind) == _DEFINITION or (key.group == RBAC and key.kind in _ROLES):
            value = from_yaml(repository.blob(blob), str(key))
            if object_id(value) != key:  # its rules would count elsewhere than the path says
                raise InputError(
                    f"the file holds {object_id(value)}",
                    place=str(key),
                    hint="somebody wrote to the branch by hand; render and publish it again",
                )
            yield value


def _withheld(rights: Rights, values: Iterable[JsonObject]) -> Iterator[Problem]:
    for each in (*rights.withheld, *unknown_roles(values)):
        yield Problem(each.object, f"no right was written for it: {each.reason}", each.hint)


def _guessed(keys: Iterable[ObjectId], plurals: Mapping[tuple[str, str], str]) -> Iterator[Problem]:
    kinds = {(key.group, key.kind) for key in keys}
    for group, kind in sorted(kinds):
        if not is_built_in(group, kind) and (group, kind) not in plurals:
            yield Problem(
                f"{kind}.{group}",
                "its definition is not on the branch, so its resource name is built by Kubernetes' rule",
                f"where that is wrong, correct it: kubectl api-resources --api-group={group}",
            )
