"""``envctl health``: how healthy objects in files are, by the agent's own rules."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from envctl import wiring
from envctl.cli.options import Session, common
from envctl.cli.printers import counted, emit, say, table, terminal_width
from envctl.cli.terminal import harmless
from envctl.errors import EXIT_CLEAN, EXIT_FAILED, InputError
from envctl.health.rules import Rules, assess
from envctl.manifests.stream import Placed
from envctl.model.cluster import object_id
from envctl.model.health import PASSED, SEVERITY, Assessment, severity, worst
from envctl.model.values import JsonObject


@dataclass(frozen=True, slots=True)
class _Judged:
    """An object, and how healthy it is."""

    placed: Placed
    found: Assessment

    @property
    def fine(self) -> bool:
        return self.found.health in PASSED


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option(
    "--rules",
    "own",
    metavar="PATH",
    multiple=True,
    help="Rules of your own, a file or a folder of them; they go before envctl's.",
)
@click.option(
    "--unhealthy", is_flag=True, help="List only the objects that are not healthy, the worst first."
)
@common
def health(
    session: Session,
    files: tuple[str, ...],
    own: tuple[str, ...],
    unhealthy: bool,  # noqa: FBT001
) -> int:
    """Say how healthy objects in files are.

    By the rules that the agent goes by, and only from what the objects themselves say. FILE is a file of
    YAML or JSON documents, a folder of such files, or - for standard input; lists of objects are looked into.
    Exit code 0 where every object is Healthy or Suspended, else 1.

    \b
    kubectl get deployments,pods -n shop -o json | envctl health -
    envctl health dump/ --unhealthy
    envctl health model.yaml --rules health/example.com.yaml
    """
    rules = wiring.health_rules(own)
    judged = _judged(rules, wiring.live_objects(files))
    if not judged:
        raise InputError("there is no object in it", place=", ".join(files))
    shown = _worst_first(each for each in judged if not each.fine) if unhealthy else judged
    emit(session, _data(judged, shown), _lines(shown))
    counts = Counter(each.found.health for each in judged)
    told = ", ".join(f"{counts[each]} {each}" for each in SEVERITY if counts[each])
    say(session, f"{counted(len(judged), 'object')}: {told}")
    return EXIT_CLEAN if all(each.fine for each in judged) else EXIT_FAILED


def _judged(rules: Rules, objects: Sequence[Placed]) -> list[_Judged]:
    return [_Judged(each, assess(rules, each.value)) for each in objects]


def _worst_first(judged: Iterator[_Judged]) -> list[_Judged]:
    return sorted(judged, key=lambda each: -severity(each.found.health))


def _data(judged: Sequence[_Judged], shown: Sequence[_Judged]) -> JsonObject:
    counts = Counter(each.found.health for each in judged)
    return {
        "health": str(worst(each.found.health for each in judged)),
        "counts": {str(each): counts[each] for each in SEVERITY if counts[each]},
        "objects": [_object_data(each) for each in shown],
    }


def _object_data(judged: _Judged) -> JsonObject:
    key = object_id(judged.placed.value)
    return {
        "object": str(key),
        "group": key.group,
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
        "health": str(judged.found.health),
        "reason": judged.found.reason,
        "place": judged.placed.place,
    }


def _lines(shown: Sequence[_Judged]) -> Iterator[str]:
    if not shown:
        return
    rows = [
        (
            str(each.found.health),
            harmless(str(object_id(each.placed.value))),
            each.placed.place,
            harmless(each.found.reason) or "-",
        )
        for each in shown
    ]
    yield from table(("HEALTH", "OBJECT", "PLACE", "REASON"), rows, width=terminal_width())
