"""The program of the process that checks config with schemas.

It runs as a file of its own (``python -I -S worker.py OPTIONS``), talks over the socket that is its
standard input, and gets nothing of the environment. A schema is data: it can take time and memory,
and both have limits; it can open or fetch nothing, because nothing here would do so for it.

Messages in both directions are a length (four bytes, big-endian) and JSON. To the worker: config,
the text of the schema, its path. To the parent: a first empty message once it is ready, then for each
task `findings`, or an `error` of the schema itself, or the `limit` that was reached.
"""

import json
import resource
import signal
import socket
import struct
import sys
from dataclasses import astuple
from typing import Any

HEADER = struct.Struct(">I")
_OPEN_FILES = 64
_GRACE = 5


def pack(message: Any) -> bytes:
    """One message."""
    body = json.dumps(message).encode()
    return HEADER.pack(len(body)) + body


def confine(memory: int) -> None:
    """Give up what a check does not need. Limits that are lower already stay."""
    for which, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        _, hard = resource.getrlimit(which)
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (lowered, lowered))


def answer(task: Any) -> Any:
    """What there is to say of one config."""
    from envctl.config.schema import misfits  # noqa: PLC0415
    from envctl.errors import InputError  # noqa: PLC0415

    try:
        found = misfits(task["config"], task["schema"].encode("utf-8", "surrogateescape"), task["path"])
    except InputError as error:
        problems = [[each.place, each.reason, each.hint] for each in error.problems]
        return {"error": [error.summary, error.place, error.hint, problems]}
    except MemoryError:
        return {"limit": "memory"}
    except Exception as error:  # noqa: BLE001  a validator that stumbles over a schema says so of the schema
        return {
            "error": [f"the schema cannot be used: {type(error).__name__}: {error}", task["path"], "", []]
        }
    return {"findings": [list(astuple(each)) for each in found]}


def main(options: dict[str, Any]) -> None:
    """Serve tasks until the parent closes the socket."""
    sys.path[:] = options["path"]
    # Loaded before the limits, so that a limit is the schema's alone.
    import jsonschema  # noqa: F401, PLC0415

    import envctl.config.schema  # noqa: F401, PLC0415

    confine(options["memory"])
    link = socket.socket(fileno=0)
    stream = link.makefile("rb")
    link.sendall(pack(None))
    while len(header := stream.read(HEADER.size)) == HEADER.size:
        task = json.loads(stream.read(HEADER.unpack(header)[0]))
        # The second line: the parent's clock comes first, unless the parent is gone.
        signal.setitimer(signal.ITIMER_REAL, options["seconds"] + _GRACE)
        link.sendall(pack(answer(task)))
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
