"""Which names a tree entry may have: what Git and its checkouts on all systems can carry safely."""

import re
from functools import lru_cache

# Code points that HFS+ leaves out of names: with them a name can still open ``.git`` on a Mac.
_INVISIBLE = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


def is_dot_git(name: str) -> bool:
    """Whether some system would open the repository's own folder by this name.

    Covers case, HFS+ (invisible code points), NTFS (trailing dots and spaces, streams) and the
    short name ``git~1``.
    """
    plain = _INVISIBLE.sub("", name).partition(":")[0].partition("\\")[0].rstrip(" .").casefold()
    return plain in {".git", "git~1"}


@lru_cache(1 << 14)  # the trees of a history hold the same names over and over
def name_flaw(name: str) -> str:
    """What is wrong with the name of a tree entry, "" for a good one."""
    flaws = (
        (not name, "an empty name"),
        (name in {".", ".."}, f"the name {name!r}"),
        ("/" in name, "a name with a slash"),
        ("\0" in name, "a name with a NUL byte"),
        (is_dot_git(name), "a name that stands for the repository's own folder"),
        (not name.isascii() and not _is_text(name), "a name that is not UTF-8"),
    )
    return next((flaw for found, flaw in flaws if found), "")


def shown(path: str) -> str:
    """A path as it can be printed: control characters and what is no text are escaped."""
    if path.isprintable():
        return path
    return "".join(each if each.isprintable() else _escaped(each) for each in path)


def _is_text(name: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in name)


def _escaped(character: str) -> str:
    data = character.encode("utf-8", "surrogateescape")
    return "".join(f"\\x{byte:02x}" for byte in data)
