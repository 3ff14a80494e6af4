"""A component's share of a deploy tree, small enough to remember: ids and sizes, no texts.

Parts of one environment join to its deploy tree without any of them being built again. Whether
they may be joined is decided here too, on the safe side: what these checks do not clear is for
`build`, which sees all objects at once and can say what is wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from envctl.manifests.extract import find
from envctl.manifests.gitids import blob_id, tree_id
from envctl.manifests.kinds import Scopes, is_built_in, scopes_of
from envctl.manifests.paths import COMPONENTS_FILE, component_folder, folded
from envctl.model.annotations import wave_of
from envctl.model.objects import RenderedObject
from envctl.model.settings import SizeLimits
from envctl.model.values import JsonValue

Kind = tuple[str, str]
"""API group and kind."""


@dataclass(frozen=True, slots=True)
class Part:
    """One built component. `tails` are its paths without its folder, `blobs` and `sizes` theirs, in order.

    `asked` holds each kind that only a CRD could tell the scope of, and what the environment's
    CRDs said when this was built. `tree` is "" where there are no objects. `waves` are those that its
    objects stand in.
    """

    component: str
    namespace: str
    tails: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    tree: str = ""
    asked: Mapping[Kind, bool | None] = field(default_factory=dict)
    waves: tuple[int, ...] = ()

    def fits(self, namespace: str, scopes: Scopes) -> bool:
        """Whether the same value would be built to the same part in this environment."""
        return self.namespace == namespace and all(
            scopes.custom.get(kind) is said for kind, said in self.asked.items()
        )


def part_of(component: str, namespace: str, objects: Sequence[RenderedObject], scopes: Scopes) -> Part:
    """The part that a component's objects make."""
    start = len(component_folder(component)) + 1
    files = {each.path[start:]: blob_id(each.text) for each in objects}
    kinds = {(each.id.group, each.id.kind) for each in objects}
    return Part(
        component=component,
        namespace=namespace,
        tails=tuple(files),
        blobs=tuple(files.values()),
        sizes=tuple(len(each.text) for each in objects),
        tree=tree_id(files) if files else "",
        asked={kind: scopes.custom.get(kind) for kind in sorted(kinds) if not is_built_in(*kind)},
        waves=tuple(sorted({wave_of(each.value) for each in objects})),
    )


def definitions(value: JsonValue) -> Mapping[Kind, bool]:
    """The scopes that the CRDs in a component's value define."""
    return scopes_of(each.value for each in find(value)[0]).custom


def joined_scopes(each: Iterable[Mapping[Kind, bool]]) -> Scopes:
    """The scopes of an environment, from its components' definitions in their order."""
    custom: dict[Kind, bool] = {}
    for definition in each:
        custom |= definition
    return Scopes(custom)


def may_join(parts: Sequence[Part], limits: SizeLimits) -> bool:
    """Whether these parts are one deploy tree without any doubt: no object twice, nothing over a limit."""
    folders = {folded(component_folder(part.component)) for part in parts}
    # A path without its folder says exactly which object it is.
    tails = [tail for part in parts for tail in part.tails]
    sizes = [size for part in parts for size in part.sizes]
    return (
        len(folders) == len(parts)
        and len(set(tails)) == len(tails) <= limits.objects
        and sum(sizes) <= limits.commit_bytes
        and max(sizes, default=0) <= limits.object_bytes
    )


def joined_tree(parts: Iterable[Part], components_file: bytes) -> str:
    """The id of the deploy tree."""
    folders = {component_folder(part.component): part.tree for part in parts if part.tree}
    return tree_id({COMPONENTS_FILE: blob_id(components_file)}, folders)
