"""The program of a worker process: it confines itself, loads one engine, and evaluates what it is sent.

It runs as a file of its own (``python -I -S worker.py OPTIONS``) and imports nothing of envctl, so
it starts in milliseconds and holds nothing worth stealing. It never opens a source file:
the parent answers every import. The native functions, and the YAML reader that one of them
needs, are loaded when a program first calls one: their folders stay readable.

Frames in both directions are a length (four bytes, big-endian), one byte for the kind, and the body:

======================  ====================================================================
to the worker
``T`` task              JSON: code, cpu (seconds), wall (seconds), output (bytes), forget (contents)
``F`` file              JSON [path, blob id], a NUL byte, the contents
``K`` known file        JSON [path, blob id]; the worker has the contents already
``N`` no                the import is refused; the parent knows why
to the parent
``H`` hello             the engine is loaded and works
``B`` begun             the task has arrived
``I`` import            JSON [directory of the importing file, path asked for]
``R`` result            the value as JSON text
``E`` error             the engine's own words
``X`` refused           JSON [what the worker itself refused and why, hint, the engine's own words]
``L`` limit             JSON [name of the limit, what was reached]
======================  ====================================================================
"""

import contextlib
import ctypes
import functools
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

HEADER = struct.Struct(">I")
ENTRY = "<entry>"  # no slash: the engine takes the folder of this name for imports of the entry snippet

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _READ_FILE, _READ_FOLDER = 1, 4, 8
_ALL_FILES, _ALL_TCP, _ALL_SCOPES = 0x1FFF, 3, 3
_ABI_TCP, _ABI_SCOPES = 4, 6
_OPEN_FILES = 64
_THREADS = 256
_GRACE = 5
_MOST_WORDS = 64 * 1024

# Tanka's native functions and the names of their parameters.
NATIVES: Mapping[str, tuple[str, ...]] = {
    "escapeStringRegex": ("str",),
    "manifestJsonFromJson": ("json", "indent"),
    "manifestYamlFromJson": ("json",),
    "parseJson": ("json",),
    "parseYaml": ("yaml",),
    "regexMatch": ("regex", "string"),
    "regexSubst": ("regex", "src", "repl"),
    "sha256": ("str",),
}


def pack(kind: bytes, body: bytes = b"") -> bytes:
    """One frame."""
    return HEADER.pack(len(body) + 1) + kind + body


class ImportRefused(Exception):  # noqa: N818
    """Ends an evaluation whose import the parent refused."""


class Session:
    """The worker's side of the conversation; keeps the contents of files it was sent, by blob id.

    `failure` is what the worker itself refused in this task, and a hint: engines lose or bend the
    messages of exceptions.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO, libraries: Mapping[str, str]) -> None:
        self.failure: tuple[str, str] | None = None
        self._source = source
        self._sink = sink
        self._libraries = libraries
        self._contents: dict[str, bytes] = {}
        self._found: dict[tuple[str, str], tuple[str, bytes]] = {}

    def send(self, kind: bytes, body: bytes = b"") -> None:
        self._sink.write(pack(kind, body))
        self._sink.flush()

    def receive(self) -> tuple[bytes, bytes]:
        """The next frame; ends the process where the parent is gone."""
        header = self._source.read(HEADER.size)
        if len(header) < HEADER.size:
            sys.exit(0)
        frame = self._source.read(HEADER.unpack(header)[0])
        return frame[:1], frame[1:]

    def begin(self, *, forget: bool) -> None:
        """Drop what names meant in the last task's tree, and with `forget` the contents too."""
        self.failure = None
        self._found.clear()
        if forget:
            self._contents.clear()

    def resolve(self, directory: str, wanted: str) -> tuple[str, bytes]:
        """The engine's import callback: the path found and its contents, asked of the parent once a task."""
        key = (directory, wanted)
        if key not in self._found:
            self.send(b"I", json.dumps(key).encode())
            self._found[key] = self._answer(*self.receive())
        return self._found[key]

    def resolve_text(self, directory: str, wanted: str) -> tuple[str, str]:
        """The import callback of an engine that takes text only."""
        path, contents = self.resolve(directory, wanted)
        try:
            return path, contents.decode()
        except UnicodeDecodeError as error:
            self.failure = (
                f"{path} holds bytes that are no UTF-8 text, and this jsonnet engine imports text only",
                "evaluate with the engine gojsonnet",
            )
            raise ImportRefused(path) from error

    def native(self, name: str) -> Callable[..., Any]:
        """A native function as engines call it."""

        def call(*values: Any) -> Any:
            if name == "parseYaml":
                self._library("yaml")
            natives = self._library("natives")
            try:
                return natives.call(name, NATIVES[name], values)
            except natives.NativeError as error:
                self.failure = (f"std.native('{name}') failed: {error}", error.hint)
                raise

        return call

    def _library(self, name: str) -> Any:
        return sys.modules.get(name) or load_package(name, self._libraries[name])

    def _answer(self, kind: bytes, body: bytes) -> tuple[str, bytes]:
        if kind == b"N":
            raise ImportRefused("refused")
        head, _, contents = body.partition(b"\0")
        path, blob = json.loads(head)
        if kind == b"F":
            self._contents[blob] = contents
        return path, self._contents[blob]


def confine(options: dict[str, Any], file: int) -> None:
    """Give up what an evaluation does not need, before the engine and its threads exist."""
    alone = sys.platform == "linux" and _confine_on_linux(options["parent"], file, options["libraries"])
    _lower(resource.RLIMIT_AS, options["memory"])
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    if alone:
        # Outside a user namespace of its own this would count all processes of the user.
        _lower(resource.RLIMIT_NPROC, _THREADS)


def _lower(which: int, value: int) -> None:
    """Set a limit for good; one that is lower already stays."""
    _, hard = resource.getrlimit(which)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def _confine_on_linux(parent: int, file: int, libraries: Mapping[str, str]) -> bool:
    """Leave the network and the files, die with the parent's thread. True in a user namespace of its own."""
    libc = ctypes.CDLL(None)
    alone = bool(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)
    # After unshare, because a change of credentials clears it.
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _leave_files(libc, file, libraries)
    return alone


def _folders_of_code() -> set[str]:
    """Where this process has its modules and shared libraries from; the engine's libraries are there too."""
    with open("/proc/self/maps") as maps:  # noqa: PTH123
        mapped = [line.split(maxsplit=5)[5].strip() for line in maps if ".so" in line]
    return {os.path.dirname(path) for path in (os.__file__, *mapped)}  # noqa: PTH120


def _leave_files(libc: Any, file: int, libraries: Mapping[str, str]) -> None:
    """Let the kernel refuse TCP and all files but code, where it has Landlock (the kernel's landlock.h)."""
    abi = libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION)
    if abi < 1:
        return
    everything = struct.pack("QQQ", _ALL_FILES, _ALL_TCP, _ALL_SCOPES)
    known = 8 if abi < _ABI_TCP else 16 if abi < _ABI_SCOPES else 24
    rules = libc.syscall(_LANDLOCK_CREATE, everything, known, 0)
    handles = {file: _READ_FILE | _EXECUTE}
    for folder in (*_folders_of_code(), *libraries.values()):
        with contextlib.suppress(OSError):
            handles[os.open(folder, os.O_PATH)] = _READ_FILE | _EXECUTE | _READ_FOLDER
    for handle, access in handles.items():
        libc.syscall(_LANDLOCK_ADD, rules, _PATH_BENEATH, struct.pack("=Qi", access, handle), 0)
    libc.syscall(_LANDLOCK_RESTRICT, rules, 0)
    for handle in (rules, *(handles.keys() - {file})):
        os.close(handle)


def load_engine(name: str, file: int) -> Any:
    """Load an engine from its open file: its folder may be out of reach by now."""
    path = f"/proc/self/fd/{file}" if sys.platform == "linux" else f"/dev/fd/{file}"
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    os.close(file)
    return module


def load_package(name: str, folder: str) -> Any:
    """Load a package from its folder, which need not be on the module path."""
    spec = importlib.util.spec_from_file_location(
        name, f"{folder}/__init__.py", submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise ImportError(name)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def evaluate(run: Callable[[str], str], session: Session, task: dict[str, Any]) -> None:
    """Evaluate one task and send its outcome."""
    session.begin(forget=task["forget"])
    _limit_time(task)
    broken = False
    try:
        body = run(task["code"]).encode()
    except UnicodeDecodeError as error:
        _send_undecodable(session, error.object)
    except MemoryError:
        session.send(b"L", json.dumps(["memory", 0]).encode())
    except BaseException as error:  # noqa: BLE001
        # An engine's panic is no Exception; what it leaves behind cannot be trusted.
        broken = not isinstance(error, Exception)
        _send_failure(session, f"INTERNAL ERROR: {error}" if broken else str(error))
    else:
        if len(body) > task["output"]:
            session.send(b"L", json.dumps(["output", len(body)]).encode())
        else:
            session.send(b"R", body)
    signal.setitimer(signal.ITIMER_REAL, 0)
    if broken:
        sys.exit(0)


def _send_undecodable(session: Session, said: bytes) -> None:
    """Send what an engine said that is no text: a failure, or a value."""
    # The binding hands on the message of a refused import without its end: what follows is no text.
    if not said.startswith((b"RUNTIME ERROR", b"STATIC ERROR", b"INTERNAL ERROR")):
        session.failure = session.failure or (
            "the output holds a string that is no UTF-8 text",
            "it comes from std.char with half of a surrogate pair, or from a file that is no text",
        )
        said = b""
    _send_failure(session, said.decode(errors="replace"))


def _send_failure(session: Session, words: str) -> None:
    """Send what was said: its beginning has the reason, its end the trace, and nobody reads megabytes."""
    if len(words) > _MOST_WORDS:
        words = f"{words[: _MOST_WORDS // 2]}\n...\n{words[-_MOST_WORDS // 2 :]}"
    if session.failure:
        session.send(b"X", json.dumps([*session.failure, words]).encode())
    else:
        session.send(b"E", words.encode(errors="replace"))


def _limit_time(task: dict[str, Any]) -> None:
    """Both are the second line: the parent's clock comes first, unless the parent hangs."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(usage.ru_utime + usage.ru_stime) + task["cpu"] + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds if hard == resource.RLIM_INFINITY else hard, hard))
    signal.setitimer(signal.ITIMER_REAL, task["wall"] + _GRACE)


def main(options: dict[str, Any]) -> None:
    """Serve tasks until the parent closes the pipe."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the engine prints must not look like a frame
    file = os.open(options["file"], os.O_RDONLY)
    confine(options, file)
    engine = load_engine(options["module"], file)
    engine.evaluate_snippet(ENTRY, "1")  # the runtime may fail to start only when it is first used
    session = Session(source, sink, options["libraries"])
    callbacks = {
        "import_callback": session.resolve_text if options["text"] else session.resolve,
        "native_callbacks": {
            name: (tuple("abc"[: len(names)]) if options["letters"] else names, session.native(name))
            for name, names in NATIVES.items()
        },
    }
    run = functools.partial(engine.evaluate_snippet, ENTRY, **callbacks)
    session.send(b"H")
    while True:
        _, body = session.receive()
        session.send(b"B")
        evaluate(run, session, json.loads(body))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
