"""What a render gives: a deploy tree by its ids, and its texts for those who ask for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from envctl.errors import EnvctlError, InputError
from envctl.manifests.gitids import blob_id
from envctl.manifests.parts import Part, joined_tree
from envctl.manifests.paths import COMPONENTS_FILE, component_folder, component_of
from envctl.model.objects import RenderedObject
from envctl.workflows.sources.project import as_problems

Loader = Callable[[str], Sequence[RenderedObject]]
Closures = Callable[[str], Mapping[str, str]]


class Files(Mapping[str, bytes]):
    """The files of a deploy tree: path to bytes, made when asked for."""

    def __init__(self, contents: "Contents") -> None:
        self._contents = contents

    def __getitem__(self, path: str) -> bytes:
        if path == COMPONENTS_FILE:
            return self._contents.components_file
        return self._contents.text(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._contents.blobs)

    def __len__(self) -> int:
        return len(self._contents.blobs)


class Contents:
    """A deploy tree of parts. `load` makes the objects of one component when their texts are needed.

    `closure` tells what the evaluation of a component read: path to evidence.
    """

    def __init__(
        self, parts: Sequence[Part], components_file: bytes, load: Loader, closure: Closures
    ) -> None:
        self.parts = tuple(parts)
        self.components_file = components_file
        self.tree = joined_tree(parts, components_file)
        self._load = load
        self.closure = closure
        self._loaded: dict[str, Mapping[str, RenderedObject]] = {}

    @property
    def count(self) -> int:
        """The number of objects."""
        return sum(len(part.tails) for part in self.parts)

    @cached_property
    def blobs(self) -> Mapping[str, str]:
        """Each path of the deploy tree, and its blob id."""
        found = {COMPONENTS_FILE: blob_id(self.components_file)}
        for part in self.parts:
            found |= part_blobs(part)
        return found

    @cached_property
    def objects(self) -> tuple[RenderedObject, ...]:
        """All objects, sorted by path."""
        found = (each for part in self.parts for each in self._component(part.component).values())
        return tuple(sorted(found, key=lambda each: each.path))

    def text(self, path: str) -> bytes:
        """The text of one object. Raises KeyError for a path that is not in the tree."""
        return self.object(path).text

    def object(self, path: str) -> RenderedObject:
        """One object. Raises KeyError for a path that is not in the tree."""
        return self._component(component_of(path))[path]

    def _component(self, name: str) -> Mapping[str, RenderedObject]:
        if name not in self._loaded:
            self._loaded[name] = {each.path: each for each in self._load(name)}
        return self._loaded[name]


def part_blobs(part: Part) -> dict[str, str]:
    """Each path of a part, and its blob id."""
    folder = component_folder(part.component)
    return {f"{folder}/{tail}": blob for tail, blob in zip(part.tails, part.blobs, strict=True)}


@dataclass(frozen=True, slots=True)
class Restored:
    """A deploy tree that an environment had before, to be had again: nothing is evaluated.

    `renderer` is what rendered it then, as its deploy commit names it.
    """

    environment: str
    tree: str
    renderer: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """One environment, rendered. Where `errors` is not empty there are no objects, no files and no tree.

    `pins` maps components to pinned revisions; empty where the environment tracks the source branch.
    """

    environment: str
    namespace: str
    contents: Contents | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    components: tuple[str, ...] = ()
    errors: tuple[EnvctlError, ...] = ()

    @property
    def tree(self) -> str:
        """The id of the deploy tree, "" where there are errors."""
        return self.contents.tree if self.contents else ""

    @property
    def count(self) -> int:
        """The number of objects; known without making any."""
        return self.contents.count if self.contents else 0

    @property
    def parts(self) -> tuple[Part, ...]:
        """What each component adds to the deploy tree."""
        return self.contents.parts if self.contents else ()

    @property
    def objects(self) -> tuple[RenderedObject, ...]:
        """All objects, sorted by path."""
        return self.contents.objects if self.contents else ()

    def closure(self, component: str) -> Mapping[str, str]:
        """What the evaluation of a component read: each path and its evidence (see `Evaluation`)."""
        return self.contents.closure(component) if self.contents else {}

    @property
    def blobs(self) -> Mapping[str, str]:
        """Each path of the deploy tree, and its blob id."""
        return self.contents.blobs if self.contents else {}

    @property
    def files(self) -> Mapping[str, bytes]:
        """Each path of the deploy tree, and its bytes."""
        return Files(self.contents) if self.contents else {}


def require_rendered(rendered: Rendered, otherwise: str) -> None:
    """Raise InputError with everything that is wrong, under the heading `otherwise`."""
    if rendered.errors:
        problems = tuple(problem for error in rendered.errors for problem in as_problems(error))
        raise InputError(otherwise, problems=problems)
