"""What a component says of itself beside its jsonnet: ``components/<name>/component.yaml``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ComponentFile:
    """The optional settings of a component.

    `depends_on` names the components that must be healthy before this one is applied.
    """

    depends_on: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    description: str = ""
