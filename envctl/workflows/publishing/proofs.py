"""Deploy commits that are known to be what their source renders to: it was rendered when they were made.

Kept with what renders remember, so it may be gone at any time: then a render has to prove it anew.
`envctl verify` never asks here.
"""

from envctl.ports import RenderCache
from envctl.workflows.publishing.publish import Outcome, Published


def remember_proof(cache: RenderCache | None, published: Published | None, renderer: str) -> None:
    """Remember that a deploy commit, just made, is what this renderer made of its source."""
    if cache and published and published.outcome is Outcome.CREATED:
        cache.put(_key(published.commit, renderer), published.commit.encode())


def is_proven(cache: RenderCache | None, commit: str, renderer: str) -> bool:
    """Whether a deploy commit is remembered so."""
    return cache is not None and cache.get(_key(commit, renderer)) == commit.encode()


def _key(commit: str, renderer: str) -> str:
    return f"proof {renderer} {commit}"
