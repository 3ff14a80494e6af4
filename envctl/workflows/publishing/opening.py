"""What the options of a render name as its source."""

from envctl.errors import UsageError
from envctl.ports import Repository
from envctl.workflows.publishing.runs import PublishOptions
from envctl.workflows.sources.source import Source, at_revision, require_clean


def open_source(repository: Repository, options: PublishOptions) -> Source:
    """What the options say to read. Publishing needs a commit: HEAD, and then nothing else lying about."""
    if options.index and repository.is_bare:
        raise UsageError("a bare repository has no index", hint="name a commit with --rev")
    if options.revision:
        return at_revision(repository, options.revision)
    if options.publish or repository.is_bare:
        if not repository.is_bare:
            require_clean(repository)
        return at_revision(repository, "HEAD")
    return Source(repository.index() if options.index else repository.work_tree())
