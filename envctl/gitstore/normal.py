"""What Git would store of a file's bytes: line endings and filters of ``.gitattributes``."""

from functools import cached_property
from typing import TYPE_CHECKING

from dulwich.objects import Blob
from dulwich.repo import Repo

from envctl.errors import InputError
from envctl.gitstore.failures import translated
from envctl.gitstore.names import shown

if TYPE_CHECKING:
    # They take a while to import, and nobody needs them where no file has to be looked into.
    from dulwich.filters import FilterBlobNormalizer


class Normalizer:
    """Turns bytes on disk into the bytes that Git stores, and back. The rules are read once, when needed."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo

    def stored(self, data: bytes, path: str) -> bytes:
        """What ``git add`` would store. Raises InputError where a required filter is missing or fails."""
        return self._filtered(data, path, to_disk=False)

    def checked_out(self, data: bytes, path: str) -> bytes:
        """What ``git checkout`` would write to disk. Raises InputError like `stored`."""
        return self._filtered(data, path, to_disk=True)

    def _filtered(self, data: bytes, path: str, *, to_disk: bool) -> bytes:
        from dulwich.filters import FilterError  # noqa: PLC0415

        with translated("apply the rules of .gitattributes", place=shown(path)):
            name = path.encode("utf-8", "surrogateescape")
            try:
                if to_disk:
                    return self._rules.checkout_normalize(Blob.from_string(data), name).data
                return self._rules.checkin_normalize(Blob.from_string(data), name).data
            except FilterError as error:
                raise InputError(f"a filter of .gitattributes failed: {error}", place=shown(path)) from error

    @cached_property
    def _rules(self) -> "FilterBlobNormalizer":
        from dulwich.filters import FilterBlobNormalizer, FilterContext, FilterRegistry  # noqa: PLC0415

        from envctl.gitstore.attributes import attributes_of  # noqa: PLC0415

        config = self._repo.get_config_stack()
        registry = FilterRegistry(config, self._repo)
        if (b"filter", b"lfs") not in set(config.sections()):
            registry.register_driver("lfs", _AsIs())  # dulwich would use a store of its own; Git does nothing
        return FilterBlobNormalizer(
            config, attributes_of(self._repo), repo=self._repo, filter_context=FilterContext(registry)
        )


class _AsIs:
    """A filter that changes nothing."""

    def clean(self, data: bytes) -> bytes:
        return data

    def smudge(self, data: bytes, path: bytes = b"") -> bytes:  # noqa: ARG002  (dulwich's signature)
        return data

    def cleanup(self) -> None:
        return

    def reuse(self, config: object, filter_name: str) -> bool:  # noqa: ARG002  (dulwich's signature)
        return True
