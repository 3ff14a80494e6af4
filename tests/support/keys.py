"""Signing keys for tests: gpg in a home folder of its own, and ssh keys with a list of who may sign."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

MISSING = "" if shutil.which("gpg") and shutil.which("gpgconf") else "gpg is not installed"


@dataclass(frozen=True)
class GpgHome:
    """A home folder of gpg. No question is ever asked in it: the program for that fails."""

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "GNUPGHOME": str(self.path)}

    def make_key(self, who: str, passphrase: str = "") -> str:
        """A new signing key of a person (``Name <email>``); its fingerprint."""
        self._gpg("--passphrase", passphrase, "--pinentry-mode", "loopback",
                  "--quick-gen-key", who, "ed25519", "sign", "never")  # fmt: skip
        listed = self._gpg("--list-keys", "--with-colons", who)
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))

    def forget_passphrases(self) -> None:
        """Make the agent forget what was typed when a key was made."""
        self.stop_agent()

    def remove_secret(self, fingerprint: str) -> None:
        self._gpg("--yes", "--delete-secret-keys", fingerprint)

    def stop_agent(self) -> None:
        subprocess.run(["gpgconf", "--kill", "all"], env=self.environment, check=False)

    def _gpg(self, *arguments: str) -> str:
        done = subprocess.run(
            ["gpg", "--batch", "--quiet", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextlib.contextmanager
def gpg_home() -> Iterator[GpgHome]:
    """A fresh home. Its path is short: the agent's socket lies in it."""
    with TemporaryDirectory(prefix="gpg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o700)
        Path(folder, "gpg-agent.conf").write_text("pinentry-program /bin/false\n")
        home = GpgHome(Path(folder))
        try:
            yield home
        finally:
            home.stop_agent()
