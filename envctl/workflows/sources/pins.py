"""Which source revision of each component an environment has published."""

from collections.abc import Mapping

from envctl.workflows.sources.project import Project, load_environment, load_lock
from envctl.workflows.sources.tips import Tip


def published_pins(project: Project, environment: str, tip: Tip) -> Mapping[str, str]:
    """The source revision of each component as it was published, by the source commit of the tip."""
    resolved = load_environment(project, environment)
    lock = load_lock(project.tree, resolved)
    names = [each.name for each in resolved.components]
    if lock is None:
        return dict.fromkeys(names, tip.record.source_commit)
    return {name: lock.pins[name].revision for name in names if name in lock.pins}
