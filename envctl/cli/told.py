"""What several comparisons find, each difference once with the environments that it is in."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from envctl.cli.differences import colorless
from envctl.cli.printers import counted
from envctl.model.changes import ObjectAction
from envctl.model.objects import ObjectId
from envctl.workflows.rendering.sides import Comparison, ObjectChange

_ACTIONS = (ObjectAction.CREATED, ObjectAction.CHANGED, ObjectAction.DELETED)


@dataclass(frozen=True, slots=True)
class Told:
    """A difference. `name` is the object; without its namespace where that is another one in each."""

    name: str
    change: ObjectChange
    environments: tuple[str, ...]


def counts(comparison: Comparison) -> dict[str, int]:
    """How many objects were created, changed and deleted."""
    found = Counter(each.diff.action for each in comparison.changes)
    return {str(action): found[action] for action in _ACTIONS}


def summary(comparison: Comparison) -> str:
    """A comparison in one line."""
    if not comparison.changes:
        return f"no differences in {counted(comparison.unchanged, 'object')}"
    told = [f"{count} {action}" for action, count in counts(comparison).items() if count]
    return f"{', '.join(told)}, {comparison.unchanged} unchanged"


def told_once(found: tuple[Comparison, ...]) -> Iterator[Told]:
    """All differences by component; one that several environments share comes once, at its first place."""
    groups: dict[str, list[tuple[str, ObjectChange]]] = {}
    for comparison in found:
        for change in comparison.changes:
            members = groups.setdefault(_key(comparison, change), [])
            members.append((comparison.environments[1], change))
    for group in sorted(groups.values(), key=lambda group: group[0][1].component):
        change = group[0][1]
        same = len({each.id for _, each in group}) == 1
        name = colorless(str(change.id if same else _anywhere(change)))
        yield Told(name, change, tuple(environment for environment, _ in group))


def _anywhere(change: ObjectChange) -> ObjectId:
    return replace(change.id, namespace="")


def _key(comparison: Comparison, change: ObjectChange) -> str:
    """What makes two differences one for a reader: the same object, as far as its environment goes."""
    own = change.id.namespace in comparison.namespaces
    fields = [(each.path, each.action, each.old, each.new) for each in change.diff.fields]
    place = "" if own else change.id.namespace
    identity = (change.component, change.id.group, change.id.kind, own, place, change.id.name)
    return json.dumps([identity, change.diff.action, fields], sort_keys=True)
