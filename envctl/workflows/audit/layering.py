"""Which layer gives each field of an object its value: the last one at which it became what it is.

A component is evaluated with more and more of its layers. One that does not evaluate yet, because
it needs config, is not there yet. What the weakest one that evaluates gives is told apart by
evaluating it again with other config: what differs then comes from config, the rest from code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envctl.manifests.leaves import NAMESPACE, Leaf, same_value
from envctl.model.evaluation import Evaluation
from envctl.model.values import JsonValue
from envctl.ports import Evaluator
from envctl.workflows.audit.blamed import BlamedLayer, LayerKind
from envctl.workflows.audit.grounds import Ground, Sought, Values

_NONE = BlamedLayer(LayerKind.NONE)


@dataclass(frozen=True, slots=True)
class _Steps:
    """The values at each layer, weakest first, None where nothing was there; `first` is the first there."""

    layers: tuple[BlamedLayer, ...]
    values: tuple[Values | None, ...]

    @property
    def first(self) -> int:
        return next((at for at, each in enumerate(self.values) if each is not None), len(self.values))

    def of(self, leaf: Leaf) -> int | None:
        """The layer that gives a field its value; None where the whole gives another one."""
        at = len(self.values)
        while at and has_value(self.values[at - 1], leaf.key, leaf.value):
            at -= 1
        return at if at < len(self.values) else None


def has_value(values: Values | None, key: str, value: JsonValue) -> bool:
    """Whether a field is there with this value."""
    return values is not None and key in values and same_value(values[key], value)


def layers_of(
    evaluator: Evaluator,
    ground: Ground,
    outcomes: Sequence[Evaluation],
    sought: Sought,
    wanted: Sequence[Leaf],
) -> Mapping[str, BlamedLayer]:
    """The layer of each field by its key; `outcomes` are those of the ground's layers."""
    layers = tuple(layer for layer, _ in ground.layers())
    steps = _Steps(layers, tuple(sought.values(each) for each in outcomes))
    found: dict[str, BlamedLayer] = {}
    unsure: list[Leaf] = []
    for leaf in wanted:
        at = steps.of(leaf)
        if at is None:
            found[leaf.key] = _namespace(ground, steps, leaf)
            continue
        found[leaf.key] = layers[at]
        if at == steps.first <= len(ground.instance.layers):
            unsure.append(leaf)
    if unsure:
        found |= _told_apart(evaluator, ground, sought, unsure, steps)
    return found


def _namespace(ground: Ground, steps: _Steps, leaf: Leaf) -> BlamedLayer:
    """The environment, where it gives the namespace that the object itself does not set; else no layer."""
    whole = steps.values[-1]
    left_open = leaf.key == NAMESPACE and whole is not None and NAMESPACE not in whole
    if left_open and ground.environment.namespace == leaf.value:
        return BlamedLayer(LayerKind.NAMESPACE, ground.namespace_file)
    return _NONE


def _told_apart(
    evaluator: Evaluator, ground: Ground, sought: Sought, wanted: Sequence[Leaf], steps: _Steps
) -> Mapping[str, BlamedLayer]:
    """What the weakest layer that evaluates gives: by the component's code, its default config, or itself."""
    layer, folder = steps.layers[steps.first], steps.layers[0].file
    tasks = ground.probes(steps.first, given=False)
    given = ground.probes(steps.first, given=True) if steps.first else ()
    probed = [sought.values(each) for each in evaluator.evaluate([*tasks, *given])]
    found = {}
    for leaf in wanted:
        by_config = _depends(probed[: len(tasks)], leaf)
        by_layer = _depends(probed[len(tasks) :], leaf)
        kinds = {False: LayerKind.CODE, True: LayerKind.DEFAULT_CONFIG}
        unsure = by_config is None or by_layer is not False
        found[leaf.key] = layer if unsure else BlamedLayer(kinds[by_config is True], folder)
    return found


def _depends(probed: Sequence[Values | None], leaf: Leaf) -> bool | None:
    """Whether a field changes with any of the probes; None where that cannot be said."""
    if any(each is not None and not has_value(each, leaf.key, leaf.value) for each in probed):
        return True
    return None if any(each is None for each in probed) else False
