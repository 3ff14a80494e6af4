"""What ``envctl blame`` finds, as data."""

from dataclasses import dataclass
from enum import StrEnum

from envctl.delivery.history import Deployment
from envctl.manifests.leaves import Leaf
from envctl.model.git import Commit
from envctl.model.objects import ObjectId


class LayerKind(StrEnum):
    """The layers of a component in an environment, weakest first.

    COMPONENT: the component itself, where its code cannot be told from its default config.
    NAMESPACE: the environment's default namespace. NONE: no layer gives this value: it was edited by hand,
    or its source is not here or does not evaluate any more.
    """

    CODE = "component code"
    DEFAULT_CONFIG = "component default config"
    COMPONENT = "component"
    ENVIRONMENT_CONFIG = "environment config"
    COMPONENT_SETTINGS = "component settings"
    OVERLAY = "overlay"
    NAMESPACE = "environment namespace"
    NONE = "unknown"


@dataclass(frozen=True, slots=True)
class BlamedLayer:
    """A layer and the file or folder that it stands in, "" where there is none."""

    kind: LayerKind
    file: str = ""

    @property
    def is_component(self) -> bool:
        """Whether it is the component's own, which only a promotion brings to a locked environment."""
        return self.kind in {LayerKind.CODE, LayerKind.DEFAULT_CONFIG, LayerKind.COMPONENT}


@dataclass(frozen=True, slots=True)
class Origin:
    """The source commit that gave a value, None where there is none to name; `note` says why, or how sure.

    `bounded`: it is the oldest of the commits that were looked at; an older one may have given the value.
    """

    commit: Commit | None = None
    bounded: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class PinChange:
    """The source commit that brought a value: it pinned its revision, or restored its settings.

    `promoted_from` and `rollback_to` are ``<environment>@<deploy commit>``, as its trailers say.
    """

    commit: Commit
    promoted_from: str = ""
    rollback_to: str = ""


@dataclass(frozen=True, slots=True)
class FieldBlame:
    """One leaf field. `deployment` is None where the value is older than the history here."""

    leaf: Leaf
    layer: BlamedLayer
    deployment: Deployment | None
    origin: Origin
    pin: PinChange | None = None


@dataclass(frozen=True, slots=True)
class Blame:
    """The result for one object at the tip of a deploy branch, fields in the order of its text."""

    environment: str
    tip: str
    component: str
    object: ObjectId
    path: str
    fields: tuple[FieldBlame, ...]
    cut: str = ""
