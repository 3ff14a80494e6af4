"""Which rendered objects an environment refuses, told by where each stands in its component."""

from collections.abc import Iterator

from envctl.errors import InputError, Problem
from envctl.manifests.paths import parse_path
from envctl.manifests.refusals import holds_values, refusal
from envctl.model.environment import Environment
from envctl.workflows.rendering.rendered import Contents


def require_welcome(environment: Environment, contents: Contents) -> None:
    """Raise InputError with every object that the environment refuses."""
    problems = tuple(_problems(environment, contents)) if environment.refuse else ()
    if problems:
        count = "1 object" if len(problems) == 1 else f"{len(problems)} objects"
        raise InputError(
            f"{environment.name} refuses {count} (`refuse` of the environment)", problems=problems
        )


def _problems(environment: Environment, contents: Contents) -> Iterator[Problem]:
    for path in contents.blobs:
        parsed = parse_path(path)
        found = refusal(environment.refuse, environment.namespace or "", parsed[1]) if parsed else None
        if not parsed or not found:
            continue
        # Only now, for what is known may have no value at hand.
        made = contents.object(path)
        if not made.id.is_secret or holds_values(made.value):
            yield Problem(f"{made.component} {made.origin}", f"{made.id} {found[0]}", found[1])
