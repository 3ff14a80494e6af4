"""What a component says of itself, apart from its jsonnet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ComponentFile:
    """One component.yaml; every key is optional."""

    depends_on: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    description: str = ""
