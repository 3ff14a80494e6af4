"""Whose repository it is: as Git, envctl runs no programs that a stranger's repository names."""

import os
import stat
from pathlib import Path

from dulwich.repo import Repo

from envctl.errors import RefusedError
from envctl.gitstore.configuration import protected_values


def require_own(repo: Repo, what: str) -> None:
    """Raise RefusedError where a repository belongs to another user and nobody said that it is safe.

    `what` completes "…, so … is not run". Who uses sudo is still who they are.
    """
    folders = [Path(repo.controldir()), *([] if repo.bare else [Path(repo.path)])]
    if all(_is_own(each) for each in folders):
        return
    place = folders[-1].resolve()
    safe = protected_values(repo, ("safe",), "directory")
    if "" in safe:  # an empty value takes back those before it
        safe = safe[len(safe) - safe[::-1].index("") :]
    if not any(each == "*" or (each and Path(os.path.expanduser(each)).resolve() == place) for each in safe):  # noqa: PTH111
        raise RefusedError(
            f"the repository belongs to another user, so {what} is not run",
            place=str(place),
            hint=f"if you trust it: git config --global --add safe.directory {place}",
        )


def _is_own(path: Path) -> bool:
    try:
        owner = path.stat()[stat.ST_UID]
    except OSError:
        return False
    user = os.geteuid()
    before_sudo = os.environ.get("SUDO_UID", "") if user == 0 else ""
    return owner == user or (before_sudo.isdecimal() and owner == int(before_sudo))
