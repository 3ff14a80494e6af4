"""The agent's loop: one thread decides, everything else tells it through one queue.

It is level-triggered: what is to do follows from the newest commit, the inventory and what
the watches say, never from what was tried before. While a reconcile waits or sends, drift is
healed, and a newer commit makes it leave as soon as it is fetched. Nothing here waits for Git.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from envctl.agent.board import Board
from envctl.agent.events import Events
from envctl.agent.healer import Healer
from envctl.agent.healthbook import HealthChange, overall
from envctl.agent.mailbox import Crash, Mailbox, Wake
from envctl.agent.observe import Doubt, Drift, Known, Observer
from envctl.agent.options import AgentOptions, Log, World
from envctl.agent.permits import LiftableError
from envctl.agent.progress import Progress
from envctl.agent.quarantine import NoAttempts, Quarantine
from envctl.agent.reconcile import Reconciler
from envctl.agent.report import Reporter
from envctl.agent.setup import prepare
from envctl.agent.situation import Situation
from envctl.agent.source import Head, Source, UnreadError, absence
from envctl.agent.tasks import hint_of
from envctl.errors import (
    ClusterError,
    ConflictError,
    DamagedError,
    EnvctlError,
    InputError,
    RefusedError,
    UnavailableError,
)
from envctl.health.rules import Rules
from envctl.model.objects import ObjectId
from envctl.model.plan import Action, ObjectResult, ReconcileResult, Wait
from envctl.model.status import Level
from envctl.ports import Attempts, Clock, Cluster, Repository

# Status and inventory follow heals at most this often, in seconds.
_TIDY = 1.0
# How long until a status that could not be written, or that names a fight, is looked at again.
_LATER = 15.0
_JOIN = 2.0
# How long what is due by the clock may wait while requests are sent.
_GLANCE = 0.02
# Objects that are named one by one for one reconcile.
_NAMED = 100
_BUSY, _BROKEN = 429, 500


class Agent:
    """Keeps one cluster equal to one deploy branch, until it is told to stop."""

    def __init__(
        self,
        options: AgentOptions,
        repository: Repository,
        cluster: Cluster,
        clock: Clock,
        log: Log,
        rules: Rules,
        board: Board | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        """`board` shows to other threads how things stand; `attempts` counts crashes."""
        self._board = board or Board(options.environment, clock.monotonic)
        self._world = World(options, repository, cluster, clock, log, rules)
        self._mailbox = Mailbox()
        self._reconciler = Reconciler(self._world, self._pause, self._watch_waiting)
        self._healer = Healer(self._world, self._reconciler)
        self._reporter = Reporter(self._world, Events(self._world))
        self._observer = Observer(
            self._world,
            Known(
                lambda: self._reconciler.store.inventory.entries,
                self._reconciler.book,
                lambda: self._healer.left,
                self._reconciler.applier.versions,
            ),
            self._mailbox.put,
            self._crashed,
        )
        self._source = Source(self._world, self._mailbox.put, self._crashed, self._needed)
        self._quarantine = Quarantine(self._world, attempts or NoAttempts())
        self._stop = threading.Event()
        self._progress = Progress()
        self._tidy_at: float | None = None
        self._doubt_at: float | None = None  # when the inventory is looked at: it may be another one
        self._waits: tuple[Wait, ...] = ()
        self._glance_at = 0.0
        self._untold = ""  # why the last report could not be written

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set; then finish the requests under way, and return.

        Raises what stands in the way at the start: no rights, a damaged inventory. Later errors
        are reported and tried again; a bug in any thread is raised here.
        """
        self._stop = stop
        self._board.begin(
            lambda: self._mailbox.put(Wake()), lambda: self._source.read_at, self._observer.trouble
        )
        # The loop waits for the mailbox alone, so the event is turned into a message.
        threading.Thread(target=self._announce_stop, name="envctl-stop", daemon=True).start()
        try:
            self._begin()
            while not stop.is_set():
                self._attend(self._patience())
                if not stop.is_set() and self._must_reconcile():
                    self._reconcile()
                self._watch_late()
                self._check_inventory()
                self._tidy()
        finally:
            self._end()

    def _crashed(self, error: Exception) -> None:
        self._mailbox.put(Crash(error))

    def _announce_stop(self) -> None:
        self._stop.wait()
        self._mailbox.put(Wake())

    def _begin(self) -> None:
        options, pause = self._world.options, self._world.options.retry_first
        while not self._stop.is_set():
            try:
                prepare(self._world, self._pause)
                self._reconciler.store.load()
                self._resume()
            except (UnavailableError, ClusterError) as error:
                if not _passes(error):
                    error.hint = hint_of(error, options.environment)
                    raise
                self._world.say(Level.WARNING, f"cannot start yet: {error.line}")
                self._stop.wait(max(pause, min(error.retry_after, options.retry_most)))
                pause = min(2 * pause, options.retry_most)
            else:
                self._world.say(Level.INFO, f"watching {options.branch} for {self._world.cluster.url}")
                self._source.start()
                return

    def _resume(self) -> None:
        status = self._reporter.begin()
        self._healer.resume(status)
        self._progress = replace(self._progress, applied=status.applied)
        self._observer.follow()

    def _end(self) -> None:
        self._board.end()
        self._source.stop()
        self._observer.stop()
        self._reconciler.close()
        with suppress(EnvctlError):  # whatever was not written is found out again at the next start
            self._reconciler.store.save()
        if self._source.is_alive():
            self._source.join(_JOIN)
        self._world.say(Level.INFO, "stopped")

    def _now(self) -> float:
        return self._world.clock.monotonic()

    def _attend(self, seconds: float | None) -> None:
        """Take in what happened, waiting so long for something, and heal."""
        messages = tuple(self._mailbox.take(seconds))
        self._board.turn()
        for message in messages:
            if isinstance(message, Drift):
                self._healer.notice(message)
            elif isinstance(message, HealthChange):
                self._tidy_soon()
            elif isinstance(message, Doubt):
                self._doubt_at = self._now()
            elif isinstance(message, Head):
                self._see_head(message)
            elif isinstance(message, Crash):
                raise message.error
        healed, left = self._healer.healed, self._healer.left
        if failed := self._heal():
            self._retry_later()
        if failed or self._healer.healed != healed or self._healer.left is not left:
            self._tidy_soon()

    def _heal(self) -> tuple[ObjectResult, ...]:
        try:
            return self._healer.heal()
        except ConflictError:
            if self._progress.target:
                raise  # the reconcile under way must not go on with an inventory that is not its own
            self._reload()
            self._retry_later()
            return ()

    def _see_head(self, head: Head) -> None:
        branch = self._world.options.branch
        before, trouble = self._progress.head, head.error or head.unread
        if head.fetched and head.commit == self._progress.tried:
            self._progress = replace(self._progress, retry_at=self._now(), retries=0)
        if head.unread:
            self._board.unread()
        if trouble:
            if not before or trouble != (before.error or before.unread):
                self._world.say(Level.WARNING, f"cannot read the branch {branch}: {trouble}")
            # What was read last is still what the branch says, a commit that is refused included.
            head = replace(head, commit=self._progress.head.commit if self._progress.head else None)
        elif head.commit is None:
            self._world.say(Level.WARNING, f"{absence(branch, head.others)}; nothing is changed")
        elif before and (before.error or before.unread):
            self._world.say(Level.INFO, f"the branch {branch} is read again")
        self._progress = replace(self._progress, head=head)
        self._tidy_soon()

    def _pause(self, seconds: float) -> bool:
        """Let time pass inside a reconcile; True when it shall be left."""
        if not seconds and self._mailbox.is_empty() and self._now() < self._glance_at:
            # Between two of thousands of requests, nothing has come and nothing can be due.
            return self._must_leave()
        self._glance_at = self._now() + _GLANCE
        end = self._now() + seconds
        while True:
            self._attend(max(end - self._now(), 0))
            self._check_inventory()
            self._tidy()
            self._quarantine.survived()
            if self._must_leave():
                return True
            if self._now() >= end:
                return False

    def _watch_waiting(self) -> None:
        """See to it that the health of what is waited for is known, and the waiting reported."""
        self._observer.follow()
        if self._reconciler.waits != self._waits:
            self._waits = self._reconciler.waits
            self._tidy_soon()

    def _watch_late(self) -> None:
        """Try again what could not be watched, when it is time: its kind may be served by now."""
        due = self._observer.due
        if due is not None and due <= self._now():
            self._observer.follow()

    def _check_inventory(self) -> None:
        """See whether the cluster still is what memory tells: it may have been restored from a backup."""
        if self._doubt_at is None or self._doubt_at > self._now():
            return
        self._doubt_at = None
        try:
            if self._reconciler.store.is_untouched():
                return
        except EnvctlError:
            self._doubt_at = self._now() + _LATER
            return
        if self._progress.target:
            raise ConflictError("the inventory in the cluster is not the one that was written last")
        self._world.say(Level.WARNING, "the inventory in the cluster is another one by now: it is read again")
        self._reload()
        self._progress = replace(self._progress, retry_at=self._now())

    def _must_leave(self) -> bool:
        progress = self._progress
        newest = progress.head.commit if progress.head else None
        return self._stop.is_set() or bool(progress.target and newest and newest != progress.target)

    def _must_reconcile(self) -> bool:
        wanted, retry_at = self._wanted(), self._progress.retry_at
        due = retry_at is not None and retry_at <= self._now()
        return bool(wanted) and (due or wanted != self._progress.tried)

    def _wanted(self) -> str:
        """The commit to be at: the branch's, else the accepted one; empty where there is none yet."""
        head, accepted = self._progress.head, self._reconciler.store.inventory.accepted
        if head and head.commit:
            return head.commit
        return accepted.revision if accepted and head else ""

    def _reconcile(self) -> None:
        commit, began = self._wanted(), self._now()
        retries = self._progress.retries if commit == self._progress.tried else 0
        self._progress = replace(self._progress, tried=commit, target=commit, retry_at=None, retries=retries)
        self._tidy_at = self._now() + _TIDY
        result: ReconcileResult | None = None
        unread = False
        try:
            if self._progress.trouble:  # our namespace may be what is gone
                prepare(self._world, self._pause)
            with self._quarantine.begun(commit):
                self._require_here(commit)
                result = self._reconciler.reconcile(commit)
            self._note(result)
        except UnreadError as error:
            unread = True
            self._note_unread(error)
        except DamagedError as error:
            self._source.look_now()
            self._note_trouble(error)
        except RefusedError as error:
            self._note_refusal(commit, error)
            if isinstance(error, LiftableError):
                self._progress = replace(self._progress, retry_at=self._now() + self._world.options.interval)
        except InputError as error:
            self._note_refusal(commit, error)
            self._retry_later()
        except ConflictError as error:
            self._note_trouble(error)
            self._reload()
        except EnvctlError as error:
            self._note_trouble(error)
        self._board.reconciled(self._now() - began, result, unread=unread)
        self._progress = replace(self._progress, target="")
        self._observer.follow()
        self._tidy_at = self._now()

    def _require_here(self, commit: str) -> None:
        """Raise UnreadError for a commit that the store has lost, until it is fetched again."""
        head = self._progress.head
        try:
            self._world.repository.commit(commit)
        except DamagedError:
            raise
        except InputError as error:
            self._source.look_now()
            why = head and (head.error or head.unread)
            raise UnreadError(why or f"{commit[:12]} is not fetched yet") from error

    def _needed(self) -> tuple[str, ...]:
        """The commits that the store must keep: the accepted one, and those on the way to be."""
        progress, accepted = self._progress, self._reconciler.store.inventory.accepted
        head = progress.head.commit if progress.head else None
        return (accepted.revision if accepted else "", progress.applied, progress.target, head or "")

    def _note(self, result: ReconcileResult) -> None:
        known, kept = set(self._failures()), set(self._progress.refused)
        failed = [each for each in result.failures if each not in known]
        self._name(Level.WARNING, [(each.id, str(each)) for each in failed])
        gone = [each.id for each in result.results if each.action is Action.DELETED]
        self._name(Level.INFO, [(key, f"pruned {key}") for key in gone])
        stays = [each for each in result.refused if each not in kept]
        self._name(Level.WARNING, [(each.subject, f"not pruned: {each}") for each in stays])
        mended = result.succeeded and bool(self._progress.refusal or self._progress.trouble)
        if mended or not known.issuperset(result.results):
            told = f"{result.revision[:12]}: {result.counted() or 'all stands as it should'}"
            self._world.say(Level.INFO, told, revision=result.revision)
        self._progress = replace(
            self._progress,
            applied=result.revision if result.succeeded else self._progress.applied,
            unread="",
            refusal="",
            trouble="",
            failures=result.failures,
            refused=result.refused,
            waits=result.waits,
        )
        if result.failures or result.again:
            self._retry_later()
        else:
            self._progress = replace(self._progress, retries=0)

    def _failures(self) -> tuple[ObjectResult, ...]:
        """What the last reconcile could not do, and what could not be healed since; each object once."""
        failing = {each.id: each for each in (*self._healer.failing(), *self._progress.failures)}
        return tuple(failing.values())

    def _name(self, level: Level, told: Sequence[tuple[object, str]]) -> None:
        """One entry for each object, but for those beyond a bound."""
        for key, line in told[:_NAMED]:
            self._world.say(level, line, object=str(key))
        if len(told) > _NAMED:
            self._world.say(level, f"the same for {len(told) - _NAMED} more objects")

    def _note_refusal(self, commit: str, error: EnvctlError) -> None:
        if error.line != self._progress.refusal:
            self._world.say(Level.ERROR, f"refused: {error.line}", revision=commit)
        self._progress = replace(self._progress, refusal=error.line, trouble="", unread="")

    def _note_trouble(self, error: EnvctlError) -> None:
        line = self._line(error)
        if line != self._progress.trouble:
            self._world.say(Level.WARNING, line)
        self._progress = replace(self._progress, trouble=line)
        self._retry_later(error.retry_after)

    def _note_unread(self, error: UnreadError) -> None:
        """The commit is not known, so nothing is said of it. What is told of the branch is told once."""
        self._progress = replace(self._progress, unread=error.line, refusal="", trouble="")
        self._retry_later()

    def _line(self, error: EnvctlError) -> str:
        return error.line_with(hint_of(error, self._world.options.environment))

    def _reload(self) -> None:
        """Take over what somebody else wrote to the inventory."""
        try:
            self._reconciler.store.reload()
            self._reporter.begin()
        except EnvctlError as error:
            self._note_trouble(error)

    def _retry_later(self, asked: float = 0) -> None:
        """Go through the commit again after a while, or as long as was asked for; what is due stays due."""
        if self._progress.retry_at is not None:
            return
        options, retries = self._world.options, self._progress.retries
        wait = min(max(options.retry_first * 2.0 ** min(retries, 16), asked), options.retry_most)
        self._progress = replace(self._progress, retry_at=self._now() + wait, retries=retries + 1)

    def _patience(self) -> float | None:
        """How long nothing is to do unless a message comes."""
        if self._must_reconcile():
            return 0
        progress, healer = self._progress, self._healer
        times = (progress.retry_at, healer.next_due(), self._tidy_at, self._observer.due, self._doubt_at)
        due = _earliest(*times)
        return None if due is None else max(due - self._now(), 0)

    def _tidy_soon(self) -> None:
        if self._tidy_at is None:
            self._tidy_at = self._now() + _TIDY

    def _tidy(self) -> None:
        """Write what healing changed, and the status, when it is time."""
        if self._tidy_at is None or self._tidy_at > self._now():
            return
        fights = tuple(self._healer.fights().items())
        self._tidy_at = self._now() + _LATER if fights else None
        try:
            situation = self._situation(fights)
            self._board.show(self._reporter.assess(situation))
            self._reporter.report(situation)
            self._board.told()
            self._tidy_at = _earliest(self._tidy_at, self._reporter.due)
            if not self._progress.target:
                self._reconciler.store.save()
            self._untold = ""
        except ConflictError:
            self._reload()
        except EnvctlError as error:
            line = self._line(error)
            if line != self._untold:
                self._world.say(Level.WARNING, f"cannot report: {line}")
                self._board.told(line)
            self._untold = line
            self._tidy_at = self._now() + _LATER

    def _situation(self, fights: tuple[tuple[ObjectId, str], ...]) -> Situation:
        progress, healer = self._progress, self._healer
        components = self._reconciler.book.components(self._reconciler.store.inventory.entries.values())
        head = progress.head
        unread = head.unread if head else ""
        absent = bool(head and head.absent)
        missing = absence(self._world.options.branch, head.others) if head and absent else ""
        return Situation(
            inventory=self._reconciler.store.inventory,
            applied=progress.applied,
            lost=self._reconciler.store.lost,
            working=bool(progress.target),
            waits=self._reconciler.waits or progress.waits,
            absent=absent,
            source_error=(head.trouble if head else "") or missing or progress.unread,
            unread=unread or progress.unread,
            refusal=progress.refusal,
            trouble=progress.trouble,
            failures=self._failures(),
            refused=progress.refused,
            fights=fights,
            health=overall(components),
            components=components,
            left=tuple(healer.left.items()),
            healed=healer.healed,
            last_healed=healer.last,
            last_healed_at=healer.last_at,
        )


def _passes(error: EnvctlError) -> bool:
    """Whether it may end by itself: there was no answer, or a server that has troubles of its own."""
    return not isinstance(error, ClusterError) or error.status == _BUSY or error.status >= _BROKEN


def _earliest(*times: float | None) -> float | None:
    return min((time for time in times if time is not None), default=None)
