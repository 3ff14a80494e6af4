"""``envctl schema``: the JSON Schemas of the files that people write, for their editors."""

from collections.abc import Iterator

import click

from envctl.cli.options import Session, common
from envctl.cli.printers import emit, json_text, table
from envctl.config.shipped import SHIPPED, shipped_schema
from envctl.errors import UsageError
from envctl.model.values import JsonObject


@click.command()
@click.argument("name", required=False, metavar="[NAME]")
@common
def schema(session: Session, name: str | None) -> None:
    """Print the JSON Schema of a file, for an editor.

    Without a name, lists the schemas and the files that they are for.

    \b
    envctl schema environment > .envctl/environment.schema.json
    """
    if name is None:
        emit(session, _listing(), _lines())
        return
    if name not in SHIPPED:
        raise UsageError(f"there is no schema {name}", hint=f"schemas: {', '.join(SHIPPED)}")
    click.echo(json_text(shipped_schema(name), indent=2))


def _listing() -> JsonObject:
    return {
        "schemas": [
            {"name": name, "files": files, "id": shipped_schema(name)["$id"]}
            for name, files in SHIPPED.items()
        ]
    }


def _lines() -> Iterator[str]:
    yield from table(("NAME", "FILES"), list(SHIPPED.items()))
