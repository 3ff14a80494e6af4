"""What clusters reported of their environments, kept in Git: ``refs/envctl/status/<env>``.

Each report is one commit on a chain, whose tree holds one file. The tip is the newest report; the
chain behind it shows how it came about. It stays short: a report that says nothing new within a
minute makes no commit, and a chain of `LONGEST` commits starts anew, from the last healthy report
of each of the last `KEPT` revisions, so that a rollback still knows which were good. What must be
kept for ever is the audit trail, and that is the deploy branch.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from envctl.delivery.observed import observed_text, parse_observed
from envctl.errors import ConflictError, InputError
from envctl.model.git import Commit, CommitDraft, RefUpdate, Signature
from envctl.model.observed import Health, Observed
from envctl.ports import Repository

FILE = "status.json"
LONGEST = 500
KEPT = 50
TRIES = 5
# Seconds. A report that only repeats the last one is not worth a commit before.
_REPEATED = 60
# Seconds. A report that is older by more was not overtaken: one of two clocks is wrong.
_OVERTAKEN = 3600
_NAME, _EMAIL = "envctl agent", "envctl@localhost"


def status_ref(environment: str) -> str:
    """The full name of the ref that an environment is reported in."""
    return f"refs/envctl/status/{environment}"


def read_observed(repository: Repository, environment: str) -> Observed | None:
    """The newest report about an environment; None where there never was one in this repository.

    Raises InputError, which names the ref, where it cannot be read or is about another environment.
    """
    tip = repository.ref(status_ref(environment))
    return _read(repository, environment, tip) if tip else None


def observed_history(repository: Repository, environment: str) -> tuple[Observed, ...]:
    """The reports about an environment that are here, newest first, without those that cannot be read."""
    tip = repository.ref(status_ref(environment))
    found = (_readable(repository, environment, each.id) for each in _chain(repository, tip, LONGEST))
    return tuple(each for each in found if each)


def record_observed(repository: Repository, observed: Observed, *, longest: int = LONGEST) -> str:
    """Record a report; the id of the commit that now says it. The chain grows to `longest` commits.

    Safe beside other writers: the newest report stays. One that another overtook by less than
    an hour is dropped. A tip that cannot be read is replaced, like one that is no commit at all.
    Raises ConflictError when others keep winning.
    """
    parse_observed(observed_text(observed), "the report to be recorded", observed.environment)
    name = status_ref(observed.environment)
    for last in range(1, TRIES + 1):
        tip = repository.ref(name)
        known = _readable(repository, observed.environment, tip)
        if tip and known and _says_it(known, observed):
            return tip
        commit = _write(repository, observed, _parent(repository, observed.environment, tip, longest))
        try:
            repository.move_ref(RefUpdate(name, tip, commit), f"envctl: report {observed.environment}")
        except ConflictError:
            if last == TRIES:
                raise
            continue
        return commit
    raise AssertionError("the last try returned or raised")


def _read(repository: Repository, environment: str, tip: str) -> Observed:
    place = f"{status_ref(environment)} ({tip[:12]})"
    try:
        data = repository.tree(tip).read(FILE)
    except InputError as error:
        raise InputError(
            f"the status cannot be read: {error.summary}",
            place=place,
            hint=f"each of its commits holds one file, {FILE}; the next report puts it right",
        ) from error
    return parse_observed(data, place, environment)


def _readable(repository: Repository, environment: str, tip: str | None) -> Observed | None:
    try:
        return _read(repository, environment, tip) if tip else None
    except InputError:
        return None


def _says_it(known: Observed, observed: Observed) -> bool:
    """Whether the tip says what a report says, or something newer."""
    newer_by = known.reported - observed.reported
    if replace(known, reported=observed.reported) == observed and -_REPEATED < newer_by <= _OVERTAKEN:
        return True
    return 0 < newer_by <= _OVERTAKEN


def _chain(repository: Repository, tip: str | None, most: int) -> Iterator[Commit]:
    """The newest commits of a chain, at most so many, as far as they are here."""
    try:
        yield from islice(repository.history(tip), most) if tip else ()
    except InputError:  # the rest is not here, or the tip is no commit
        return


def _parent(repository: Repository, environment: str, tip: str | None, longest: int) -> str | None:
    """What the next report stands on: the tip, or the end of a chain that starts anew."""
    length = sum(1 for _ in _chain(repository, tip, longest))
    if length < longest:
        return tip if length else None
    parent = None
    for each in reversed(_worth_keeping(repository, environment, tip, longest)):
        parent = _write(repository, each, parent)
    return parent


def _worth_keeping(
    repository: Repository, environment: str, tip: str | None, longest: int
) -> tuple[Observed, ...]:
    """The last healthy report of each of the last revisions, newest first; less than half of a chain."""
    found: dict[str, Observed] = {}
    for commit in _chain(repository, tip, longest):
        report = _readable(repository, environment, commit.id)
        if report and report.health is Health.HEALTHY:
            found.setdefault(report.revision, report)
    return tuple(found.values())[: min(KEPT, longest // 2)]


def _write(repository: Repository, observed: Observed, parent: str | None) -> str:
    by = Signature(_NAME, _EMAIL, observed.reported, 0)
    return repository.write_commit(
        CommitDraft(
            tree=repository.write_tree({FILE: observed_text(observed)}),
            parents=(parent,) if parent else (),
            author=by,
            committer=by,
            message=f"{observed.environment}: {observed.health} at {observed.revision[:12]}\n",
        )
    )
