"""Locks: the pinned source revision of each component of an environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pin:
    """One component's pinned revision (40 hex digits) and the environment it was promoted from."""

    revision: str
    from_environment: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """The pins of one environment by component."""

    pins: Mapping[str, Pin] = field(default_factory=dict)
