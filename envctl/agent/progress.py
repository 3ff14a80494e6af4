"""Where the agent stands, as one value that is replaced with each step."""

from dataclasses import dataclass

from envctl.agent.source import Head
from envctl.model.plan import ObjectResult, Refusal, Wait


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the agent stands.

    `tried` is the commit that was begun last, `target` the same while it is under way (empty at
    rest), `applied` the last one that went through without a failure. `unread` says why the store
    lacks the wanted commit.
    """

    head: Head | None = None
    tried: str = ""
    applied: str = ""
    target: str = ""
    refusal: str = ""
    trouble: str = ""
    unread: str = ""
    failures: tuple[ObjectResult, ...] = ()
    refused: tuple[Refusal, ...] = ()
    waits: tuple[Wait, ...] = ()
    retry_at: float | None = None
    retries: int = 0
