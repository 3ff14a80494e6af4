"""``envctl blame``: which source commit, author and layer gave each field of an object its value."""

import json
from collections.abc import Iterator

import click

from envctl import wiring
from envctl.cli.differences import colorless
from envctl.cli.history import instant
from envctl.cli.names import environment_names
from envctl.cli.options import Session, common
from envctl.cli.printers import emit, short, table, telling, terminal_width
from envctl.delivery.history import Deployment
from envctl.errors import EXIT_CLEAN
from envctl.manifests.scalars import is_plain
from envctl.model.git import Commit
from envctl.model.values import JsonObject, JsonValue
from envctl.workflows.audit.blame import BlameOptions
from envctl.workflows.audit.blame import blame as run
from envctl.workflows.audit.blamed import Blame, BlamedLayer, FieldBlame, LayerKind, PinChange

_HEADER = ("SOURCE", "AUTHOR", "DATE", "DEPLOY", "LAYER", "FIELD")
_WORDS = {
    LayerKind.CODE: "code",
    LayerKind.DEFAULT_CONFIG: "default config",
    LayerKind.COMPONENT: "component",
    LayerKind.ENVIRONMENT_CONFIG: "config of",
    LayerKind.COMPONENT_SETTINGS: "settings in",
    LayerKind.OVERLAY: "overlay of",
    LayerKind.NAMESPACE: "namespace of",
    LayerKind.NONE: "-",
}
_VALUE = 32
_DAY = 10  # letters of a date without its time
_FIELD = 24


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=environment_names)
@click.argument("named", metavar="OBJECT")
@click.argument("field", metavar="[FIELD]", required=False, default="")
@common
def blame(session: Session, environment: str, named: str, field: str) -> int:
    """Show who gave each field of an object its value.

    For every field of a published object: the layer that it comes from (component, environment.yaml,
    overlay), the source commit with its author, and the deploy commit that brought it. Values
    of Secrets are masked.

    OBJECT is Kind/name, kind.group/name, namespace/Kind/name, or a path on the deploy branch. With
    FIELD, that field and all below it.

    \b
    envctl blame prod Deployment/gateway
    envctl blame prod Deployment/gateway spec.replicas
    envctl blame prod gateway/ai-prod/Deployment.apps_gateway.yaml -o json
    """
    repository = wiring.open_repository(session.directory)
    with telling(session, f"looking into {environment} …"), wiring.evaluator(repository) as engine:
        found = run(repository, engine, BlameOptions(environment, named, field))
    emit(session, _data(found), _lines(found))
    return EXIT_CLEAN


def _data(found: Blame) -> JsonObject:
    return {
        "environment": found.environment,
        "deployCommit": found.tip,
        "component": found.component,
        "path": found.path,
        "group": found.object.group,
        "kind": found.object.kind,
        "namespace": found.object.namespace,
        "name": found.object.name,
        "cut": found.cut,
        "fields": [_field_data(each) for each in found.fields],
    }


def _field_data(each: FieldBlame) -> JsonObject:
    return {
        "path": each.leaf.path,
        "value": each.leaf.shown,
        "layer": each.layer.kind.value,
        "file": each.layer.file,
        "source": _commit_data(each.origin.commit),
        "bounded": each.origin.bounded,
        "note": each.origin.note,
        "deploy": _deploy_data(each.deployment),
        "broughtBy": _pin_data(each.pin),
    }


def _commit_data(commit: Commit | None) -> JsonValue:
    if commit is None:
        return None
    return {
        "commit": commit.id,
        "author": commit.author.name,
        "email": commit.author.email,
        "time": instant(commit.author.time),
        "subject": commit.subject,
    }


def _deploy_data(each: Deployment | None) -> JsonValue:
    if each is None:
        return None
    return {
        "commit": each.commit,
        "sequence": each.sequence,
        "kind": each.kind.value,
        "author": each.author.name,
        "email": each.author.email,
        "time": instant(each.committer.time),
        "subject": each.subject,
        "problem": each.problem,
    }


def _pin_data(pin: PinChange | None) -> JsonValue:
    if pin is None:
        return None
    found = dict(_commit_data(pin.commit) or {})  # type: ignore[arg-type]
    return {**found, "promotedFrom": pin.promoted_from, "rollbackTo": pin.rollback_to}


def _lines(found: Blame) -> Iterator[str]:
    yield f"{colorless(str(found.object))} at {found.environment}@{short(found.tip)} ({found.component})"
    yield ""
    width = terminal_width()
    rows = [_row(each) for each in found.fields]
    if width:
        taken = sum(max(len(row[at]) for row in (_HEADER, *rows)) + 2 for at in range(len(_HEADER) - 1))
        rows = [(*row[:-1], shortened(row[-1], max(width - taken, _FIELD))) for row in rows]
    yield from table(_HEADER, rows)
    yield ""
    yield from dict.fromkeys(line for each in found.fields for line in _layer_notes(each))
    yield from dict.fromkeys(line for each in found.fields for line in _notes(each))
    notes = dict.fromkeys(each.origin.note for each in found.fields if each.origin.note)
    for note in notes:
        about = [_path(each) for each in found.fields if each.origin.note == note]
        yield f"{about[0] if len(about) == 1 else f'{len(about)} fields'}: {colorless(note)}"
    if found.cut:
        yield f"the history here ends early: {found.cut} (a shallow clone: git fetch --unshallow)"


def _row(each: FieldBlame) -> tuple[str, ...]:
    commit, deploy = each.origin.commit, each.deployment
    return (
        f"{short(commit.id)}{'?' if each.origin.bounded else ''}" if commit else "-",
        _one_line(commit.author.name) if commit else "-",
        instant(commit.author.time)[:_DAY] if commit else "-",
        f"{_number(deploy)} {short(deploy.commit)}" if deploy else "-",
        _layer(each.layer),
        f"{_path(each)}: {_value(each.leaf.shown)}",
    )


def _path(each: FieldBlame) -> str:
    return colorless(each.leaf.path.removeprefix("$").removeprefix("."))


def _value(value: JsonValue) -> str:
    """A value on one line, shortened, so that 1 and "1" differ."""
    text = value if isinstance(value, str) and is_plain(value) else json.dumps(value, ensure_ascii=False)
    return colorless(text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…")


def shortened(text: str, width: int) -> str:
    """A text with its middle left out where it is too long: a field's name and value are at its end."""
    if len(text) <= width:
        return text
    end = width * 2 // 3
    return f"{text[: width - end - 1]}…{text[len(text) - end :]}"


def _layer(layer: BlamedLayer) -> str:
    """A layer in few words: ``overlay of base``."""
    words = _WORDS[layer.kind]
    return f"{words} {layer.file.split('/')[1]}" if words.endswith((" of", " in")) else words


def _number(deployment: Deployment) -> str:
    return f"#{deployment.sequence}" if deployment.sequence else "#-"


def _one_line(text: str) -> str:
    return colorless(" ".join(text.split()))


def _layer_notes(each: FieldBlame) -> Iterator[str]:
    """Where a layer stands."""
    if each.layer.file:
        yield f"{_layer(each.layer)}: {colorless(each.layer.file)}"


def _notes(each: FieldBlame) -> Iterator[str]:
    """What a line has no room for: subjects of commits, and promotions."""
    commit, pin, deploy = each.origin.commit, each.pin, each.deployment
    if commit:
        yield f"{short(commit.id)} {_one_line(commit.subject)}"
    if pin and deploy:
        how = f"promoted from {_place(pin.promoted_from)}" if pin.promoted_from else "pinned"
        how = f"rolled back to {_place(pin.rollback_to)}" if pin.rollback_to else how
        who = _one_line(str(pin.commit.author))
        yield f"{_number(deploy)} {how} by {who}: {short(pin.commit.id)} {_one_line(pin.commit.subject)}"


def _place(text: str) -> str:
    name, at, commit = text.partition("@")
    return colorless(f"{name}{at}{commit[:12]}")
