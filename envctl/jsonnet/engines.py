"""The jsonnet engines, as a table: how each is found, started and tuned. No engine is imported here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from envctl.errors import UnavailableError, UsageError

_MIB = 1024 * 1024
# Small heaps are rarely collected: worth a tenth of the time. Large ones stay below this where they can.
_SOFT = 768 * _MIB


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine.

    `reserve` is the address space in bytes that it takes before it evaluates anything. `text`
    engines take imported files as text only. Without `places_imports` an engine
    does not say where a failed import is written. With `letters` native functions
    may only have parameters of one letter: the C++ binding keeps pointers to names that it has
    freed, and only the texts of single characters live for ever.
    """

    name: str
    module: str
    distribution: str
    reserve: int
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_variable: str = ""
    text: bool = False
    places_imports: bool = True
    letters: bool = False

    def settings(self, memory: int) -> dict[str, str]:
        """The environment that a worker of this engine starts with, for `memory` bytes."""
        soft = {self.memory_variable: str(min(memory * 3 // 4, _SOFT))} if self.memory_variable else {}
        return {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1", **self.environment, **soft}


ENGINES: Mapping[str, Engine] = {
    # The Go runtime reads these once, before its first instruction: they count only in the environment.
    # Few threads keep its reserved address space the same on machines with many cores.
    "gojsonnet": Engine(
        name="gojsonnet",
        module="_gojsonnet",
        distribution="gojsonnet",
        reserve=1280 * _MIB,
        environment={"GOGC": "1600", "GOMAXPROCS": "2", "GOTRACEBACK": "none"},
        memory_variable="GOMEMLIMIT",
    ),
    "jsonnet": Engine(
        name="jsonnet",
        module="_jsonnet",
        distribution="jsonnet",
        reserve=64 * _MIB,
        letters=True,
    ),
    "rjsonnet": Engine(
        name="rjsonnet",
        module="rjsonnet",
        distribution="rjsonnet",
        reserve=64 * _MIB,
        environment={"RUST_BACKTRACE": "0"},
        text=True,
        places_imports=False,
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
    found = Path(spec.origin)
    if found.name != "__init__.py":
        return found
    # Some bindings lie in a package of the same name; importing that would load the engine here.
    files = (found.with_name(engine.module + suffix) for suffix in EXTENSION_SUFFIXES)
    inside = next((file for file in files if file.exists()), None)
    if inside is None:
        raise _absent(engine)
    return inside


def libraries() -> dict[str, str]:
    """The packages that native functions need, and their folders. Raises UnavailableError."""
    found = find_spec("yaml")
    if found is None or not found.submodule_search_locations:
        raise UnavailableError("PyYAML is not installed", hint="python -m pip install pyyaml")
    return {
        "yaml": found.submodule_search_locations[0],
        "natives": str(Path(__file__).with_name("natives")),
    }


def _absent(engine: Engine) -> UnavailableError:
    return UnavailableError(
        f"the jsonnet engine {engine.name} is not installed for this Python",
        hint=f"install it: python -m pip install {engine.distribution}",
    )
