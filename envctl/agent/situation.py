"""The one value that all that an agent says of an environment is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from envctl.model.health import Assessment
from envctl.model.inventory import Inventory
from envctl.model.objects import ObjectId
from envctl.model.observed import Health
from envctl.model.plan import ObjectResult, Refusal, Wait

REFUSAL = 600
"""The characters of a refusal that the status keeps."""


@dataclass(frozen=True, slots=True)
class Situation:
    """How an environment stands in its cluster.

    - `lost`: the inventory may not be all that was applied.
    - `working`: a reconcile is under way. `ended`: no other one follows by itself.
    - `waits`: the steps that wait for others.
    - `absent`: there is no such branch. `source_error`: why it cannot be read; `unread`: why its newest
      commit is not fetched. `refusal`: why that is refused. `trouble`: why a reconcile ended early.
    - `failures`, `refused`: of the last reconcile. `fights`: object → manager.
    - `left`: drift that is not healed because nobody wants it to be: object → what was changed.
    - `health`: the worst of the `components`, whose reasons name an object.
    """

    inventory: Inventory
    applied: str = ""
    lost: bool = False
    working: bool = False
    ended: bool = False
    absent: bool = False
    source_error: str = ""
    unread: str = ""
    refusal: str = ""
    trouble: str = ""
    waits: tuple[Wait, ...] = ()
    failures: tuple[ObjectResult, ...] = ()
    refused: tuple[Refusal, ...] = ()
    fights: tuple[tuple[ObjectId, str], ...] = ()
    health: Health = Health.UNKNOWN
    components: Mapping[str, Assessment] = field(default_factory=dict)
    left: tuple[tuple[ObjectId, str], ...] = ()
    healed: int = 0
    last_healed: str = ""
    last_healed_at: str = ""


def fight_text(fights: Sequence[tuple[ObjectId, str]]) -> str:
    """Who keeps changing what, in one line; empty where nobody does."""
    if not fights:
        return ""
    key, manager = fights[0]
    who = manager or "somebody"
    more = f", and {len(fights) - 1} more" if len(fights) > 1 else ""
    return f"{who} keeps changing {key}{more}"


def in_one_line(text: str, longest: int) -> str:
    """A text without line breaks, cut where it is longer than so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
