"""The jsonnet engines, as a table: how each is found, started and tuned. No engine is imported here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from envctl.errors import UnavailableError, UsageError

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine. `reserve` is the address space in bytes that it takes before it evaluates anything."""

    name: str
    module: str
    distribution: str
    reserve: int
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_variable: str = ""

    def settings(self, memory: int) -> dict[str, str]:
        """The environment that a worker of this engine starts with, for `memory` bytes."""
        soft = {self.memory_variable: str(memory * 3 // 4)} if self.memory_variable else {}
        return {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1", **self.environment, **soft}


ENGINES: Mapping[str, Engine] = {
    # The Go runtime reads these once, before its first instruction: they count only in the environment.
    # Few threads keep its reserved address space the same on machines with many cores.
    "gojsonnet": Engine(
        name="gojsonnet",
        module="_gojsonnet",
        distribution="gojsonnet",
        reserve=1280 * _MIB,
        environment={"GOGC": "400", "GOMAXPROCS": "4", "GOTRACEBACK": "none"},
        memory_variable="GOMEMLIMIT",
    ),
}


def engine_named(name: str) -> Engine:
    """The engine of that name. Raises UsageError that lists the known ones."""
    if name not in ENGINES:
        raise UsageError(f"there is no jsonnet engine {name}", hint=f"engines: {', '.join(sorted(ENGINES))}")
    return ENGINES[name]


def engine_version(engine: Engine) -> str:
    """Name and exact version of an installed engine. Raises UnavailableError where it is absent."""
    try:
        return f"{engine.name} {version(engine.distribution)}"
    except PackageNotFoundError as error:
        raise _absent(engine) from error


def engine_file(engine: Engine) -> Path:
    """The file of the engine's module. Raises UnavailableError where it is not installed."""
    spec = find_spec(engine.module)
    if spec is None or spec.origin is None:
        raise _absent(engine)
    return Path(spec.origin)


def _absent(engine: Engine) -> UnavailableError:
    return UnavailableError(
        f"the jsonnet engine {engine.name} is not installed for this Python",
        hint=f"install it: python -m pip install {engine.distribution}",
    )
