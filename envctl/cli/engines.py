"""``envctl render --compare-engine``: where two jsonnet engines differ."""

from envctl import wiring
from envctl.cli.diff import comparison_data, comparison_lines
from envctl.cli.options import Session
from envctl.cli.printers import emit, error_data, error_lines, say, telling
from envctl.errors import EXIT_CLEAN, EXIT_DIFFERENT, EXIT_FAILED, UsageError
from envctl.workflows.publishing.opening import open_source
from envctl.workflows.publishing.runs import PublishOptions
from envctl.workflows.rendering.engines import compare_engines


def show_comparison(session: Session, options: PublishOptions, engine: str | None, other: str) -> int:
    """Compare the engine of the settings (or `engine`) with another; the exit code, 16 where they differ."""
    repository = wiring.open_repository(session.directory)
    with (
        telling(session, "comparing engines …"),
        wiring.evaluator(repository, engine) as first,
        wiring.evaluator(repository, other) as second,
    ):
        if first.version == second.version:
            raise UsageError(
                f"--compare-engine {other} names the engine that renders anyway",
                hint="name another engine",
            )
        source = open_source(repository, options)
        result = compare_engines(repository, (first, second), source, options.environments)
    data = {
        "comparisons": [comparison_data(each) for each in result.comparisons],
        "errors": [error_data(error) for error in result.failures],
    }
    emit(session, data, comparison_lines(result.comparisons))
    for failure in result.failures:
        for line in error_lines(failure):
            say(session, line)
    if result.failures:
        return EXIT_FAILED
    return EXIT_DIFFERENT if result.differs else EXIT_CLEAN
