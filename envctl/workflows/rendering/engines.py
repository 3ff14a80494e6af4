"""Compare two jsonnet engines: the same source rendered with each, object by object."""

from collections.abc import Sequence
from dataclasses import dataclass

from envctl.errors import EnvctlError, InputError
from envctl.ports import Evaluator, Repository
from envctl.workflows.rendering.render import render_project
from envctl.workflows.rendering.rendered import Rendered, require_rendered
from envctl.workflows.rendering.sides import Comparison, compare_sides, rendered_side
from envctl.workflows.sources.project import choose_environments, is_unpromoted, load_project
from envctl.workflows.sources.source import Source


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What two engines made of a source: a comparison for each environment that both could render.

    `failures` are environments that one of them could not; an environment with nothing promoted
    yet is left out unless it was named.
    """

    comparisons: tuple[Comparison, ...]
    failures: tuple[EnvctlError, ...]

    @property
    def differs(self) -> bool:
        """Whether any object differs."""
        return any(each.changes for each in self.comparisons)


def compare_engines(
    repository: Repository,
    engines: tuple[Evaluator, Evaluator],
    source: Source,
    environments: Sequence[str],
) -> EngineRun:
    """Render environments (none named: all) with both engines, and compare what comes out."""
    project = load_project(source.tree)
    chosen = choose_environments(project, environments)
    names = [name for name in chosen if environments or not is_unpromoted(project, name)]
    first, second = (render_project(repository, each, source, project, names) for each in engines)
    comparisons: list[Comparison] = []
    failures: list[EnvctlError] = []
    for pair in zip(first, second, strict=True):
        try:
            comparisons.append(_compare(pair, (engines[0].version, engines[1].version)))
        except InputError as error:
            failures.append(error)
    return EngineRun(tuple(comparisons), tuple(failures))


def _compare(pair: tuple[Rendered, Rendered], versions: tuple[str, str]) -> Comparison:
    """The comparison of one environment. Raises InputError where an engine could not render it."""
    for rendered, version in zip(pair, versions, strict=True):
        require_rendered(rendered, f"{rendered.environment} does not render with {version}")
    old, new = (
        rendered_side(rendered, f"{rendered.environment} with {version}")
        for rendered, version in zip(pair, versions, strict=True)
    )
    return compare_sides(old, new)
