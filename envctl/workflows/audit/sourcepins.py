"""Which revision of each component an environment had pinned at a source commit, read once each."""

from collections.abc import Mapping
from functools import lru_cache

from envctl.config.pins import pinned_revisions
from envctl.delivery.history import Revisions
from envctl.errors import InputError
from envctl.model.git import EntryKind
from envctl.ports import Repository
from envctl.workflows.sources.project import lock_path

UNKNOWN = Revisions(None)
_KEPT = 64


class SourcePins:
    """The pins of one environment at source commits."""

    def __init__(self, repository: Repository, environment: str) -> None:
        self._repository = repository
        self._lock = lock_path(environment)
        self._pins = lru_cache(_KEPT)(self._read_pins)
        self._revisions = lru_cache(_KEPT)(self._read_revisions)

    def at(self, source: str) -> Revisions:
        """The revisions at a source commit, unknown ones where it is not here or its lock cannot be read."""
        return self._revisions(source)

    def _read_revisions(self, source: str) -> Revisions:
        try:
            entry = self._repository.tree(source).entry(self._lock)
            if entry is None:
                return Revisions(source)
            pins = self._pins(entry.id) if entry.kind is EntryKind.FILE else None
        except InputError:
            return UNKNOWN
        return Revisions(source, pins) if pins is not None else UNKNOWN

    def _read_pins(self, blob: str) -> Mapping[str, str]:
        return pinned_revisions(self._repository.blob(blob), self._lock)
