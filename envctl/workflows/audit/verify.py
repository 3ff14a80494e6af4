"""Verify one deploy commit: write it anew from its source and its parent, and compare (design §4).

Nothing that the commit says of itself is believed: its tree is rendered again, and its trailers,
author and dates are those that publishing this source onto this parent would write.
"""

import re
from dataclasses import dataclass, replace

from envctl.delivery.deploy import DeployRecord, deploy_branch, deploy_draft, handed_on, is_event
from envctl.delivery.expected import draft_problems
from envctl.delivery.trailers import Trailer
from envctl.errors import InputError, UsageError
from envctl.manifests.paths import COMPONENTS_FILE, component_of
from envctl.model.git import Commit, TreeChange
from envctl.ports import Evaluator, RenderCache, Repository
from envctl.workflows.publishing.publish import renderer_of, source_of, sources_since
from envctl.workflows.rendering.compared import DeployTree, changes_from
from envctl.workflows.rendering.render import render
from envctl.workflows.rendering.rendered import Rendered, require_rendered
from envctl.workflows.sources.source import Source
from envctl.workflows.sources.tips import Tip, as_tip

_FULL = re.compile(r"[0-9a-f]{40}")
# Which versions rendered cannot be proven; but nothing else may be said there.
_RENDERER = re.compile(r"envctl [0-9][\w.+-]*, [a-z]+ [0-9][\w.+-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verification:
    """The result for one commit of a deploy branch.

    - `differences` run from what should be to what is; for a foreign commit, from the commit before
      it to what was made of it.
    - `problems`: what else is wrong, each a sentence.
    - `unchecked`: what could not be checked, because something is not here or does not render.
    - `source_commit` is "" where the commit names none by its whole id.
    - `foreign`: why it is no deploy commit of the environment at all, "" where it is one.
    - `note`: what may explain differences, "" where nothing does.
    """

    environment: str
    commit: Commit
    sequence: int = 0
    source_commit: str = ""
    differences: tuple[TreeChange, ...] = ()
    problems: tuple[str, ...] = ()
    unchecked: tuple[InputError, ...] = ()
    foreign: str = ""
    note: str = ""

    @property
    def clean(self) -> bool:
        """Whether everything was checked and is as it should be."""
        return not self.differs and not self.unchecked

    @property
    def differs(self) -> bool:
        """Whether something is other than it should be."""
        return bool(self.differences or self.problems or self.foreign)


def verify_tip(
    repository: Repository, evaluator: Evaluator, tip: Tip, cache: RenderCache | None = None
) -> Verification:
    """Verify a deploy commit that is read already.

    Without a cache it proves; with one, it believes what the cache knows and evaluates the rest.
    Raises InputError where nothing wrong was found and something could not be checked.
    """
    found = Prover(repository, evaluator, cache).prove(tip)
    if found.unchecked and not found.differs:
        raise found.unchecked[0]
    return found


class Prover:
    """Verifies commits. Within its life, equal sources are rendered once; with a memory, equal components."""

    def __init__(
        self, repository: Repository, evaluator: Evaluator, cache: RenderCache | None = None
    ) -> None:
        self._repository = repository
        self._evaluator = evaluator
        self._cache = cache
        self._trees: dict[tuple[str, str], str] = {}

    def prove(self, tip: Tip) -> Verification:
        """Verify one deploy commit. What could not be checked is told in the result."""
        record = tip.record
        found = Verification(record.environment, tip.commit, record.sequence, record.source_commit)
        if not _FULL.fullmatch(record.source_commit):
            said = record.source_commit or "empty"
            reason = f"Envctl-Source-Commit is {said}, which is no commit id"
            return replace(found, source_commit="", problems=(reason,))
        try:
            source = source_of(self._repository, tip)
        except InputError as error:
            return replace(found, unchecked=(error,))
        commit = self._repository.commit(record.source_commit)
        problems, unchecked = _Story(self._repository, tip, commit).told()
        found = replace(found, problems=problems, unchecked=unchecked)
        try:
            return self._compared(found, tip, source, commit.tree)
        except InputError as error:
            return replace(found, unchecked=(error, *found.unchecked))
        except UsageError as error:  # its source does not have the environment
            return replace(found, problems=(error.summary, *found.problems))

    def _compared(self, found: Verification, tip: Tip, source: Source, tree: str) -> Verification:
        """With what its tree holds. Raises InputError where the source does not render."""
        key = (found.environment, tree)
        if self._trees.get(key) == tip.commit.tree:
            return found
        rendered = self._rendered(found.environment, source)
        self._trees[key] = rendered.tree
        if rendered.tree == tip.commit.tree:
            return found
        differences, problems = _differences(self._repository, rendered, tip)
        note = _renderer_note(tip.record, renderer_of(self._evaluator))
        return replace(found, differences=differences, problems=(*problems, *found.problems), note=note)

    def _rendered(self, environment: str, source: Source) -> Rendered:
        rendered = render(self._repository, self._evaluator, source, (environment,), self._cache)[0]
        require_rendered(rendered, f"the source of {deploy_branch(environment)} does not render any more")
        return rendered


def _differences(
    repository: Repository, rendered: Rendered, tip: Tip
) -> tuple[tuple[TreeChange, ...], tuple[str, ...]]:
    """The files that differ; where no content does, or nothing can be read, in words what does."""
    try:
        repository.changes(None, tip.commit.tree)
    except InputError as error:
        _require_dishonest(error)
        return (), (error.summary, *(f"{each.place}: {each.reason}" for each in error.problems))
    found = changes_from(DeployTree(repository, tip.commit.id), rendered)
    if found:
        return tuple(TreeChange(each.path, each.new, each.old) for each in found), ()
    return (), (_odd(DeployTree(repository, tip.commit.id), rendered),)


def _require_dishonest(error: InputError) -> None:
    """Raise an error that is not about entries which Git does not allow: then something is not here."""
    if not error.problems:
        raise error


def _odd(deployed: DeployTree, rendered: Rendered) -> str:
    """Same files and another tree: modes and empty folders are no contents, and are edits all the same."""
    right = {part.component: part.tree for part in rendered.parts}
    names = (name for name in deployed.names if name != COMPONENTS_FILE.partition("/")[0])
    odd = [name for name in names if deployed.folder(name) != right.get(component_of(f"{name}/"))]
    where = f" in {', '.join(odd)}" if odd else ""
    return f"a file's mode or kind was changed, or an empty folder added{where}"


def _renderer_note(record: DeployRecord, here: str) -> str:
    if record.renderer == here:
        return ""
    return f"it was rendered by {record.renderer or 'nobody knows what'}, and now by {here}"


@dataclass(frozen=True, slots=True)
class _Story:
    """What a deploy commit says of itself, against its parent and its source."""

    repository: Repository
    tip: Tip
    source: Commit

    def told(self) -> tuple[tuple[str, ...], tuple[InputError, ...]]:
        """What is wrong, and what could not be checked."""
        parents = self.tip.commit.parents
        merge = ("it is a merge; deploy branches are linear",) if parents[1:] else ()
        try:
            parent = self.repository.commit(parents[0]) if parents else None
        except InputError:
            return (*merge, *self._drafted(self.tip.record)), (self._absent(parents[0]),)
        before = as_tip(parent, self.tip.record.environment) if parent else None
        if isinstance(before, str):
            return (*merge, self._foreign_parent(parents[0]), *self._drafted(self.tip.record)), ()
        try:
            return (*merge, *self._after(before)), ()
        except InputError as error:
            # Trailers that depend on what is not here are taken as they are, all others are checked.
            sequence = before.record.sequence + 1 if before else 1
            return (*merge, *self._drafted(replace(self.tip.record, sequence=sequence))), (error,)

    def _absent(self, parent: str) -> InputError:
        return InputError(
            f"the commit before it, {parent[:12]}, is not in this repository",
            place=self._place,
            hint="fetch more of the branch (git fetch --deepen=N, or --unshallow), "
            f"or verify only what follows: --rev {self.tip.commit.id[:12]}..",
        )

    @property
    def _place(self) -> str:
        return f"{deploy_branch(self.tip.record.environment)} ({self.tip.commit.id[:12]})"

    def _foreign_parent(self, parent: str) -> str:
        pairs = (parent, self.source.id), (self.source.id, parent)
        try:
            inside = any(self.repository.is_ancestor(*pair) for pair in pairs)
        except InputError:
            inside = False
        where = ": it lies in the source history" if inside else ""
        return f"the commit before it, {parent[:12]}, is no deploy commit of the environment{where}"

    def _after(self, before: Tip | None) -> tuple[str, ...]:
        """What is wrong where it follows this deploy commit, or none. InputError in too shallow a clone."""
        environment, commit = self.tip.record.environment, self.tip.commit
        commits = sources_since(self.repository, environment, before, self.source)
        record = replace(
            self.tip.record,
            sequence=before.record.sequence + 1 if before else 1,
            components=self._components(before),
            handed_on=handed_on(environment, commits),
        )
        self._require_known(before, record.handed_on)
        problems = self._drafted(record)
        if before is None:
            return problems
        older = before.record.source_commit
        if older != self.source.id and not commits:
            reason = (
                f"its source {self.source.id[:12]} is older than {older[:12]}, that of the commit before it"
            )
            return (*problems, reason)
        if before.commit.tree == commit.tree and not is_event(environment, commits):
            return (*problems, "it changes nothing: envctl makes no such commit")
        return problems

    def _components(self, before: Tip | None) -> tuple[str, ...]:
        tree = self.tip.commit.tree
        try:
            changes = self.repository.changes(before.commit.tree if before else None, tree)
        except InputError as error:
            _require_dishonest(error)
            return self.tip.record.components  # the tree is told of where it is compared
        names = {component_of(change.path) for change in changes}
        return tuple(sorted(name for name in names if name))

    def _require_known(self, before: Tip | None, expected: tuple[Trailer, ...]) -> None:
        """Where the source before is gone, nobody can tell what was handed on when it was still there."""
        if before is None or self.tip.record.handed_on == expected:
            return
        try:
            self.repository.commit(before.record.source_commit)
        except InputError as error:
            raise InputError(
                f"the source commit before it, {before.record.source_commit[:12]}, is not in this repository",
                place=self._place,
                hint="what its source handed on cannot be told without it; fetch it",
            ) from error

    def _drafted(self, record: DeployRecord) -> tuple[str, ...]:
        """Where it is not the commit that this record makes."""
        commit = self.tip.commit
        draft = deploy_draft(record, commit.tree, commit.parents[0] if commit.parents else None, self.source)
        problems = draft_problems(commit, draft, self.source.id[:12])
        said = record.renderer
        if said and not _RENDERER.fullmatch(said):
            return (
                *problems,
                f"Envctl-Renderer is {said}, expected envctl and an engine with their versions",
            )
        return problems
