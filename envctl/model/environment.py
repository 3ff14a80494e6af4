"""Environments: as their files say, and resolved with their parents merged in."""

from dataclasses import dataclass, field

from envctl.model.values import JsonObject


@dataclass(frozen=True, slots=True)
class ComponentUse:
    """One entry of an environment's component list. `enabled` False removes what a parent added."""

    name: str
    enabled: bool = True
    config: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnvironmentFile:
    """One environment.yaml. `promotes_from` is None where the key is absent."""

    name: str
    extends: tuple[str, ...] = ()
    promotes_from: tuple[str, ...] | None = None
    namespace: str | None = None
    components: tuple[ComponentUse, ...] = ()
    config: JsonObject = field(default_factory=dict)
    abstract: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """Config values that one file sets, for messages that say where a value came from."""

    source: str
    value: JsonObject


@dataclass(frozen=True, slots=True)
class ComponentInstance:
    """One component of one environment: its merged config, and the layers it was merged from."""

    name: str
    config: JsonObject
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment with its parents merged in. `chain` names them, parents first, itself last."""

    name: str
    chain: tuple[str, ...]
    namespace: str | None
    promotes_from: tuple[str, ...] | None
    components: tuple[ComponentInstance, ...]
