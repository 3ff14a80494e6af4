"""Git over ssh and over plain TCP: connections that never ask, and that a deadline can end."""

import os
import shlex
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from dulwich.client import (
    SSHGitClient,
    StrangeHostname,
    SubprocessSSHVendor,
    SubprocessWrapper,
    TCPGitClient,
    TraditionalGitClient,
)
from dulwich.errors import GitProtocolError
from dulwich.protocol import Protocol

from envctl.gitstore.deadline import Allowance, Deadline
from envctl.gitstore.programs import command_line, end_group, quiet

CONNECT_SECONDS = 10
SILENCE_SECONDS = 60  # Git servers say something every 5 seconds while they work
_ALIVE_SECONDS = 15
_HEARD = 16 << 10  # bytes of what ssh and the other side say besides
_FAREWELL_SECONDS = 10
_OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "ConnectTimeout": str(CONNECT_SECONDS),
    "ServerAliveInterval": str(_ALIVE_SECONDS),
}
"""Weaker than what the user's own command says: ssh takes the first value that it is told."""

Connected = tuple[Protocol, Callable[[], bool], IO[bytes] | None]


class Stream(TraditionalGitClient):
    """A client of one operation. It closes its connections itself: dulwich leaves some of them open."""

    deadline: Deadline
    allowance: Allowance

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._protocols: list[Protocol] = []

    def _connect(self, *arguments: Any, **options: Any) -> Connected:
        protocol, can_read, _ = self._opened(*arguments, **options)
        self._protocols.append(protocol)
        protocol.read = self.allowance.counted(protocol.read)
        return protocol, can_read, None

    def _opened(self, *arguments: Any, **options: Any) -> Connected:
        return super()._connect(*arguments, **options)

    @property
    def heard(self) -> bytes:
        """What came besides the protocol: the words of ssh, and of programs on the other side."""
        return b""

    def close(self) -> None:
        for each in self._protocols:
            with suppress(OSError, GitProtocolError):  # what the server said counts, not how it left
                each.close()


class SshClient(Stream, SSHGitClient):
    """Speaks through an ssh program."""

    ssh_vendor: "Ssh"

    @property
    def heard(self) -> bytes:
        return self.ssh_vendor.heard


class Ssh(SubprocessSSHVendor):
    """Starts OpenSSH, or what Git's configuration names in its place, without a terminal."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._drains: list[_Drain] = []

    @property
    def heard(self) -> bytes:
        return b"\n".join(each.taken() for each in self._drains)

    def run_command(  # type: ignore[override]
        self,
        host: str,
        command: bytes,
        username: str | None = None,
        port: int | None = None,
        ssh_command: str | None = None,
        protocol_version: int | None = None,
    ) -> SubprocessWrapper:
        program = ssh_command or "ssh"
        target = f"{username}@{host}" if username else host
        if target.startswith("-"):
            raise StrangeHostname(hostname=target)
        options = ["-p", str(port)] if port else []
        if _is_openssh(program):
            options += [word for key, value in _OPTIONS.items() for word in ("-o", f"{key}={value}")]
            if protocol_version is None or protocol_version > 0:
                options += ["-o", f"SetEnv=GIT_PROTOCOL=version={protocol_version or 2}"]
        process = subprocess.Popen(
            command_line(program, [*options, target, os.fsdecode(command)]),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=quiet(os.environ),
            start_new_session=True,
        )
        opened = _Process(process)
        self._deadline.on_end(opened.end)
        self._drains.append(_Drain(process))
        return opened


class TcpClient(Stream, TCPGitClient):
    """Speaks Git's own protocol: no protection, so for machines that trust their network."""

    def _opened(self, cmd: bytes, path: str | bytes, protocol_version: int | None = None) -> Connected:
        opened = socket.create_connection((self._host, self._port), CONNECT_SECONDS)
        self.deadline.watch(opened)
        opened.settimeout(SILENCE_SECONDS)
        file = opened.makefile("rb")

        def close() -> None:
            file.close()
            opened.close()

        def written(data: bytes) -> int:
            opened.sendall(data)
            return len(data)

        reads = cmd == b"upload-pack"
        self.protocol_version = (2 if protocol_version is None else protocol_version) if reads else 0
        version = b"\0\0version=2\0" if self.protocol_version == 2 else b""  # noqa: PLR2004
        protocol = Protocol(file.read, written, close)
        where = path if isinstance(path, bytes) else path.encode()
        protocol.send_cmd(
            b"git-" + cmd,
            where[1:] if where.startswith(b"/~") else where,
            b"host=" + self._host.encode() + version,
        )
        return protocol, lambda: False, None


class _Process(SubprocessWrapper):
    """A child process that is not waited for longer than it takes to say goodbye."""

    is_closed = False

    def end(self) -> None:
        """End it with all that it started. Its number may be another's once it was waited for."""
        if not self.is_closed:
            end_group(self.proc)

    def close(self, timeout: int | None = _FAREWELL_SECONDS) -> None:
        for each in (self.proc.stdin, self.proc.stdout):
            if each:
                with suppress(OSError):
                    each.close()
        try:
            self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            end_group(self.proc)
            self.proc.wait()
        self.is_closed = True


class _Drain:
    """Reads what a process says on its error output, so that it never has to wait; keeps the beginning."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def taken(self) -> bytes:
        """What was said by the time that the process has ended."""
        self._thread.join(_FAREWELL_SECONDS)
        return self._kept

    def _read(self) -> None:
        if self._process.stderr is None:
            return
        with suppress(OSError, ValueError), self._process.stderr as stream:
            while data := stream.read(4096):
                self._kept = (self._kept + data)[:_HEARD]


def _is_openssh(command: str) -> bool:
    """Whether a command is OpenSSH by its name, as Git decides it."""
    try:
        first = shlex.split(command)[0]
    except (IndexError, ValueError):
        return False
    return Path(first).name == "ssh"
