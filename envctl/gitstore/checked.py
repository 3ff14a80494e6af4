"""Objects of a store that is only a cache: each is hashed when it is read, so damage is never believed."""

import hashlib

from envctl.errors import DamagedError, InputError
from envctl.gitstore.objects import COMMIT, TYPES, Objects

_NAMES = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}


class CheckedObjects(Objects):
    """As `Objects`. Raises DamagedError where what is read is not what the id stands for, or is gone.

    `damage` holds why, from then on: the store has to be thrown away.
    """

    damage = ""

    def find(self, object_id: str) -> tuple[int, bytes] | None:
        try:
            found = super().find(object_id)
        except DamagedError as error:
            raise self.damaged(error.summary) from error
        if found is not None and _identity(*found) != object_id:
            raise self.damaged(f"object {object_id[:12]} has another content than its id says")
        return found

    def raw(self, object_id: str, kind: int) -> bytes:
        try:
            return super().raw(object_id, kind)
        except DamagedError:
            raise
        except InputError as error:
            if kind == COMMIT or self.find(object_id) is not None:
                raise  # it may never have been fetched; or the tree that names it is wrong itself
            raise self.damaged(f"the {TYPES[kind]} {object_id[:12]} is gone") from error

    def damaged(self, why: str) -> DamagedError:
        """The error to raise; from now on the store counts as damaged."""
        self.damage = self.damage or why
        return DamagedError(
            f"the store of fetched objects is damaged: {why}", hint="it is thrown away and fetched anew"
        )


def _identity(kind: int, content: bytes) -> str:
    header = b"%s %d\0" % (_NAMES.get(kind, b"?"), len(content))
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
