"""One component in one environment at any source commit, ready to be evaluated, whole or layer by layer."""

from collections.abc import Mapping
from dataclasses import dataclass

from envctl.config.merge import merge_all
from envctl.config.snippet import PROBES, entry_code, other_config, probe_code
from envctl.errors import EnvctlError
from envctl.manifests.extract import Found, find
from envctl.manifests.kinds import group_of
from envctl.manifests.leaves import NAMESPACE, leaves
from envctl.model.environment import ComponentInstance, Environment
from envctl.model.evaluation import Evaluation
from envctl.model.objects import ObjectId
from envctl.model.values import JsonObject, JsonValue
from envctl.ports import EvaluationTask, Repository, Tree
from envctl.workflows.audit.blamed import BlamedLayer, LayerKind
from envctl.workflows.sources.project import component_path, load_environment, load_project, overlay_paths
from envctl.workflows.sources.snapshot import snapshot_of
from envctl.workflows.sources.source import PinnedTree

Values = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Ground:
    """A component of an environment: what is evaluated, and where its imports are read.

    `namespace_file` is the environment file that sets the default namespace, "" where none does.
    """

    environment: Environment
    instance: ComponentInstance
    tree: Tree
    namespace_file: str

    @property
    def path(self) -> str:
        return component_path(self.instance.name)

    @property
    def overlays(self) -> tuple[str, ...]:
        return overlay_paths(self.tree, self.environment, self.instance.name)

    def task(self) -> EvaluationTask:
        """The component as it is rendered."""
        code = entry_code(self.path, self.instance.config, self.overlays, want_config=False)
        return self._task(code, "")

    def layers(self) -> tuple[tuple[BlamedLayer, EvaluationTask], ...]:
        """The component with more and more of its layers, weakest first; the last is the whole."""
        name, config = self.instance.name, self.instance.config
        found = [(BlamedLayer(LayerKind.COMPONENT, f"components/{name}"), self._config_code({}))]
        for at, layer in enumerate(self.instance.layers, 1):
            whole = layer.prefix == ("config",)
            kind = LayerKind.ENVIRONMENT_CONFIG if whole else LayerKind.COMPONENT_SETTINGS
            merged = merge_all(each.value for each in self.instance.layers[:at])
            found.append((BlamedLayer(kind, layer.source), self._config_code(merged)))
        for at, overlay in enumerate(self.overlays, 1):
            code = entry_code(self.path, config, self.overlays[:at], want_config=False)
            found.append((BlamedLayer(LayerKind.OVERLAY, overlay), code))
        return tuple((layer, self._task(code, name)) for layer, code in found)

    def probes(self, layers: int, *, given: bool) -> tuple[EvaluationTask, ...]:
        """The component with some of its config layers and other values of one type, for each type.

        Other values in all of its config, or (`given`) only in what those layers give.
        """
        merged = merge_all(each.value for each in self.instance.layers[:layers])
        codes = (
            self._config_code(other_config(merged, each)) if given else probe_code(self.path, merged, each)
            for each in PROBES
        )
        return tuple(self._task(code, f"{self.instance.name} probed") for code in codes)

    def _config_code(self, config: JsonObject) -> str:
        return entry_code(self.path, config, (), want_config=False)

    def _task(self, code: str, group: str) -> EvaluationTask:
        return EvaluationTask(f"{self.instance.name} in {self.environment.name}", code, self.tree, group)


def ground_at(
    repository: Repository, environment: str, component: str, commit: str, pin: str | None
) -> Ground | None:
    """A component in an environment as a source commit has it, its code at `pin` where there is one.

    None where they are not there, cannot be read, or one of the commits is not here.
    """
    try:
        current = repository.tree(commit)
        project = load_project(current)
        found = load_environment(project, environment)
        tree = PinnedTree(current, repository.tree(pin)) if pin else current
    except EnvctlError:
        return None
    instance = next((each for each in found.components if each.name == component), None)
    if instance is None:
        return None
    setters = [each for each in found.chain if project.files[each].namespace]
    file = project.files[setters[-1]].path if setters else ""
    return Ground(found, instance, snapshot_of(tree), file)


@dataclass(frozen=True, slots=True)
class Sought:
    """The object that is looked for in evaluated values: where it stands there, else by its identity."""

    id: ObjectId
    origin: str = ""

    def values(self, outcome: Evaluation, namespace: str = "") -> Values | None:
        """The leaf fields of the object by their keys; None where it is not there, or nothing evaluated.

        `namespace` is the default one, "" to leave out a namespace that the object does not set itself.
        """
        found = self.found(outcome)
        if found is None:
            return None
        values = {each.key: each.value for each in leaves(found.value, is_secret=self.id.is_secret)}
        if not self.id.namespace or not values.get(NAMESPACE):
            values.pop(NAMESPACE, None)
            if self.id.namespace and namespace:
                values[NAMESPACE] = namespace
        return values

    def found(self, outcome: Evaluation) -> Found | None:
        """The object as it was evaluated."""
        if outcome.error or not isinstance(outcome.value, dict):
            return None
        everything = find(outcome.value.get("objects"))[0]
        there = (each for each in everything if self.origin and each.origin == self.origin)
        same = [each for each in everything if self._fits(each, self.id.namespace)]
        own = [each for each in everything if self._fits(each, "")]
        return next(iter((*there, *same, *own)), None)

    def _fits(self, found: Found, namespace: str) -> bool:
        metadata = found.value.get("metadata")
        if not isinstance(metadata, Mapping):
            return False
        identity = (group_of(found.value), found.value.get("kind"), metadata.get("name"))
        inside = metadata.get("namespace") or ""
        return identity == (self.id.group, self.id.kind, self.id.name) and (
            not self.id.namespace or inside == namespace
        )
