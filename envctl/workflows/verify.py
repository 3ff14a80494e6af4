"""Verify: render the named source again and compare tree ids; name what was edited by hand (design §4)."""

from dataclasses import dataclass

from envctl.delivery.deploy import deploy_branch, deploy_draft
from envctl.model.git import TreeChange
from envctl.ports import Evaluator, Repository
from envctl.workflows.compared import DeployTree, changes_from
from envctl.workflows.publish import published_tip, source_of
from envctl.workflows.render import render
from envctl.workflows.rendered import Rendered, require_rendered
from envctl.workflows.tips import Tip, read_tip


@dataclass(frozen=True, slots=True)
class Verification:
    """The result for one deploy commit. `differences` run from what should be to what is."""

    environment: str
    commit: str
    source_commit: str
    differences: tuple[TreeChange, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not self.differences and not self.problems


def verify(
    repository: Repository, evaluator: Evaluator, environment: str, revision: str | None = None
) -> Verification:
    """Verify one deploy commit, the tip by default.

    Raises UsageError for an unknown environment, RefusedError where nothing is published,
    InputError where its source does not render any more.
    """
    if revision is not None:
        return verify_tip(
            repository, evaluator, read_tip(repository, environment, repository.resolve(revision))
        )
    return verify_tip(repository, evaluator, published_tip(repository, environment))


def verify_tip(repository: Repository, evaluator: Evaluator, tip: Tip) -> Verification:
    """Verify a deploy commit that is read already."""
    source = source_of(repository, tip)
    rendered = render(repository, evaluator, source, (tip.record.environment,))[0]
    require_rendered(
        rendered, f"the source of {deploy_branch(tip.record.environment)} does not render any more"
    )
    differences = _differences(repository, rendered, tip)
    # Same files and another tree: modes, links and empty folders are no contents, and are edits all the same.
    other = rendered.tree != tip.commit.tree and not differences
    problems = ("a file's mode or kind was changed, or an empty folder added",) if other else ()
    return Verification(
        environment=tip.record.environment,
        commit=tip.commit.id,
        source_commit=tip.record.source_commit,
        differences=differences,
        problems=(*problems, *_problems(repository, tip)),
    )


def _differences(repository: Repository, rendered: Rendered, tip: Tip) -> tuple[TreeChange, ...]:
    found = changes_from(DeployTree(repository, tip.commit.id), rendered)
    return tuple(TreeChange(each.path, each.new, each.old) for each in found)


def _problems(repository: Repository, tip: Tip) -> tuple[str, ...]:
    """What the commit says of itself and should not: its sequence, its author, its dates."""
    parents = tip.commit.parents
    expected = 1
    if parents:
        expected = read_tip(repository, tip.record.environment, parents[0]).record.sequence + 1
    problems = []
    if len(parents) > 1:
        problems.append("it is a merge; deploy branches are linear")
    if tip.record.sequence != expected:
        problems.append(f"Envctl-Sequence is {tip.record.sequence}, expected {expected}")
    source = repository.commit(tip.record.source_commit)
    draft = deploy_draft(tip.record, tip.commit.tree, parents[0] if parents else None, source)
    if (draft.author, draft.committer) != (tip.commit.author, tip.commit.committer):
        problems.append(f"author or dates are not those of the source commit {source.id[:12]}")
    elif not parents[1:] and draft.message != tip.commit.message:
        problems.append("its message is not the one that envctl writes for this source")
    return tuple(problems)
