"""The demo behind `make demo`: the whole line, from source to cluster, on the sample repository.

Everything happens in .demo/ and in envctl's cache folder, and nothing is left running. What
needs no cluster runs first, while the control plane's programs are built in the background.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from typing import Any

from demo_cluster import (
    Target,
    agent,
    background_build,
    borrowed_cluster,
    branch_objects,
    own_cluster,
    reach,
)
from demo_terminal import DEMO, ROOT, SOURCE, DemoError, Shell, folder, note, result, title, until

from envctl.errors import EXIT_CLEAN, EXIT_FAILED, EXIT_INTERRUPTED, EnvctlError
from envctl.model.objects import ObjectId
from envctl.planning.ownership import PART_OF

REMOTE = DEMO / "platform.git"
SAMPLE = ("components", "environments", "lib", "policies", "schemas", "envctl.yaml")
DEPLOYMENT = ObjectId("apps", "Deployment", "ai-prod", "gateway")
SERVICE = ObjectId("", "Service", "ai-prod", "gateway")
SETTINGS = ObjectId("", "ConfigMap", "ai-prod", "gateway")

Facts = dict[str, str]


def prepare(shell: Shell) -> None:
    """A source repository from the sample, and a bare one as its Git server."""
    SOURCE.mkdir()
    for name in SAMPLE:
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(origin, SOURCE / name)
        elif origin.exists():
            shutil.copy(origin, SOURCE / name)
    shell.quietly("init", "-q", "-b", "main")
    shell.quietly("config", "user.name", "Demo")
    shell.quietly("config", "user.email", "demo@example.com")
    shell.quietly("init", "-q", "--bare", "-b", "main", str(REMOTE))
    shell.quietly("remote", "add", "origin", str(REMOTE))
    shell.quietly("add", ".")
    shell.quietly("commit", "-qm", "Add the platform")
    shell.quietly("push", "-q", "origin", "main")


def without_a_cluster(shell: Shell) -> None:
    """Render, publish, diff, promote: Git alone."""
    title(
        "1. Render dev and publish it", "Look at: components become plain files on a branch, one per object."
    )
    shell.envctl("render", "dev", "--publish", "--push")
    shell.git("ls-tree", "--name-only", "deploy/dev", "vector-store/ai-dev/")
    title("2. Promote dev to staging, staging to prod", "Look at: a promotion is one commit to one file.")
    shell.envctl("promote", "dev", "staging", "--push", output=False)
    shell.envctl("promote", "staging", "prod", "--push")
    shell.git("show", "--stat", "--format=%h %s", "HEAD")
    title(
        "3. Change a component", "Look at: dev follows main; staging and prod keep what they are pinned to."
    )
    shell.edit("components/gateway/main.jsonnet", "gateway:2.4.1", "gateway:2.5.0")
    shell.git("commit", "-qam", "Gateway 2.5.0")
    shell.git("push", "-q", "origin", "main")
    shell.envctl("render", "--publish", "--push")
    shell.run("envctl", "diff", "dev@deploy/dev~1", "dev", accept=(0, 16))
    title("4. Render everything again", "Look at: nothing changed, so there is no commit.")
    shell.envctl("render", "--publish", "--push")
    shell.git("log", "--oneline", "deploy/dev")


def with_a_cluster(shell: Shell, target: Target) -> Facts:
    """Pull, promote, heal, prune: the cluster follows its branch."""
    facts: Facts = {}
    title(
        "6. Start the agent of prod", "Look at: it pulls deploy/prod and applies it. Its log: .demo/agent.log"
    )
    with agent(shell, target):
        first_sync(shell, target, facts)
        promotion(shell, target, facts)
        healing(target, facts)
        pruning(shell, target, facts)
        title(
            "10. Ask for the status", "Look at: who runs what, and how far behind; and that prod is proven."
        )
        shell.envctl("status", "--cluster", *target.options)
        shell.envctl("verify", "prod")
    return facts


def first_sync(shell: Shell, target: Target, facts: Facts) -> None:
    """From nothing to the whole branch."""
    objects, commit = branch_objects(shell), published(shell)
    took = until(f"the cluster holds all {len(objects)} objects", lambda: target.applied(commit))
    facts["first sync"] = f"{took:5.1f} s  {len(objects)} objects applied"
    if target.requests is None:
        note("The sample's images are made up: on real nodes its pods wait for them.")
        return
    workloads = [key for key in objects if key.kind in {"Deployment", "StatefulSet"}]
    until(
        f"all {len(workloads)} workloads are ready, with volumes and an address for the Ingress",
        lambda: all(is_ready(target, key) for key in workloads) and has_address(target),
        then=True,
    )


def promotion(shell: Shell, target: Target, facts: Facts) -> None:
    """One changed object, from the source to the cluster."""
    title("7. Promote the new gateway to prod", "Look at: one pin, one object, one write.")
    start = target.requests.mark() if target.requests else 0
    shell.envctl("promote", "dev", "staging", "-c", "gateway", "--push", output=False)
    shell.envctl("promote", "staging", "prod", "-c", "gateway", "--push")
    took = until("gateway:2.5.0 is live", lambda: image(target).endswith(":2.5.0"))
    facts["promotion pushed -> live"] = f"{took:5.1f} s"
    commit = published(shell)
    until("the agent reports it", lambda: target.applied(commit), then=True)
    if target.requests:
        counts = target.requests.between(start, target.requests.mark())
        parts = ", ".join(f"{count} for {purpose}" for purpose, count in sorted(counts.items(), reverse=True))
        result(f"the agent sent {counts.total()} API requests: {parts}")
        facts["promotion pushed -> live"] += f"  {counts.total()} API requests: {parts}"


def healing(target: Target, facts: Facts) -> None:
    """Three kinds of drift."""
    title("8. Tamper with the cluster", "Look at: the agent sees it by watch, and puts it back at once.")
    hands = target.hands
    old, wanted = hands.uids([SERVICE])[SERVICE], image(target)
    ours = hands.get(SETTINGS)["metadata"]["labels"][PART_OF]
    container = {"name": "gateway", "image": "registry.example.com/ai/gateway:latest"}
    hands.patch(DEPLOYMENT, {"spec": {"template": {"spec": {"containers": [container]}}}})
    took = until("edited image (gateway:latest): healed", lambda: image(target) == wanted)
    facts["edited image -> healed"] = f"{took:5.1f} s"
    hands.delete(SERVICE)
    took = until("deleted Service: made again", lambda: hands.uids([SERVICE]).get(SERVICE, old) != old)
    facts["deleted object -> healed"] = f"{took:5.1f} s"
    hands.patch(SETTINGS, {"metadata": {"labels": {PART_OF: None}}})
    took = until(
        "stripped label of ownership: put back",
        lambda: hands.get(SETTINGS)["metadata"]["labels"].get(PART_OF) == ours,
    )
    facts["stripped label -> healed"] = f"{took:5.1f} s"


def pruning(shell: Shell, target: Target, facts: Facts) -> None:
    """A component leaves; nothing else is touched."""
    title("9. Take a component out of prod", "Look at: its objects are deleted, and nothing else is.")
    before = target.hands.uids(branch_objects(shell))
    shell.edit(
        "environments/prod/environment.yaml",
        "- name: batch-worker\n",
        "- name: batch-worker\n  enabled: false\n",
        says="batch-worker gets `enabled: false`",
    )
    shell.git("commit", "-qam", "prod: remove the batch worker")
    shell.git("push", "-q", "origin", "main")
    shell.envctl("render", "prod", "--publish", "--push")
    left = {key: uid for key, uid in before.items() if key in branch_objects(shell)}
    gone = [key for key in before if key not in left]
    took = until(f"pruned {len(gone)} objects", lambda: not target.hands.uids(gone))
    commit = published(shell)
    until("the agent reports it", lambda: target.applied(commit), then=True)
    if target.hands.uids(left) != left:
        raise DemoError("the prune touched an object that it must not touch")
    result(f"the other {len(left)} are there, and none was made anew (same uids)")
    facts["component removed -> pruned"] = (
        f"{took:5.1f} s  {len(gone)} objects deleted, {len(left)} untouched"
    )


def published(shell: Shell) -> str:
    """The tip of deploy/prod."""
    return shell.quietly("rev-parse", "deploy/prod")


def image(target: Target) -> str:
    """The image that the live gateway runs."""
    live = target.hands.get(DEPLOYMENT)
    return str(live["spec"]["template"]["spec"]["containers"][0]["image"])


def is_ready(target: Target, key: ObjectId) -> bool:
    """Whether all pods of a workload are ready."""
    live = target.hands.get(key)
    return bool(live["status"].get("readyReplicas") == live["spec"]["replicas"])


def has_address(target: Target) -> bool:
    """Whether the gateway's Ingress has an address."""
    live: Any = target.hands.get(ObjectId("networking.k8s.io", "Ingress", "ai-prod", "gateway"))
    return bool(live["status"]["loadBalancer"].get("ingress"))


def summary(facts: Facts, seconds: float, waited: float) -> None:
    """What a person should take home."""
    title("What you saw")
    result("one source, three environments, one config-only branch each; promotions are commits on main;")
    result("the agent kept a real API server equal to deploy/prod and touched nothing else.")
    once = f"  {waited:.0f} s of them for the control plane's programs, this once" if waited > 1 else ""
    for what, each in {**facts, "the whole demo": f"{seconds:5.1f} s{once}"}.items():
        result(f"{what:<28}{each}")
    print("\nLook around: `git log --all --graph` in .demo/platform; .demo/agent.log is the agent's log.")


def demo(context: str | None) -> None:
    """All of it."""
    started, shell = time.monotonic(), Shell()
    hands = reach(context) if context else None
    with folder():
        prepare(shell)
        note("Everything below runs in .demo/platform, a copy of the sample with a Git server beside it.")
        with background_build(wanted=hands is None) as built:
            without_a_cluster(shell)
            waited = built()
        title("5. A real control plane" if hands is None else f"5. The cluster of context {context}")
        with borrowed_cluster(shell, context or "", hands) if hands else own_cluster(shell) as target:
            facts = with_a_cluster(shell, target)
        summary(facts, time.monotonic() - started, waited)


def main() -> int:
    """Run the demo; on a signal or an error everything is ended first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--context", help="use this kubeconfig context instead of a control plane of our own")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        demo(options.context)
    except (DemoError, EnvctlError) as error:
        print(f"\nthe demo stopped: {error}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        # Whoever read along has gone; nothing can be said to them any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("\nthe demo was interrupted; nothing is left running", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_CLEAN


if __name__ == "__main__":
    sys.exit(main())
