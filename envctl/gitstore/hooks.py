"""Hooks of the repository that envctl works in: ``pre-push`` and ``commit-msg``, run as Git runs them.

A promotion is a commit made of Git objects: there is no index to check and no editor to prepare a text
for, so the other hooks of ``git commit`` are not run.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from dulwich.objects import ZERO_SHA
from dulwich.repo import Repo

from envctl.errors import InputError, RefusedError
from envctl.gitstore.addresses import Address, redacted, words
from envctl.gitstore.configuration import git_config, path_setting
from envctl.gitstore.ownership import require_own
from envctl.model.git import RefUpdate

_SAID = 4000


class Hooks:
    """The hooks of one repository."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._folder = Path(repo.controldir() if repo.bare else repo.path).resolve()

    def pre_push(self, address: Address, updates: Sequence[RefUpdate]) -> None:
        """Ask the ``pre-push`` hook, if there is one. Raises RefusedError with its words where it says no."""
        hook = self._find("pre-push")
        moving = [each for each in updates if each.old != each.new]
        if hook is None or not moving:
            return
        lines = (f"{e.name} {e.new} {e.name} {e.old or ZERO_SHA.decode()}\n" for e in moving)
        url = redacted(address.url)
        code, said = self._run(hook, [address.name if address.name != url else url, url], "".join(lines))
        if code:
            raise RefusedError(
                f"the pre-push hook refused the push: {said or f'it ended with code {code}'}",
                place=str(hook),
                hint="nothing was pushed; do what the hook asks for",
            )

    def commit_message(self, message: str) -> str:
        """The message as the ``commit-msg`` hook leaves it. Raises RefusedError where it says no."""
        hook = self._find("commit-msg")
        if hook is None:
            return message
        with TemporaryDirectory(prefix="envctl-message-") as folder:
            file = Path(folder, "COMMIT_EDITMSG")
            file.write_bytes(message.encode("utf-8", "surrogateescape"))
            code, said = self._run(hook, [str(file)], "")
            try:
                left = file.read_bytes().decode().strip("\n") if not code else ""
            except (OSError, UnicodeDecodeError) as error:
                raise _refused_message(hook, "it left no text") from error
        if code or not left.strip():
            raise _refused_message(
                hook, said or (f"it ended with code {code}" if code else "it left no text")
            )
        return f"{left}\n"

    def _find(self, name: str) -> Path | None:
        """The hook's file, where it is there and may be executed, as Git asks for both."""
        folder = path_setting(git_config(self._repo), ("core",), "hooksPath")
        hook = (self._folder / folder if folder else Path(self._repo.commondir()).resolve() / "hooks") / name
        if not hook.is_file() or not os.access(hook, os.X_OK):
            return None
        require_own(self._repo, f"its {name} hook")
        return hook

    def _run(self, hook: Path, arguments: Sequence[str], data: str) -> tuple[int, str]:
        environment = {
            **os.environ,
            "GIT_DIR": str(Path(self._repo.controldir()).resolve()),
            "GIT_EDITOR": ":",
        }
        try:
            done = subprocess.run(
                [str(hook), *arguments],
                input=data.encode("utf-8", "surrogateescape"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=environment,
                check=False,
            )
        except OSError as error:
            raise InputError(f"the hook cannot be run: {error.strerror}", place=str(hook)) from error
        return done.returncode, words(done.stdout, _SAID)


def _refused_message(hook: Path, why: str) -> RefusedError:
    return RefusedError(
        f"the commit-msg hook refused the message: {why}",
        place=str(hook),
        hint="nothing was committed; do what the hook asks for",
    )
