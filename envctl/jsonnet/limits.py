"""What one evaluation may use."""

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one evaluation may use; beyond it the worker is killed and the evaluation fails.

    `wall` and `cpu` are in seconds, `memory` (of the engine, beyond what it reserves at its start)
    and `output` (of JSON text) in bytes, `depth` in levels of nesting.
    """

    wall: float = 60
    cpu: int = 120
    memory: int = 2048 * _MIB
    output: int = 64 * _MIB
    depth: int = 200


DEFAULT_LIMITS = Limits()


def size_text(size: int) -> str:
    """A size in bytes as people read it: ``64 MiB``, ``1.5 GiB``."""
    for unit, width in (("GiB", 1024 * _MIB), ("MiB", _MIB), ("KiB", 1024)):
        if size >= width:
            return f"{size / width:.4g} {unit}"
    return f"{size} bytes"
