"""The gates of a promotion, as pure functions: which ones say no, why, and how to pass them (design §5).

Every gate fails closed: what is not known, malformed, or cannot be true is a refusal.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from envctl.delivery.deploy import deploy_branch
from envctl.delivery.windows import open_window
from envctl.errors import Problem
from envctl.model.gates import Facts, Gates, Pause
from envctl.model.observed import Health, Observed
from envctl.model.recurrence import local_text
from envctl.model.times import duration_text, time_text

FREEZE = "freeze"
SUSPEND = "suspend"
# Clocks of machines differ a little. A repository may rest for long, but not for that long.
_SKEW = 300
_FAR = 10 * 366 * 86400
_FORCE = "or override it on the record with --force --reason TEXT"
_SHORT = 12
# An agent reports at least every ten minutes: what is older by more was not followed by another.
_OLD = 1800


@dataclass(frozen=True, slots=True)
class Refusal:
    """One gate that says no: where it is defined or what it looked at, why, and how to pass.

    `gate` is one of ``direction``, ``verified``, ``health``, ``soak``, ``approvals``, ``freeze``,
    ``suspend`` and ``window``.
    """

    gate: str
    place: str
    reason: str
    hint: str

    @property
    def can_be_forced(self) -> bool:
        """Whether ``--force`` overrides it. A suspended environment stays as it is until it is resumed."""
        return self.gate != SUSPEND

    @property
    def problem(self) -> Problem:
        """The refusal as errors tell it: the reason starts with the gate."""
        return Problem(self.place, f"{self.gate}: {self.reason}", self.hint)


def refusals(gates: Gates, facts: Facts) -> tuple[Refusal, ...]:
    """Every gate that says no to a promotion, in a fixed order; none where all pass. Raises nothing."""
    return (
        *_direction(facts),
        *_verified(facts),
        *(_health(facts) if gates.health else ()),
        *(_soak(gates, facts) if gates.soak > 0 else ()),
        *(_approvals(gates, facts) if gates.approvals > 0 else ()),
        *_paused(facts),
        *(_windows(gates, facts) if gates.windows else ()),
    )


def in_force(pauses: Iterable[Pause], kind: str, at: int) -> Pause | None:
    """The freeze or suspend that has not lapsed at a time; None where there is none."""
    return max((each for each in pauses if each.kind == kind and at < each.until), key=_until, default=None)


def suspended(pauses: Iterable[Pause], at: int, seen: int) -> Pause | None:
    """What keeps an environment from being published; None where nothing does.

    A suspend has not lapsed either where the clock that says so cannot be right (see `clock_problem`).
    """
    found = [each for each in pauses if each.kind == SUSPEND]
    standing = in_force(found, SUSPEND, at)
    clock = clock_problem(at, seen) if found and not standing else ""
    if clock:
        newest = max(found, key=_until)
        return replace(newest, reason=f"{newest.reason}; it may have lapsed, but {clock}")
    return standing


def _until(pause: Pause) -> int:
    return pause.until


def clock_problem(at: int, seen: int) -> str:
    """Why the time of a clock cannot be, judged by the newest time that Git tells; "" where it can.

    No clock can tell by itself that it is ahead; one that is years ahead of every commit is.
    """
    try:
        told = f"this machine's clock says {time_text(at)}, the newest time in Git is {time_text(seen)}"
    except ValueError:
        return f"this machine's clock says {at} seconds since 1970, which cannot be right"
    if seen and at < seen - _SKEW:
        return f"{told}: one of them is wrong"
    return f"{told}: the clock is years ahead" if seen and at > seen + _FAR else ""


def _environment_file(facts: Facts) -> str:
    return f"environments/{facts.target}/environment.yaml"


def _status_ref(facts: Facts) -> str:
    return f"refs/envctl/status/{facts.source}"


def _direction(facts: Facts) -> Iterator[Refusal]:
    if facts.source in facts.promotes_from and facts.source != facts.target:
        return
    names = ", ".join(facts.promotes_from) or "nowhere"
    reason = f"{facts.target} is promoted from {names}, not from {facts.source}"
    hint = f"promote from {names}, or change promotesFrom in a reviewed commit"
    yield Refusal("direction", _environment_file(facts), reason, hint)


def _verified(facts: Facts) -> Iterator[Refusal]:
    if facts.problems:
        listed = ", ".join(facts.problems[:3])
        reason = f"the branch is not what its source renders to: {listed}"
        hint = f"see envctl verify {facts.source}, then publish it again"
        yield Refusal("verified", deploy_branch(facts.source), reason, hint)


def _health(facts: Facts) -> Iterator[Refusal]:
    found = _unhealthy(facts)
    if found:
        reason, hint = found
        yield Refusal("health", _status_ref(facts), reason, hint)


def _unhealthy(facts: Facts) -> tuple[str, str] | None:
    """Why it is not known that this very revision is healthy, and how to pass; None where it is known."""
    wanted, observed = facts.deploy_commit, facts.observed
    ref = _status_ref(facts)
    agent = f"fetch it (git fetch origin +{ref}:{ref}), see that its agent runs and may push it, {_FORCE}"
    if facts.unreadable:
        return f"the status of {facts.source} cannot be read: {facts.unreadable}", agent
    if observed is None:
        return f"no status of {facts.source} is here, so its health is not known", agent
    if observed.environment != facts.source:
        return f"the status is one of {observed.environment}, not of {facts.source}", agent
    if not wanted or observed.revision != wanted:
        reason = (
            f"observed in {facts.source} is {observed.revision[:_SHORT]} ({observed.health}), "
            f"and not the published {wanted[:_SHORT] or 'revision'}"
        )
        exactly = f"envctl promote {facts.source}@{observed.revision[:_SHORT]} {facts.target}"
        healthy = observed.health == Health.HEALTHY and bool(wanted)
        instead = f"promote exactly what was observed: {exactly}" if healthy else agent
        return reason, f"wait for the agent, or {instead}"
    return _sick(facts, observed)


def _sick(facts: Facts, observed: Observed) -> tuple[str, str] | None:
    if found := _contradiction(facts, observed):
        return found, f"wait for the next report (envctl status {facts.source}), {_FORCE}"
    if observed.health != Health.HEALTHY:
        sick = sorted(name for name, each in observed.components.items() if each.health != Health.HEALTHY)
        of = f" (not healthy: {', '.join(sick[:5])})" if sick else ""
        reason = f"{facts.source} at {facts.deploy_commit[:_SHORT]} is {observed.health}{of}"
        return reason, f"wait until it is Healthy (envctl status {facts.source}), {_FORCE}"
    return None


def _contradiction(facts: Facts, observed: Observed) -> str:
    """Why a report that says Healthy cannot be true; "" where it can."""
    if observed.health != Health.HEALTHY:
        return ""
    sick = {name: each for name, each in observed.components.items() if each.health != Health.HEALTHY}
    if sick:
        listed = ", ".join(f"{name} is {sick[name].health}" for name in sorted(sick)[:5])
        return f"the status says that {facts.source} is Healthy, and that {listed}"
    if facts.deployed and observed.since < facts.deployed - _SKEW:
        revision = facts.deploy_commit[:_SHORT]
        made = f"and {revision} was made only {_told(facts.deployed)}"
        return f"the status says healthy since {_told(observed.since)}, {made}"
    return ""


def _soak(gates: Gates, facts: Facts) -> Iterator[Refusal]:
    found = _unhealthy(facts) or _too_young(gates, facts)
    if found:
        reason, hint = found
        yield Refusal("soak", _status_ref(facts), reason, hint)


def _too_young(gates: Gates, facts: Facts) -> tuple[str, str] | None:
    clock = clock_problem(facts.at, facts.seen)
    if clock:
        return clock, f"set the clock right, {_FORCE}"
    observed = facts.observed
    if observed is None:
        return "there is no status", _FORCE
    # Only what was observed counts: nobody knows what happened since the last report.
    healthy = min(facts.at, observed.reported) - observed.since
    if observed.since > facts.at or observed.reported > facts.at or observed.since > observed.reported:
        reason = (
            f"the status says healthy since {_told(observed.since)}, reported {_told(observed.reported)}, "
            f"and it is {_told(facts.at)} here: this counts as no time at all"
        )
        return reason, f"set the clocks right, {_FORCE}"
    if healthy < gates.soak:
        wanted, got = duration_text(gates.soak), duration_text(healthy)
        reason = f"{facts.source} at {facts.deploy_commit[:_SHORT]} is healthy for {got}, {wanted} are wanted"
        age = facts.at - observed.reported
        if age <= _OLD:
            return reason, f"promote again from {_told(observed.since + gates.soak)} on, {_FORCE}"
        old = f"as of {_told(observed.reported)}, {duration_text(age)} ago, when it was last reported"
        return f"{reason}; {old}", f"see that the agent of {facts.source} runs and may push, {_FORCE}"
    return None


def _told(seconds: int) -> str:
    try:
        return time_text(seconds)
    except ValueError:
        return f"{seconds} seconds since 1970"


def _approvals(gates: Gates, facts: Facts) -> Iterator[Refusal]:
    promoter = _email(facts.promoter)
    people = {email: each for each in facts.approvals if (email := _email(each)) and email != promoter}
    counted = people if promoter else {}
    if len(counted) >= gates.approvals:
        return
    by = f" (by {', '.join(sorted(counted.values()))})" if counted else ""
    reason = f"{len(counted)} of {gates.approvals} people other than the promoter have approved{by}"
    if not promoter:
        reason = "it is not known who promotes, so nobody else can be told from them"
    hint = (
        f"write the plan (envctl promote {facts.source} {facts.target} --dry-run -o json > plan.json), "
        "have it approved by others (envctl approve plan.json), and apply it: envctl promote --plan plan.json"
    )
    yield Refusal("approvals", gates.places.get("approvals", _environment_file(facts)), reason, hint)


def _email(person: str) -> str:
    """The address in ``Name <email>``, as it is compared; "" where there is none."""
    _, bracket, rest = person.strip().rpartition("<")
    return rest[:-1].strip().casefold() if bracket and rest.endswith(">") else ""


def _paused(facts: Facts) -> Iterator[Refusal]:
    clock = clock_problem(facts.at, facts.seen)
    for kind, state in ((FREEZE, "frozen"), (SUSPEND, "suspended")):
        of_kind = [each for each in facts.pauses if each.kind == kind]
        pause = in_force(of_kind, kind, facts.at)
        if pause:
            reason = f"{facts.target} is {state} until {_told(pause.until)}: {pause.why}{_by(pause)}"
            way = f"wait, or end it: envctl resume {facts.target} --reason TEXT"
            hint = f"{way}; {_FORCE}" if kind == FREEZE else way
            yield Refusal(kind, pause.place, reason, hint)
        elif of_kind and clock:
            reason = f"whether {facts.target} is still {state} cannot be told: {clock}"
            hint = f"set the clock right, or end it: envctl resume {facts.target} --reason TEXT"
            yield Refusal(kind, of_kind[0].place, reason, hint)


def _by(pause: Pause) -> str:
    return f" (by {pause.who})" if pause.who else ""


def _windows(gates: Gates, facts: Facts) -> Iterator[Refusal]:
    place = gates.places.get("windows", _environment_file(facts))
    clock = clock_problem(facts.at, facts.seen)
    if clock:
        yield Refusal("window", place, clock, f"set the clock right, {_FORCE}")
        return
    try:
        found = open_window(gates.windows, facts.at)
        ends = local_text(found.ends, found.window.timezone) if found else ""
    except ValueError as error:
        yield Refusal("window", place, f"the windows cannot be judged: {error}", f"correct them, {_FORCE}")
        return
    if found:
        why = f": {found.window.reason}" if found.window.reason else ""
        reason = f"nothing is promoted to {facts.target} until {ends}{why}"
        yield Refusal("window", found.window.place or place, reason, f"wait until then, {_FORCE}")
