"""What each commit of a deploy branch says of itself, for the audit trail; read from trailers alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from envctl.delivery.deploy import (
    ALLOW_PRUNE,
    APPROVED_BY,
    COMPONENTS,
    ENVIRONMENT,
    FORCED,
    PROMOTED_FROM,
    REASON,
    RENDERER,
    ROLLBACK_TO,
    SEQUENCE,
    SOURCE_COMMIT,
    deploy_record,
)
from envctl.delivery.trailers import parse_trailers
from envctl.model.git import Commit, Signature


class DeployKind(StrEnum):
    """What brought a deploy commit about. FOREIGN: envctl did not write it for this environment."""

    PUBLISHED = "published"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One commit of a deploy branch. Author and committer are those of the source commit.

    `problem` says why a foreign commit is one; such a commit has no sequence (0) and no source commit ("").
    `promoted_from` and `rollback_to` are ``<environment>@<deploy commit>``, "" where neither happened.
    """

    commit: str
    author: Signature
    committer: Signature
    subject: str
    sequence: int = 0
    source_commit: str = ""
    components: tuple[str, ...] = ()
    promoted_from: str = ""
    rollback_to: str = ""
    forced: tuple[str, ...] = ()
    allow_prune: tuple[str, ...] = ()
    reason: str = ""
    approvals: tuple[str, ...] = ()
    renderer: str = ""
    problem: str = ""

    @property
    def kind(self) -> DeployKind:
        """What brought it about; of a rollback and a promotion in one, the rollback."""
        if self.problem:
            return DeployKind.FOREIGN
        if self.rollback_to:
            return DeployKind.ROLLED_BACK
        return DeployKind.PROMOTED if self.promoted_from else DeployKind.PUBLISHED

    @property
    def moves_pins(self) -> bool:
        """Whether pins may have moved although no file of a component changed."""
        return bool(self.promoted_from or self.rollback_to)


@dataclass(frozen=True, slots=True)
class ComponentMove:
    """What one deploy commit did to a component.

    `old` and `new` are source revisions, "" before the first one, None where the source commit that
    would tell is not here. `changed`: its files in the deploy tree differ.
    """

    component: str
    old: str | None
    new: str | None
    changed: bool


def deployment_of(commit: Commit, environment: str) -> Deployment:
    """What a commit on the deploy branch of an environment says; never raises."""
    problem = _problem(commit, environment)
    if problem:
        return Deployment(commit.id, commit.author, commit.committer, commit.subject, problem=problem)
    trailers = parse_trailers(commit.message)
    fields = dict(trailers)
    return Deployment(
        commit=commit.id,
        author=commit.author,
        committer=commit.committer,
        subject=commit.subject.removeprefix(f"{environment}: "),
        sequence=int(fields[SEQUENCE]),
        source_commit=fields[SOURCE_COMMIT],
        components=tuple(fields.get(COMPONENTS, "").split()),
        promoted_from=fields.get(PROMOTED_FROM, ""),
        rollback_to=fields.get(ROLLBACK_TO, ""),
        forced=_listed(fields.get(FORCED, "")),
        allow_prune=_listed(fields.get(ALLOW_PRUNE, "")),
        reason=fields.get(REASON, ""),
        approvals=tuple(dict.fromkeys(value for key, value in trailers if key == APPROVED_BY)),
        renderer=fields.get(RENDERER, ""),
    )


def _problem(commit: Commit, environment: str) -> str:
    """Why a commit is none that envctl wrote for this environment; "" where it is one."""
    if deploy_record(commit.message) is None:
        return "not written by envctl: it lacks the Envctl- trailers"
    fields = dict(parse_trailers(commit.message))
    if fields[ENVIRONMENT] != environment:
        return f"belongs to environment {fields[ENVIRONMENT]}"
    if len(commit.parents) > 1:
        return "a merge; deploy branches are linear"
    return ""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for each in text.split(",") if (part := each.strip()))


@dataclass(frozen=True, slots=True)
class Revisions:
    """Which source revision of each component a deploy commit carries.

    `source` is "" before the first deploy commit, None where its commit is not here; without `pins`
    the environment tracks the source branch, so all its components are at `source`.
    """

    source: str | None
    pins: Mapping[str, str] | None = None

    def of(self, component: str) -> str | None:
        """The revision of one component: "" where it has none, None where that is not known."""
        if self.source is None or self.pins is None:
            return self.source
        return self.pins.get(component, "")


def component_moves(deployment: Deployment, old: Revisions, new: Revisions) -> tuple[ComponentMove, ...]:
    """What a deploy commit changed, by component and sorted by name.

    Those whose files changed, and of promotions and rollbacks those whose pins moved.
    """
    names = set(deployment.components)
    if deployment.moves_pins and new.pins is not None and old.source is not None:
        before = old.pins or {}
        names |= {name for name, pin in new.pins.items() if before.get(name, "") != pin}
    return tuple(
        ComponentMove(name, old.of(name), new.of(name), name in deployment.components)
        for name in sorted(names)
    )
