"""What people allow by an annotation of the `Environment` object, which the branch cannot write."""

from envctl.agent.options import World
from envctl.agent.resource import ENVIRONMENT
from envctl.errors import ClusterError, RefusedError, UnavailableError
from envctl.model.annotations import annotation

ACCEPT_REWRITE = "envctl.dev/accept-rewrite"
"""``OLD..NEW``: the accepted commit, at least 12 digits of it, and the one that does not follow it."""
RETRY_COMMIT = "envctl.dev/retry-commit"
"""The quarantined commit; to allow it once more, with another ending: ``COMMIT.2``."""
_SHORT = 12


class LiftableError(RefusedError):
    """Refused until somebody allows it by an annotation; so it is asked again."""


def permit(world: World, name: str) -> str:
    """The value of an annotation, "" where there is none, or where the cluster does not tell."""
    options = world.options
    try:
        live = world.cluster.get(ENVIRONMENT, options.namespace, options.environment) or {}
    except (ClusterError, UnavailableError):
        return ""
    return annotation(live, name) or ""


def allows_rewrite(world: World, old: str, new: str) -> bool:
    """Whether going from one commit to another is allowed. Used up by it: the next one starts elsewhere."""
    before, _, after = permit(world, ACCEPT_REWRITE).strip().partition("..")
    return len(before) >= _SHORT and old.startswith(before) and after == new


def rewrite_hint(world: World, old: str, new: str) -> str:
    """How to allow it."""
    return f"restore the branch, or allow it: {annotating(world, ACCEPT_REWRITE, f'{old[:_SHORT]}..{new}')}"


def annotating(world: World, name: str, value: str) -> str:
    """The command that says so."""
    options = world.options
    what = f"environments.envctl.dev {options.environment} -n {options.namespace}"
    return f"kubectl annotate --overwrite {what} {name}={value}"
