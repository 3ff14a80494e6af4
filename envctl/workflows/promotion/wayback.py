"""Which deploy commit a rollback goes back to: the one that was named, or the last good one."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from envctl.delivery.deploy import ROLLBACK_TO, deploy_record
from envctl.delivery.rollback import Candidate, last_good
from envctl.errors import EnvctlError, InputError, RefusedError, UsageError
from envctl.manifests.paths import component_folder
from envctl.model.git import Commit
from envctl.model.observed import Health
from envctl.ports import Repository
from envctl.workflows.audit.observed import observed_history
from envctl.workflows.rendering.compared import DeployTree
from envctl.workflows.sources.tips import Tip, read_tip


def find_target(repository: Repository, tip: Tip, to: str | None, components: tuple[str, ...]) -> Tip:
    """The deploy commit to restore. `to` is one (``ENV@REV`` or ``REV``), or a source revision.

    Of a source revision, the newest deploy commit that was made from it or before it. Without
    `to`, the last good one (see `last_good`); with components, one where these differ. Raises
    UsageError for what is no revision of this environment, RefusedError where there is no way back.
    """
    if to is not None:
        return _named(repository, tip, to)
    reports = observed_history(repository, tip.record.environment)
    good = {each.revision for each in reports if each.health is Health.HEALTHY} - {tip.commit.id}
    known = {each.revision for each in reports}
    # Nothing is known of what was published before the first report: better than nothing, worse than healthy.
    found = (good and last_good(_line(repository, tip, components, good, known), healthy=True)) or last_good(
        _line(repository, tip, components, good, known)
    )
    if found is None:
        name = tip.record.environment
        what = f"the same {', '.join(dict.fromkeys(components))}" if components else "the same files"
        raise RefusedError(
            f"there is nothing to go back to: every earlier deploy commit of {name} has {what}, "
            "was rolled back, or was reported and never Healthy",
            hint=f"name one: envctl history {name}, then envctl rollback {name} --to REV",
        )
    return read_tip(repository, tip.record.environment, found)


def _line(
    repository: Repository,
    tip: Tip,
    components: tuple[str, ...],
    healthy: AbstractSet[str],
    known: AbstractSet[str],
) -> Iterator[Candidate]:
    for commit in repository.history(tip.commit.id):
        record = deploy_record(commit.message)
        if record is None or record.environment != tip.record.environment:
            return
        back = dict(record.handed_on).get(ROLLBACK_TO, "").rpartition("@")[2]
        well = commit.id in healthy if commit.id in known else None
        yield Candidate(commit.id, _tree(repository, commit, components), back, well)


def _tree(repository: Repository, commit: Commit, components: tuple[str, ...]) -> str:
    """The tree that counts: all of it, or the folders of some components."""
    if not components:
        return commit.tree
    deployed = DeployTree(repository, commit.id)
    return " ".join(deployed.folder(component_folder(name)) for name in components)


def _named(repository: Repository, tip: Tip, to: str) -> Tip:
    name = tip.record.environment
    environment, at, revision = to.rpartition("@")
    hint = f"see its revisions: envctl history {name}"
    if at and (environment != name or not revision):
        raise UsageError(f"{to} is no revision of {name}", hint=hint)
    commit = repository.resolve(revision)
    try:
        found = read_tip(repository, name, commit)
    except RefusedError as error:
        if deploy_record(repository.commit(commit).message):
            raise UsageError(error.summary, hint=hint) from error
        return _made_from(repository, tip, commit)
    if not repository.is_ancestor(commit, tip.commit.id):
        raise UsageError(
            f"{commit[:12]} is not in the history of deploy/{name}",
            hint=hint,
        )
    return found


def _made_from(repository: Repository, tip: Tip, source: str) -> Tip:
    """The newest deploy commit of a source commit or of one before it."""
    name, newer = tip.record.environment, _sources_after(repository, source, tip)
    for commit in repository.history(tip.commit.id):
        try:
            found = read_tip(repository, name, commit.id)
            made_from = found.record.source_commit
            if made_from not in newer and repository.is_ancestor(made_from, source):
                return found
        except EnvctlError:  # its source is not here (a shallow clone), or others put the branch on it
            break
    raise UsageError(
        f"{name} had published nothing yet at {source[:12]}",
        hint=f"see its revisions: envctl history {name}",
    )


def _sources_after(repository: Repository, source: str, tip: Tip) -> AbstractSet[str]:
    """What a source commit lacks of the newest one, so that ancestry is not asked of each deploy commit."""
    try:
        return {commit.id for commit in repository.since(source, tip.record.source_commit)}
    except InputError:  # a shallow clone: each is asked for itself
        return frozenset()
