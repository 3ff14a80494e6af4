"""Environments: what their files say, and what is left when the files they extend are merged in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from envctl.model.gates import Gates, GatesFile
from envctl.model.values import JsonObject

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value in a document: keys of objects and positions in lists."""


@dataclass(frozen=True, slots=True)
class ComponentUse:
    """One entry of `components` in an environment file. Not `enabled` takes out what a parent named."""

    name: str
    enabled: bool = True
    config: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnvironmentFile:
    """One ``environments/<name>/environment.yaml``, read by itself.

    - `abstract` environments are only there to be extended; they have no deploy branch.
    - `promotes_from`: None where the file does not say; empty: tracks the source branch.
    - `refuse`: which objects it takes from no component; None where the file does not say.
    - `components`: None where the file has no such key, which is not the same as an empty list.
    - `lines` tells the line of each value in the file.
    """

    name: str
    path: str
    abstract: bool = False
    extends: tuple[str, ...] = ()
    promotes_from: tuple[str, ...] | None = None
    namespace: str | None = None
    refuse: tuple[str, ...] | None = None
    components: tuple[ComponentUse, ...] | None = None
    config: JsonObject = field(default_factory=dict)
    gates: GatesFile = field(default_factory=GatesFile)
    lines: Mapping[KeyPath, int] = field(default_factory=dict, compare=False, repr=False)

    def place(self, path: KeyPath) -> str:
        """Where a value stands, or the nearest value around it: ``<file>:<line>``."""
        return nearest_place(self.path, self.lines, path)


@dataclass(frozen=True, slots=True)
class Layer:
    """Config of one component as one file says it.

    `source` is the file. The value stands at `prefix` in it; `lines` are those of the whole file.
    """

    source: str
    value: JsonObject
    prefix: KeyPath = field(default=(), compare=False, repr=False)
    lines: Mapping[KeyPath, int] = field(default_factory=dict, compare=False, repr=False)

    def place(self, path: KeyPath) -> str:
        """Where a value of this layer stands: ``<file>:<line>``."""
        return nearest_place(self.source, self.lines, self.prefix + path)


@dataclass(frozen=True, slots=True)
class ComponentInstance:
    """A component in one environment. `config` is what its `layers`, weakest first, merge to."""

    name: str
    config: JsonObject = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment with everything it extends merged in.

    `chain` names the environments whose files and overlays count, weakest first; the last one is
    the environment itself. `gates` are what promotions into it have to pass.
    """

    name: str
    chain: tuple[str, ...]
    namespace: str | None = None
    promotes_from: tuple[str, ...] | None = None
    refuse: tuple[str, ...] = ()
    components: tuple[ComponentInstance, ...] = ()
    gates: Gates = field(default_factory=Gates)


def nearest_place(file: str, lines: Mapping[KeyPath, int], path: KeyPath) -> str:
    """``<file>:<line>`` of a value, or of the nearest one around it; the file alone where none is known."""
    for length in range(len(path), -1, -1):
        if path[:length] in lines:
            return f"{file}:{lines[path[:length]]}"
    return file
