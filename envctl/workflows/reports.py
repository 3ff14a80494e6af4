"""All that is still kept of what was reported of an environment (see `observed`)."""

from envctl.delivery.observed import parse_observed
from envctl.errors import InputError
from envctl.model.observed import Observed
from envctl.ports import Repository
from envctl.workflows.observed import FILE, LONGEST, status_ref


def observed_history(repository: Repository, environment: str) -> tuple[Observed, ...]:
    """The reports about an environment, newest first; those that cannot be read are left out."""
    tip = repository.ref(status_ref(environment))
    found: list[Observed] = []
    if tip is None:
        return ()
    try:
        for number, commit in enumerate(repository.history(tip)):
            if number >= 2 * LONGEST:  # whoever writes more does not keep to the format
                break
            found += _report(repository, environment, commit.id)
    except InputError:  # the rest is not in this clone
        pass
    return tuple(found)


def _report(repository: Repository, environment: str, commit: str) -> list[Observed]:
    try:
        data = repository.tree(commit).read(FILE)
        return [parse_observed(data, commit[:12], environment)]
    except InputError:
        return []
