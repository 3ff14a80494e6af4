"""kubectl's own YAML reader: a small Go program that is built once and asked thousands of times."""

import hashlib
import json
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from envctl.devcluster.catalog import LINK_FLAGS, go_version, read_module
from envctl.devcluster.folders import cache_folder
from envctl.devcluster.gobuild import Build, go_build
from envctl.devcluster.gotoolchain import go_toolchain

SOURCE = Path(__file__).parent / "kubectlreader"
READERS = ("kubectl", "lenient", "strict", "version 3")


def program() -> Path:
    """The program, built into the cache folder where it is not there yet."""
    text = b"".join(each.read_bytes() for each in sorted(SOURCE.iterdir()))
    folder = cache_folder() / "tests" / f"kubectlreader-{hashlib.sha256(text).hexdigest()[:16]}"
    built = folder / "kubectlreader"
    if not built.exists():
        go = go_toolchain(go_version(read_module(SOURCE)), cache_folder(), lambda _: None)
        go_build(go, Build("kubectlreader", SOURCE, ["."], LINK_FLAGS, folder), lambda _: None)
    return built


@dataclass(frozen=True)
class KubectlReader:
    """A running reader."""

    questions: IO[bytes]
    answers: IO[bytes]

    def read(self, document: bytes) -> dict[str, Any]:
        """What each of the four readers makes of a document: a value, or an error that starts with ``!``."""
        self.questions.write(struct.pack(">I", len(document)) + document)
        self.questions.flush()
        return {name: self._answer() for name in READERS}

    def _answer(self) -> Any:
        (size,) = struct.unpack(">I", self.answers.read(4))
        body = self.answers.read(size)
        return json.loads(body[1:]) if body[:1] == b"=" else body.decode()


@contextmanager
def kubectl_reader() -> Iterator[KubectlReader]:
    """Start the program, and end it afterwards."""
    with subprocess.Popen([program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        yield KubectlReader(process.stdin, process.stdout)
