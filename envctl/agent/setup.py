"""What must stand in a cluster before anything is reconciled: our namespace and the `Environment` kind."""

from envctl.agent.definitions import Pause, await_served
from envctl.agent.options import World
from envctl.agent.resource import DEFINITION, NAMESPACE, definition
from envctl.errors import ClusterError, UnavailableError
from envctl.ports import Cluster

_FORBIDDEN = 403


def prepare(world: World, pause: Pause) -> None:
    """Make sure of both. What is there and right costs no write.

    Raises ClusterError where it is missing and the credentials do not allow to create it.
    """
    ensure_namespace(world.cluster, world.options.namespace)
    _definition(world, pause)


def ensure_namespace(cluster: Cluster, name: str) -> None:
    """Create our namespace where it is absent, and allowed. Raises what else the cluster raises."""
    try:
        if cluster.get(NAMESPACE, "", name) is None:
            cluster.apply(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    except ClusterError as error:
        # Rights to one namespace only: whether it exists shows with the first thing stored in it.
        if error.status != _FORBIDDEN:
            raise


def _definition(world: World, pause: Pause) -> None:
    value = definition()
    name = "environments.envctl.dev"
    try:
        world.cluster.apply(DEFINITION, value, force=True)
    except ClusterError as error:
        if error.status != _FORBIDDEN:
            raise
        if world.cluster.resource_type("envctl.dev", "Environment") is None:
            raise ClusterError(
                f"the kind Environment is missing, and may not be created: {error.summary}",
                status=error.status,
                reason=error.reason,
                place=f"CustomResourceDefinition {name}",
                hint="let somebody who may create kinds run `envctl apply` here once",
            ) from error
        return
    reason = await_served(world.cluster, world.clock, pause, value, world.options.definition_wait)
    if reason:
        raise UnavailableError(reason, place=f"CustomResourceDefinition {name}")
