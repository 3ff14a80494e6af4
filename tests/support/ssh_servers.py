"""A real OpenSSH server on this machine, and an agent, for tests. Nothing of the machine's own is read."""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd") or next((each for each in ("/usr/sbin/sshd",) if os.access(each, os.X_OK)), "")
MISSING = "" if SSHD and shutil.which("ssh-agent") else "sshd or ssh-agent is not installed"


@dataclass(frozen=True)
class SshServer:
    """A running server. `known_hosts` pins its key; `key` opens it."""

    port: int
    folder: Path

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def key(self) -> Path:
        return self.folder / "client"

    def url(self, path: Path) -> str:
        """The address of a repository."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    def command(self, *options: str, known_hosts: Path | None = None) -> str:
        """An ssh command that reads no settings of this machine and knows only the hosts of a file."""
        known = known_hosts or self.known_hosts
        return " ".join(
            ["ssh", "-F", "none", f"-o UserKnownHostsFile={known}", "-o GlobalKnownHostsFile=none", *options]
        )

    def pin(self, key: Path) -> None:
        """Write a host key into known_hosts."""
        public = key.with_suffix(".pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}")


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Start sshd on a free port of 127.0.0.1 with keys of its own; only the key `client` opens it."""
    folder.mkdir(mode=0o700)
    for name in ("host", "client", "stranger"):
        make_key(folder / name)
    (folder / "authorized_keys").write_text((folder / "client.pub").read_text())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin yes\nAcceptEnv GIT_PROTOCOL\nMaxStartups 100\n"
    )
    if os.geteuid() == 0:  # where a privileged sshd locks itself in before anybody has logged in
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log, start_new_session=True
        )
    server = SshServer(port, folder)
    server.pin(folder / "host")
    try:
        _wait_for(port, process, folder / "sshd.log")
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextlib.contextmanager
def ssh_agent(folder: Path, *keys: Path) -> Iterator[str]:
    """Start an agent that holds keys; its socket."""
    where = folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(where)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            if where.exists():
                break
            time.sleep(0.01)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(where)}
        for key in keys:
            subprocess.run(["ssh-add", "-q", str(key)], env=environment, check=True, capture_output=True)
        yield str(where)
    finally:
        process.terminate()
        process.wait()


def make_key(path: Path, passphrase: str = "") -> Path:
    """An ed25519 key, with its public half beside it."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", path.name, "-f", str(path)], check=True
    )
    return path


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1000):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
            return
        time.sleep(0.01)
    raise AssertionError("sshd did not start")
