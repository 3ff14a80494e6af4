"""Pins: which source revision of each component an environment runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pin:
    """A component's pinned source revision, and the environment that it was promoted from.

    `hold` says why only a promotion that names the component may move the pin; None where any may.
    """

    revision: str
    from_environment: str | None = None
    hold: str | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """The pins of one environment, by component."""

    pins: Mapping[str, Pin] = field(default_factory=dict)
