"""From evaluated components to the objects of a deploy tree, with every problem found in one pass."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from envctl.errors import InputError, Problem
from envctl.manifests.extract import Found, find
from envctl.manifests.kinds import Scopes, scopes_of
from envctl.manifests.limits import over_limits
from envctl.manifests.normal import normalize
from envctl.manifests.paths import folded, object_path
from envctl.manifests.text import MAX_BYTES, to_yaml
from envctl.model.objects import ObjectId, RenderedObject
from envctl.model.settings import SizeLimits
from envctl.model.values import JsonValue


@dataclass(frozen=True, slots=True)
class ComponentValue:
    """A component's evaluated value. `namespace` is the default one, empty where there is none."""

    component: str
    value: JsonValue
    namespace: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A found object and whose it is."""

    component: str
    namespace: str
    found: Found

    @property
    def place(self) -> str:
        return f"{self.component} {self.found.origin}"


def build(
    components: Sequence[ComponentValue], limits: SizeLimits, scopes: Scopes | None = None
) -> tuple[RenderedObject, ...]:
    """The objects of one environment, sorted by path: a pure function of the components' values.

    `scopes` are those of the whole environment; by default, what these components' own CRDs say.

    Raises InputError with every problem of every component: what is no object, invalid and
    unwritable objects, two objects with one identity, two paths that differ by case or Unicode form
    only, and whatever is over a limit.
    """
    sources, problems = _find_all(components)
    scopes = scopes or scopes_of(source.found.value for source in sources)
    objects: list[RenderedObject] = []
    for source in sources:
        made = _object(source, scopes, limits)
        if isinstance(made, RenderedObject):
            objects.append(made)
        else:
            problems += made
    problems += [*_same_identities(objects), *_same_paths(objects), *_totals(objects, limits)]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InputError(f"{count} in the rendered objects", problems=tuple(problems))
    return tuple(sorted(objects, key=lambda each: each.path))


def _find_all(components: Iterable[ComponentValue]) -> tuple[list[_Source], list[Problem]]:
    sources: list[_Source] = []
    problems: list[Problem] = []
    for each in components:
        found, wrong = find(each.value)
        sources += (_Source(each.component, each.namespace, one) for one in found)
        problems += (Problem(f"{each.component} {one.place}", one.reason, one.hint) for one in wrong)
    return sources, problems


def _object(source: _Source, scopes: Scopes, limits: SizeLimits) -> RenderedObject | list[Problem]:
    value = source.found.value
    normal = normalize(value, scopes, source.namespace)
    if isinstance(normal, tuple):
        return [Problem(source.place, f"{value['kind']} {reason}", hint) for reason, hint in normal]
    try:
        text = to_yaml(normal.value)
    except InputError as error:
        return [
            Problem(source.place + each.place.removeprefix("$"), each.reason, each.hint)
            for each in error.problems
        ]
    limit = min(limits.object_bytes, MAX_BYTES)
    if len(text) > limit:
        reason = f"{normal.id} is {len(text):,} bytes long; the limit is {limit:,}"
        raising = "" if limit == MAX_BYTES else ", or raise limits.objectBytes in envctl.yaml"
        return [Problem(source.place, reason, f"split it{raising}")]
    if over := over_limits(normal.value, len(text), stored=limit):
        return [Problem(source.place, f"{normal.id} {reason}", "split it") for reason in over]
    path = object_path(source.component, normal.id)
    return RenderedObject(normal.id, source.component, source.found.origin, path, normal.value, text)


def _same_identities(objects: Iterable[RenderedObject]) -> Iterator[Problem]:
    first: dict[ObjectId, RenderedObject] = {}
    for each in objects:
        other = first.setdefault(each.id, each)
        if other is not each:
            yield Problem(_place(each), f"{each.id} is also at {_place(other)}", "keep it in one place")


def _same_paths(objects: Iterable[RenderedObject]) -> Iterator[Problem]:
    """Paths whose names a file system without case, or with one Unicode form only, takes for one."""
    first: dict[str, RenderedObject] = {}
    for each in objects:
        other = first.setdefault(folded(each.path), each)
        if other.path != each.path:
            how = "case" if other.path.lower() == each.path.lower() else "case or Unicode form"
            reason = f"{each.path} and {other.path} (from {_place(other)}) differ by {how} only"
            yield Problem(_place(each), reason, "rename one of the objects")


def _totals(objects: Sequence[RenderedObject], limits: SizeLimits) -> Iterator[Problem]:
    size = sum(len(each.text) for each in objects)
    if len(objects) > limits.objects:
        reason = f"there are {len(objects):,} objects; the limit is {limits.objects:,}"
        (component, most), *_ = Counter(each.component for each in objects).most_common(1)
        yield Problem("", reason, f"{most:,} are of {component}; raise limits.objects in envctl.yaml")
    if size > limits.commit_bytes:
        reason = f"all objects are {size:,} bytes long; the limit is {limits.commit_bytes:,}"
        largest = max(objects, key=lambda each: len(each.text))
        told = f"{largest.id} at {_place(largest)} is the largest, with {len(largest.text):,}"
        yield Problem("", reason, f"{told}; raise limits.commitBytes in envctl.yaml")


def _place(each: RenderedObject) -> str:
    return f"{each.component} {each.origin}"
