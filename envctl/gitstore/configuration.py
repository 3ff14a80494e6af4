"""Git's configuration of one repository, put together as Git does it.

dulwich's own stack leaves out conditional includes of the user's file (``includeIf "gitdir:…"``), what
``git -c`` and ``GIT_CONFIG_COUNT`` say, and reads only ``true`` and ``false``. A setting that is overlooked
may be the one that requires signatures, so all of that is read here.
"""

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from dulwich.config import ConfigFile, StackedConfig, env_config, get_xdg_config_home_path
from dulwich.repo import Repo

from envctl.errors import InputError
from envctl.gitstore.failures import translated

_TRUE, _FALSE = {"true", "yes", "on"}, {"false", "no", "off", ""}
_NUMBER = re.compile(r"[-+]?\d+")

Section = tuple[str, ...]


def git_config(repo: Repo) -> StackedConfig:
    """The settings that count in a repository, the strongest first. Raises InputError for unreadable ones."""
    with translated("read Git's configuration"):
        local = repo.get_config()
        found = [*_of_command(os.environ)]
        if local.get_boolean((b"extensions",), b"worktreeconfig", False):  # noqa: FBT003
            found.append(repo.get_worktree_config())
        return StackedConfig([*found, local, *_of_user(repo, os.environ)], writable=local)


def protected_values(repo: Repo, section: Section, name: str) -> list[str]:
    """All values of a setting, weakest first, that the repository itself cannot have given."""
    with translated("read Git's configuration"):
        configs = [*_of_command(os.environ), *_of_user(repo, os.environ)]
        where = tuple(each.encode() for each in section)
        found: list[str] = []
        for config in reversed(configs):
            with suppress(KeyError):
                values = config.get_multivar(where, name.encode())
                found += [value.decode("utf-8", "surrogateescape") for value in values]
        return found


def _of_command(environment: Mapping[str, str]) -> Iterator[ConfigFile]:
    given = shlex.split(environment.get("GIT_CONFIG_PARAMETERS", ""))
    pairs = [(key, value if equals else "true") for key, equals, value in (e.partition("=") for e in given)]
    numbered = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs):
        numbered |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    for each in (numbered, environment):
        try:
            config = env_config(each)
        except (KeyError, ValueError) as error:
            raise InputError(
                f"Git's configuration in the environment cannot be read: {error.args[0]}"
            ) from error
        if config is not None:
            yield config


def _of_user(repo: Repo, environment: Mapping[str, str]) -> Iterator[ConfigFile]:
    named = environment.get("GIT_CONFIG_GLOBAL")
    home = ["~/.gitconfig", get_xdg_config_home_path("git", "config")]
    paths = home if named is None else [named]
    if system := environment.get("GIT_CONFIG_SYSTEM"):
        paths = [*paths, system]
    elif "GIT_CONFIG_NOSYSTEM" not in environment:
        paths = [*paths, "/etc/gitconfig"]
    matchers = repo._get_config_condition_matchers()  # noqa: SLF001  (dulwich uses them for .git/config only)
    for path in filter(None, paths):
        try:
            yield ConfigFile.from_path(os.path.expanduser(path), condition_matchers=matchers)  # noqa: PTH111
        except FileNotFoundError:
            continue


def setting(config: StackedConfig, section: Section, name: str) -> str | None:
    """A setting as text, None where nobody set it."""
    try:
        value = config.get(tuple(each.encode() for each in section), name.encode())
    except KeyError:
        return None
    return value.decode("utf-8", "surrogateescape")


def path_setting(config: StackedConfig, section: Section, name: str) -> Path | None:
    """A setting that names a file; ``~`` stands for a home folder. None where it is absent or empty."""
    value = setting(config, section, name)
    return Path(os.path.expanduser(value)) if value else None  # noqa: PTH111  (~user, when there is no such user)


def boolean(config: StackedConfig, section: Section, name: str, *, default: bool) -> bool:
    """A setting that is on or off, in all the words that Git has for it. Raises InputError for another."""
    value = setting(config, section, name)
    if value is None:
        return default
    word = value.lower()
    if word in _TRUE or (_NUMBER.fullmatch(word) and int(word) != 0):
        return True
    if word in _FALSE or _NUMBER.fullmatch(word):
        return False
    key = ".".join([*section, name])
    raise InputError(
        f"Git's setting {key} is neither on nor off: {value!r}", hint=f"git config {key} true (or false)"
    )
