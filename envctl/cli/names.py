"""Names that shells complete: read from folders, because a completion must be quick and never fail."""

import re
from pathlib import Path

import click

_ABSTRACT = re.compile(rb"^abstract:\s*true\b", re.MULTILINE)


def environment_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Environments that fit, without abstract ones and those that the call names already."""
    given = _given(context.params.get(parameter.name or ""))
    paths = _paths(context, "environments/*/environment.yaml", incomplete, given)
    return [path.parent.name for path in paths if not _ABSTRACT.search(path.read_bytes())]


def component_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Components that fit, without those that the call names already."""
    given = _given(context.params.get(parameter.name or ""))
    return [path.parent.name for path in _paths(context, "components/*/main.jsonnet", incomplete, given)]


def _given(value: object) -> frozenset[str]:
    return frozenset(str(each) for each in value) if isinstance(value, list | tuple) else frozenset()


def _paths(context: click.Context, pattern: str, incomplete: str, given: frozenset[str]) -> list[Path]:
    folder = pattern.partition("/")[0]
    start = _directory(context).absolute()
    root = next((each for each in (start, *start.parents) if (each / folder).is_dir()), None)
    found = sorted(root.glob(pattern)) if root else []
    return [
        path
        for path in found
        if path.parent.name.startswith(incomplete) and path.parent.name not in given and path.is_file()
    ]


def _directory(context: click.Context) -> Path:
    """The folder that -C names, before or after the command; else the current one."""
    here: click.Context | None = context
    while here:
        if named := here.params.get("directory"):
            return Path(str(named))
        here = here.parent
    return Path()
