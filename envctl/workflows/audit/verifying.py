"""The verb behind ``envctl verify``: the tips of deploy branches, one commit, a range, or a whole branch.

A branch is walked by first parents. What lies on it and is no deploy commit is told with what it
changed, and with the last good commit below it: one that was verified, not one that only looks good.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice

from envctl.errors import EnvctlError, InputError, RefusedError, UsageError
from envctl.model.git import Commit
from envctl.ports import Evaluator, Repository
from envctl.workflows.audit.verify import Prover, Verification
from envctl.workflows.publishing.publish import published_tip
from envctl.workflows.rendering.apart import RunMemory
from envctl.workflows.sources.project import choose_environments, load_project, load_settings
from envctl.workflows.sources.source import branch_tips, require_commit
from envctl.workflows.sources.tips import (
    SEARCHED,
    Foreign,
    Tip,
    as_tip,
    branches_of,
    foreign_reason,
    remedy,
    tip_state,
)

Tell = Callable[[str, int, int], None]
"""Told before each commit: environment, how many are done, how many there are."""

_RANGE = "write FROM..TO: the commits after FROM, which is the older one, up to TO"
_HISTORY = (
    "the tip is good, so nothing has to be put right; the log of your Git host tells who pushed the others"
)
_TRIED = 20
"""How many commits below bad ones are verified to name the last good one."""


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What to verify: the tips of the environments (none named: all that are published), or more.

    `revision` is one commit or a range ``FROM..TO``, of one environment; `whole` means each
    commit from the tip down to the root.
    """

    environments: tuple[str, ...] = ()
    revision: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class BranchVerification:
    """The result for one environment, newest commit first.

    `good` is the newest commit that is verified and as it should be, "" where none was found;
    `remedy` what to do about a tip that is not, "" where nothing is to be done. `error` says why
    nothing could be verified at all.
    """

    environment: str
    found: tuple[Verification, ...] = ()
    good: str = ""
    remedy: str = ""
    error: EnvctlError | None = None

    @property
    def differs(self) -> bool:
        """Whether any commit is not what it should be."""
        return any(each.differs for each in self.found)

    @property
    def clean(self) -> bool:
        """Whether each commit was checked and is as it should be."""
        return self.error is None and all(each.clean for each in self.found)


def verify(
    repository: Repository, evaluator: Evaluator, options: VerifyOptions, tell: Tell | None = None
) -> tuple[BranchVerification, ...]:
    """Verify deploy branches, each rendered anew: no render cache is asked.

    Raises UsageError for unknown environments and ranges that are none, RefusedError where nothing
    is published. What cannot be checked is part of the result; but where one single commit was to be
    verified, and nothing else is wrong with it, that is raised as InputError.
    """
    if options.revision and options.whole:
        raise UsageError("--rev and --all exclude each other")
    names = _names(repository, options)
    if options.revision and len(names) != 1:
        raise UsageError(
            "--rev names commits of one environment", hint="name it: envctl verify ENV --rev REV"
        )
    many = options.whole or options.revision or len(names) > 1
    prover = Prover(repository, evaluator, RunMemory() if many else None)
    run = _Run(repository, prover, _Reviewed(repository), tell or (lambda *_: None), set())
    if len(names) == 1:
        found = run.branch(names[0], options)
        _raise_unchecked(found)
        return (found,)
    return tuple(run.attempt(name, options) for name in names)


def _names(repository: Repository, options: VerifyOptions) -> tuple[str, ...]:
    if options.environments:
        names = tuple(dict.fromkeys(options.environments))
        for name in names:
            if not branches_of(repository, name):
                published_tip(repository, name)  # raises: unknown, or not published
        return names
    project = load_project(repository.tree(require_commit(repository)))
    names = tuple(name for name in project.environments if branches_of(repository, name))
    if not names:
        named = ", ".join(choose_environments(project, ()))
        raise RefusedError(
            f"no environment is published: there is no deploy branch of {named}",
            hint="publish first: envctl render --publish",
        )
    return names


def _raise_unchecked(found: BranchVerification) -> None:
    if len(found.found) == 1 and not found.differs and found.found[0].unchecked:
        raise found.found[0].unchecked[0]


class _Reviewed:
    """Tells sources that are not on the source branch of envctl.yaml; all are, where it names none."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        head = repository.head()[1]
        self._seen: set[str] = set()
        self._branch = load_settings(repository.tree(head)).source_branch if head else None

    def told(self, found: Verification) -> Verification:
        """With what there is to say of its source; publishing refuses those that nobody reviewed."""
        source = found.source_commit
        if not self._branch or not source or found.unchecked or self._is_on_line(source):
            return found
        if not self._tips:
            reason = f"the source branch {self._branch} is not in this repository"
            error = InputError(reason, hint="fetch it, so that sources can be looked up on it")
            return replace(found, unchecked=(error,))
        try:
            if any(self._repository.is_ancestor(source, tip) for tip in self._tips):
                return found
        except InputError as error:
            return replace(found, unchecked=(error,))
        reason = f"its source {source[:12]} is not on the source branch {self._branch}"
        return replace(found, problems=(*found.problems, reason))

    @cached_property
    def _tips(self) -> tuple[str, ...]:
        return branch_tips(self._repository, self._branch) if self._branch else ()

    def _is_on_line(self, source: str) -> bool:
        """Whether it is in the first-parent history of the source branch, where nearly all sources are.

        That is walked once for all sources, and no further than they need.
        """
        while source not in self._seen:
            commit = next(self._rest, None)
            if commit is None:
                return False
            self._seen.add(commit.id)
        return True

    @cached_property
    def _rest(self) -> Iterator[Commit]:
        return chain.from_iterable(_history(self._repository, tip, "") for tip in self._tips)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run over branches. `grounded` are commits that are known to lie above a deploy commit."""

    repository: Repository
    prover: Prover
    reviewed: _Reviewed
    tell: Tell
    grounded: set[str]

    def attempt(self, environment: str, options: VerifyOptions) -> BranchVerification:
        """One of many branches: what is wrong with it must not hide the others."""
        try:
            return self.branch(environment, options)
        except (InputError, RefusedError) as error:
            return BranchVerification(environment, error=error)

    def branch(self, environment: str, options: VerifyOptions) -> BranchVerification:
        """One branch, as far as the options say."""
        state = tip_state(self.repository, environment)
        tip = state.commit if state else None
        commits = self._chosen(environment, tip, options)
        found: list[Verification] = []
        for each in commits:
            self.tell(environment, len(found), len(commits))
            found.append(self._verified(environment, each))
        good = next((each.commit.id for each in found if each.clean), "")
        if tip is None or commits[0].id != tip.id or found[0].clean:
            is_deployed = tip is not None and commits[0].id == tip.id and any(each.differs for each in found)
            return BranchVerification(environment, tuple(found), good, _HISTORY if is_deployed else "")
        good = good or self._good_below(environment, commits[-1]) or self._good_beside(state)
        return BranchVerification(environment, tuple(found), good, self._remedy(environment, found[0], good))

    def _chosen(self, environment: str, tip: Commit | None, options: VerifyOptions) -> Sequence[Commit]:
        """The commits to verify, newest first."""
        if options.revision and ".." not in options.revision:
            return (self.repository.commit(self.repository.resolve(options.revision)),)
        if tip is None:
            raise RefusedError(f"environment {environment} is not published")
        if options.revision:
            return self._range(environment, tip.id, options.revision)
        return _walked(self.repository, environment, tip.id, whole=options.whole)

    def _range(self, environment: str, tip: str, text: str) -> Sequence[Commit]:
        first, _, last = text.partition("..")
        if last.startswith("."):
            raise UsageError(f"'{text}' is no range", hint=_RANGE)
        stop = self.repository.resolve(first) if first else ""
        start = self.repository.resolve(last) if last else tip
        found = _walked(self.repository, environment, start, stop=stop, whole=True)
        if not found:
            raise UsageError(f"the range {text} holds no commit", hint=_RANGE)
        below = found[-1].parents[:1]
        if stop and below != (stop,):
            if below:
                self.repository.commit(below[0])  # raises where a shallow clone ends there
            raise UsageError(
                f"the first-parent history of the range {text} does not lead to {first}", hint=_RANGE
            )
        return found

    def _verified(self, environment: str, commit: Commit) -> Verification:
        tip = as_tip(commit, environment)
        if isinstance(tip, Tip):
            return self.reviewed.told(self.prover.prove(tip))
        return self._foreign(environment, commit)

    def _foreign(self, environment: str, commit: Commit) -> Verification:
        """A foreign commit with what it changed, where a deploy commit lies below it."""
        found = Verification(environment, commit, foreign=foreign_reason(commit))
        if commit.id not in self.grounded:
            walked = _walked(self.repository, environment, commit.id)
            if not isinstance(as_tip(walked[-1], environment), Tip):
                return found
            self.grounded.update(each.id for each in walked)
        try:
            before = self.repository.commit(commit.parents[0])
            changes = self.repository.changes(before.tree, commit.tree)
        except InputError as error:
            return Verification(environment, commit, foreign=found.foreign, problems=(error.summary,))
        return Verification(environment, commit, foreign=found.foreign, differences=changes)

    def _good_below(self, environment: str, commit: Commit) -> str:
        """The newest good commit below one, by verifying a few; "" where none is among them."""
        try:
            below = islice(self.repository.history(commit.id), 1, 1 + _TRIED)
            return next((each.id for each in below if self._verified(environment, each).clean), "")
        except InputError:  # a shallow clone ends here
            return ""

    def _good_beside(self, state: Tip | Foreign | None) -> str:
        """The tip of the other branch, local or remote-tracking, where that one is good."""
        if not isinstance(state, Foreign) or state.good is None:
            return ""
        commit = state.good.commit
        return commit.id if self._verified(state.environment, commit).clean else ""

    def _remedy(self, environment: str, tip: Verification, good: str) -> str:
        again = f"envctl render {environment} --publish"
        if not tip.differs:
            return ""
        if tip.differences and not tip.foreign:
            return f"to put it right, publish again: {again}"
        branches = branches_of(self.repository, environment).items()
        standing = [name for name, each in branches if each == tip.commit.id]
        back = remedy(environment, standing, tip.commit.id, good, self.repository.head()[0] or "")
        return back if tip.foreign else f"{back}; then publish again: {again}"


def _walked(
    repository: Repository, environment: str, start: str, *, stop: str = "", whole: bool = False
) -> Sequence[Commit]:
    """Commits of a branch, newest first: down to the first deploy commit, or all of the branch.

    A run of foreign commits at its lower end is no part of it: there the branch was put upon other
    history, which the deploy commit above tells. Where all are foreign, the newest one stands for them.
    """
    found: list[Commit] = []
    last = 0  # how many of them there are down to the lowest deploy commit
    reached = False
    for commit in _history(repository, start, stop):
        found.append(commit)
        if isinstance(as_tip(commit, environment), Tip):
            last = len(found)
            if not whole:
                break
        elif len(found) - last > SEARCHED:
            break
        reached = bool(stop) and commit.parents[:1] == (stop,)
    return found if reached else found[: max(last, 1)]


def _history(repository: Repository, start: str, stop: str) -> Iterator[Commit]:
    try:
        yield from repository.history(start, stop=frozenset({stop} if stop else ()))
    except InputError:  # a shallow clone ends here; the last commit that is here tells so
        return
