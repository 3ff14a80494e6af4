"""A plan out of an inventory: what is applied in which order, what is pruned, what a guard refuses."""

from collections.abc import Callable, Mapping, Sequence

from envctl.model.inventory import Inventory, InventoryEntry, with_changes
from envctl.model.objects import ObjectId
from envctl.model.plan import Plan
from envctl.planning.guards import ANY, Window, judge, nobody
from envctl.planning.steps import Steps
from envctl.planning.waves import NO_STEPS, order, reverse_order


def make_plan(
    inventory: Inventory,
    changed: tuple[InventoryEntry, ...],
    depends_on: Mapping[str, Sequence[str]],
    own: Callable[[ObjectId], bool] = nobody,
    window: Window | None = None,
    steps: Steps = NO_STEPS,
    environment: str = ANY,
) -> Plan:
    """The plan that settles an inventory in which `changed` stand already.

    `own` tells what the agent runs on, `window` what the budget of removals counts, `steps` what is applied
    before what; hints name `environment`. Looks at unsettled entries only. What the guards say is in
    `changed` of the plan too. Raises InputError for a circle in `depends_on`.
    """
    open_ones = [inventory.entries[key] for key in sorted(inventory.unsettled)]
    leaving = [entry for entry in open_ones if entry.leaving]
    fresh = sum(1 for entry in open_ones if not entry.leaving and not entry.blob)
    judged = judge(leaving, len(inventory.entries) - fresh, own, window, environment)
    inventory = with_changes(inventory, judged.entries)
    kept = {refusal.subject for refusal in judged.refused}
    pruned = [inventory.entries[entry.id] for entry in leaving if str(entry.id) not in kept]
    return Plan(
        waves=order((entry for entry in open_ones if not entry.leaving), steps),
        prune=reverse_order(pruned, depends_on),
        refused=judged.refused,
        changed=tuple({entry.id: entry for entry in (*changed, *judged.entries)}.values()),
    )
