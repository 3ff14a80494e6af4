"""What a deploy commit says of itself, compared with what it should say: every difference as a sentence.

A deploy commit is written anew by its parent, its tree and its source (`deploy_draft`), so each
byte of its message, its author and its dates is known beforehand.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

from envctl.delivery.trailers import Trailer, parse_trailers
from envctl.model.git import Commit, CommitDraft, Signature


def draft_problems(found: Commit, expected: CommitDraft, source: str) -> tuple[str, ...]:
    """Where a commit is not its draft, in all but tree and parents. `source` is the short source id."""
    return (
        *_signature_problems("author", found.author, expected.author, source),
        *_signature_problems("committer", found.committer, expected.committer, source),
        *message_problems(found.message, expected.message),
    )


def _signature_problems(role: str, found: Signature, expected: Signature, source: str) -> Iterator[str]:
    if str(found) != str(expected):
        yield f"its {role} is {found}, expected {expected} as in the source commit {source}"
    if (found.time, found.zone) != (expected.time, expected.zone):
        when = f"{instant(found)}, expected {instant(expected)} as in the source commit {source}"
        yield f"its {role} date is {when}"


def instant(signature: Signature) -> str:
    """When something was signed, RFC 3339; seconds and offset where no calendar has that day."""
    try:
        zone = timezone(timedelta(seconds=signature.zone)) if signature.zone else UTC
        return datetime.fromtimestamp(signature.time, zone).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return f"{signature.time} {signature.zone:+d}"


def message_problems(found: str, expected: str) -> tuple[str, ...]:
    """Where a message is not the one expected: trailer by trailer, the subject, all else."""
    if found == expected:
        return ()
    trailers, wanted = parse_trailers(found), parse_trailers(expected)
    problems = [*_trailer_problems(trailers, wanted)]
    if not problems and trailers != wanted:
        problems.append("its trailers stand in another order")
    subject, right = found.partition("\n")[0], expected.partition("\n")[0]
    if subject != right:
        problems.append(f"its subject is '{subject}', expected '{right}'")
    if not problems:
        problems.append("its message holds other text than envctl writes")
    return tuple(problems)


def _trailer_problems(found: Sequence[Trailer], expected: Sequence[Trailer]) -> Iterator[str]:
    for key in dict.fromkeys(key for key, _ in (*expected, *found)):
        have, want = _values(found, key), _values(expected, key)
        if have == want:
            continue
        if not want:
            yield f"{key} is {_listed(have)}, which no source commit says"
        elif not have:
            yield f"{key} is missing" + (f", expected {_listed(want)}" if any(want) else "")
        elif len(have) > 1 and len(want) == 1:
            yield f"{key} is there {len(have)} times ({_listed(have)}), expected {_listed(want)}"
        else:
            yield f"{key} is {_listed(have)}, expected {_listed(want)}"


def _values(trailers: Sequence[Trailer], key: str) -> list[str]:
    return [value for name, value in trailers if name == key]


def _listed(values: Sequence[str]) -> str:
    return ", ".join(value or "empty" for value in values)
