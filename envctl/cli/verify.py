"""``envctl verify``: whether deploy branches are what their sources render to."""

from collections.abc import Iterator, Sequence

import click

from envctl import wiring
from envctl.cli.differences import colorless
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import counted, emit, error_data, error_lines, short, styled_change, telling
from envctl.delivery.expected import instant
from envctl.errors import EXIT_CLEAN, EXIT_DIFFERENT, EXIT_FAILED, EnvctlError
from envctl.model.values import JsonObject
from envctl.workflows.audit.verify import Verification
from envctl.workflows.audit.verifying import BranchVerification, VerifyOptions
from envctl.workflows.audit.verifying import verify as run

_TOLD = 20


@click.command()
@click.argument("environments", nargs=-1, metavar="[ENV]...", shell_complete=environment_names)
@click.option("--rev", metavar="REV", help="This deploy commit, or the range FROM..TO, instead of the tip.")
@click.option("--all", "whole", is_flag=True, help="Each commit of the branch, from the tip to the root.")
@common
def verify(session: Session, environments: tuple[str, ...], rev: str | None, whole: bool) -> int:  # noqa: FBT001
    """Render again and compare with the deploy branch.

    Each commit is written anew from its source, without any cache: files, trailers, sequence,
    author and dates, parents. Names every file that was edited by hand, and who made a commit that
    envctl did not. Without ENV, the tips of all published environments.

    A range FROM..TO holds the commits after FROM up to TO, by first parents. Exit code 16 where
    anything differs; 1 where nothing does, but something could not be checked.

    \b
    envctl verify prod
    envctl verify prod --rev deploy/prod~3
    envctl verify prod --rev v12..           all since v12, for CI
    envctl verify --all                      all environments, whole branches
    """
    repository = wiring.open_repository(session.directory)
    options = VerifyOptions(environments, rev or "", whole)
    many = whole or ".." in options.revision
    with (
        telling(session, "" if many else "rendering again …", in_pipes=many) as tell,
        wiring.evaluator(repository) as engine,
    ):
        found = run(
            repository,
            engine,
            options,
            lambda name, done, all_: tell(
                f"rendering {name} again: {done} of {counted(all_, 'commit')} done"
            ),
        )
    emit(session, _data(found), (line for each in found for line in _lines(each)))
    if any(each.differs for each in found):
        return EXIT_DIFFERENT
    return EXIT_CLEAN if all(each.clean for each in found) else EXIT_FAILED


def _data(found: Sequence[BranchVerification]) -> JsonObject:
    return {
        "clean": all(each.clean for each in found),
        "environments": [
            {
                "environment": each.environment,
                "clean": each.clean,
                "lastGood": each.good,
                "remedy": each.remedy,
                "error": error_data(each.error) if each.error else None,
                "commits": [_commit_data(one) for one in each.found],
            }
            for each in found
        ],
    }


def _commit_data(found: Verification) -> JsonObject:
    commit = found.commit
    return {
        "commit": commit.id,
        "sequence": found.sequence,
        "sourceCommit": found.source_commit,
        "author": str(commit.author),
        "authoredAt": instant(commit.author),
        "committer": str(commit.committer),
        "committedAt": instant(commit.committer),
        "subject": commit.subject,
        "clean": found.clean,
        "foreign": found.foreign,
        "differences": [{"path": each.path, "action": str(each.action)} for each in found.differences],
        "problems": list(found.problems),
        "unchecked": [error_data(each) for each in found.unchecked],
        "note": found.note,
    }


def _lines(branch: BranchVerification) -> Iterator[str]:
    name = f"deploy/{branch.environment}"
    if branch.error:
        yield f"{name}: cannot be checked"
        yield from _error_lines(branch.error)
        return
    wrong = [each for each in branch.found if not each.clean]
    for each in wrong[:_TOLD]:
        yield from _commit_lines(name, each)
    if len(wrong) > _TOLD:
        yield f"{name}: and {counted(len(wrong) - _TOLD, 'more commit')} (all of them with -o json)"
    if len(branch.found) > 1 or not wrong:
        yield _summary(name, branch.found)
    if branch.differs and branch.good:
        yield f"{name}: the last good commit is {short(branch.good)}"
    if branch.remedy:
        yield click.style("hint: ", fg="cyan") + branch.remedy


def _summary(name: str, found: Sequence[Verification]) -> str:
    if len(found) == 1:
        source = short(found[0].source_commit)
        return f"{name} ({short(found[0].commit.id)}): exactly what source {source} renders to"
    clean = sum(each.clean for each in found)
    span = f"{short(found[-1].commit.id)} to {short(found[0].commit.id)}"
    if clean == len(found):
        return f"{name}: {clean} commits ({span}), each exactly what its source renders to"
    differ = sum(each.differs for each in found)
    unknown = len(found) - clean - differ
    told = [f"{clean} good", f"{differ} not" if differ else "", f"{unknown} unchecked" if unknown else ""]
    return f"{name}: {len(found)} commits ({span}): {', '.join(each for each in told if each)}"


def _commit_lines(name: str, found: Verification) -> Iterator[str]:
    place = f"{name} ({short(found.commit.id)})"
    yield f"{place}: {_headline(found)}"
    if found.foreign:
        commit = found.commit
        yield f"  by {colorless(str(commit.author))}, {instant(commit.author)}: {colorless(commit.subject)}"
        if (commit.committer.name, commit.committer.email) != (commit.author.name, commit.author.email):
            yield f"  committed by {colorless(str(commit.committer))}, {instant(commit.committer)}"
    for change in found.differences:
        yield f"  {styled_change(str(change.action), colorless(change.path))}"
    for problem in found.problems:
        yield f"  {colorless(problem)}"
    if found.note and found.differences:
        yield click.style(f"  {colorless(found.note)}", dim=True)
    for error in found.unchecked:
        yield from _error_lines(error)


def _headline(found: Verification) -> str:
    source = f"source {short(found.source_commit)}" if found.source_commit else "any source"
    if found.foreign:
        return f"no deploy commit of {found.environment}: {colorless(found.foreign)}"
    if found.differences:
        return f"not what {source} renders to"
    if found.problems:
        return f"not as envctl writes it for {source}"
    return "cannot be checked"


def _error_lines(error: EnvctlError) -> Iterator[str]:
    for line in error_lines(error):
        yield f"  {line}"
