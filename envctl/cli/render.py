"""``envctl render``: what would change on each deploy branch; with --publish, make it so."""

from collections.abc import Iterator
from pathlib import Path

import click

from envctl import wiring
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.pausing import pause_data, pause_line
from envctl.cli.printers import change_lines, counted, emit, error_data, error_lines, say, short, telling
from envctl.errors import EXIT_CLEAN, EXIT_DIFFERENT, EXIT_FAILED, UsageError
from envctl.model.values import JsonObject, JsonValue
from envctl.workflows.publishing.opening import open_source
from envctl.workflows.publishing.recall import recalled
from envctl.workflows.publishing.runs import EnvironmentOutcome, PublishOptions, RenderRun


@click.command()
@click.argument("environments", nargs=-1, metavar="[ENV]...", shell_complete=environment_names)
@click.option("--rev", metavar="REV", help="Render a commit instead of the work tree.")
@click.option("--index", is_flag=True, help="Render what would be committed now (for pre-commit).")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Also write the files to a folder."
)
@click.option("--check", is_flag=True, help="Exit 16 where a deploy branch would change.")
@click.option("--publish", is_flag=True, help="Commit what changed to the deploy branches.")
@click.option("--push", is_flag=True, help="With --publish: push the deploy branches too.")
@click.option("--engine", metavar="NAME", help="The jsonnet engine: gojsonnet, jsonnet or rjsonnet.")
@click.option("--compare-engine", metavar="NAME", help="Show where another engine's output differs.")
@click.option("--no-cache", is_flag=True, help="Evaluate everything again, and remember nothing.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="How many evaluations run at once.")
@common
def render(
    session: Session,
    environments: tuple[str, ...],
    rev: str | None,
    index: bool,  # noqa: FBT001
    out: Path | None,
    check: bool,  # noqa: FBT001
    publish: bool,  # noqa: FBT001
    push: bool,  # noqa: FBT001
    engine: str | None,
    compare_engine: str | None,
    no_cache: bool,  # noqa: FBT001
    jobs: int | None,
) -> int:
    """Render environments and say what would change.

    Renders all environments by default and compares each with its deploy branch. Reads the
    work tree, or a commit (--rev), or the index (--index). Writes nothing without --publish
    or --out.

    \b
    envctl render                          what would change, everywhere
    envctl render prod --out rendered/     prod's files, to look at
    envctl render --publish --push         in CI, after a merge
    envctl render --compare-engine NAME    may another jsonnet engine be used here?
    """
    _require_sense(rev, index=index, check=check, publish=publish, push=push)
    options = PublishOptions(
        environments,
        rev,
        index=index,
        publish=publish,
        push=push,
        texts=out is not None,
        engine=engine,
        now=wiring.now(),
    )
    if compare_engine:
        if publish or out or check:
            raise UsageError("--compare-engine only compares: it takes no --publish, --out or --check")
        from envctl.cli.engines import show_comparison

        return show_comparison(session, options, engine, compare_engine)
    result, written = _run(session, options, out, jobs, use_cache=not no_cache)
    for line in written:
        say(session, line)
    emit(session, _data(result), _lines(result))
    for line in _failures(result):
        say(session, line)
    if result.not_pushed:
        say(session, result.not_pushed)
    if result.failed:
        return EXIT_FAILED
    return EXIT_DIFFERENT if check and result.differs else EXIT_CLEAN


def _require_sense(rev: str | None, *, index: bool, check: bool, publish: bool, push: bool) -> None:
    """Refuse options that exclude each other."""
    if push and not publish:
        raise UsageError("--push needs --publish", hint="envctl render --publish --push")
    if rev == "":
        raise UsageError("--rev is empty", hint="name a commit, a branch or a tag: --rev HEAD")
    if rev and index:
        raise UsageError("--rev and --index exclude each other")
    if publish and check:
        raise UsageError(
            "--check writes nothing, and --publish does", hint="check first: envctl render --check"
        )
    if publish and index:
        raise UsageError("--publish needs a commit, and the index is none", hint="commit first")


def _run(
    session: Session, options: PublishOptions, out: Path | None, jobs: int | None, *, use_cache: bool
) -> tuple[RenderRun, list[str]]:
    """The run, from memory where nothing changed, and a line for each folder that was written."""
    repository = wiring.open_repository(session.directory)
    cache = wiring.render_cache(repository) if use_cache else None
    source = open_source(repository, options)
    if not options.publish and not options.texts:
        known = recalled(repository, source.tree, options, cache, wiring.engine_version)
        if known is not None:
            return RenderRun(source.label, known, ()), []
    with (
        telling(session, "rendering …"),
        wiring.evaluator(repository, options.engine, tree=source.tree, jobs=jobs) as evaluator,
    ):
        evaluator.prepare()  # its process starts while this one imports the rest
        from envctl.workflows.publishing.run import run_render

        result = run_render(repository, evaluator, source, options, cache, wiring.wait)
        # While the engine is there: what the cache has lost meanwhile is evaluated again.
        return result, [] if result.failed or out is None else list(_export(result, out))


def _export(result: RenderRun, out: Path) -> Iterator[str]:
    for each in result.rendered:
        wiring.export_tree(each.files, out / each.environment)
        yield f"wrote {counted(len(each.files), 'file')} to {out / each.environment}"


def _data(result: RenderRun) -> JsonObject:
    return {"source": result.source, "environments": [_outcome_data(each) for each in result.outcomes]}


def _outcome_data(outcome: EnvironmentOutcome) -> JsonObject:
    changes: list[JsonValue] = [
        {"action": change.action, "component": change.component, "object": change.object, "path": change.path}
        for change in outcome.changes
    ]
    return {
        "environment": outcome.environment,
        "objects": outcome.objects,
        "tree": outcome.tree,
        "state": outcome.state,
        "commit": outcome.commit,
        "changes": changes,
        "errors": [error_data(error) for error in outcome.errors],
        "suspended": pause_data(outcome.suspend) if outcome.suspend else None,
    }


def _lines(result: RenderRun) -> Iterator[str]:
    for outcome in result.outcomes:
        if outcome.state != "failed":
            yield _headline(outcome)
            yield from change_lines(outcome.changes)


def _failures(result: RenderRun) -> Iterator[str]:
    """What failed, for standard error: behind the report, where a reader's eye ends up.

    What several environments have in common, such as a broken schema, is told once for all of them.
    """
    where: dict[tuple[str, ...], list[str]] = {}
    for outcome in result.outcomes:
        for error in outcome.errors if outcome.state == "failed" else ():
            where.setdefault(tuple(error_lines(error)), []).append(outcome.environment)
    told = ""
    for lines, names in where.items():
        head = f"{click.style(', '.join(names), bold=True)}: {click.style('failed', fg='red')}"
        yield from [head] if head != told else []
        yield from (f"  {line}" for line in lines)
        told = head


def _headline(outcome: EnvironmentOutcome) -> str:
    name = click.style(outcome.environment, bold=True)
    if outcome.state == "waiting":
        return f"{name}: nothing promoted yet"
    if outcome.suspend:
        return f"{name}: {counted(outcome.objects, 'object')}, {pause_line(outcome.suspend)}"
    tail = {
        "unchanged": "nothing changed",
        "superseded": "deploy branch already carries a newer source",
        "published": f"published {short(outcome.commit)}",
        "pushed": f"published and pushed {short(outcome.commit)}",
        "differs": "would change",
        "new": "not published yet",
    }[outcome.state]
    return f"{name}: {counted(outcome.objects, 'object')}, {tail}"
