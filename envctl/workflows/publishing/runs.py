"""What a run of ``envctl render`` is asked and what it says, as data."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envctl.errors import EnvctlError
from envctl.model.gates import Pause

if TYPE_CHECKING:
    from envctl.workflows.rendering.rendered import Rendered


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """What to render and what to do with it. No environments means all of them.

    With `texts`, the caller wants the rendered files themselves, not only what differs. `now` is the time by
    which a suspend lapses, in seconds since 1970.
    """

    environments: tuple[str, ...] = ()
    revision: str | None = None
    index: bool = False
    publish: bool = False
    push: bool = False
    texts: bool = False
    engine: str | None = None
    now: int = 0


@dataclass(frozen=True, slots=True)
class FileChange:
    """One object that changes on a deploy branch: created, changed or deleted."""

    action: str
    component: str
    object: str
    path: str


@dataclass(frozen=True, slots=True)
class EnvironmentOutcome:
    """One environment.

    `state`: failed, waiting, new, differs, unchanged, published, pushed, superseded or suspended.
    `waiting`: nothing was promoted to it yet, so there is nothing to render; no error unless named.
    `suspended`: it renders, and is not published because of `suspend`; `changes` are what waits.
    """

    environment: str
    state: str
    objects: int = 0
    tree: str = ""
    commit: str = ""
    changes: tuple[FileChange, ...] = ()
    errors: tuple[EnvctlError, ...] = ()
    suspend: Pause | None = None


@dataclass(frozen=True, slots=True)
class RenderRun:
    """The whole result, environments in the order asked for. `rendered` is empty where all was known.

    `not_pushed` tells how to push what was published only here, "" where nothing was or there is no remote.
    """

    source: str
    outcomes: tuple[EnvironmentOutcome, ...]
    rendered: "tuple[Rendered, ...]"
    not_pushed: str = ""

    @property
    def failed(self) -> bool:
        return any(each.state == "failed" for each in self.outcomes)

    @property
    def differs(self) -> bool:
        """Whether a deploy branch would change, or did. Not every change is one of an object."""
        return any(each.state in {"new", "differs", "published", "pushed"} for each in self.outcomes)
