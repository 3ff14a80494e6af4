"""The demo behind `make demo`: the whole line, from source to cluster, on the sample repository.

Everything happens in .demo/ and in envctl's cache folder, and nothing is left running. What
needs no cluster runs first, while the control plane's programs are built in the background.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / ".demo"
SOURCE = DEMO / "platform"
REMOTE = DEMO / "platform.git"
CLUSTER = f"demo-{os.getpid()}"
SAMPLE = ("components", "environments", "lib", "policies", "schemas", "envctl.yaml")
ENVCTL = str(Path(sys.executable).with_name("envctl"))
BOLD, DIM, GREEN, PLAIN = ("\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[0m") if sys.stdout.isatty() else ("",) * 4


class DemoError(Exception):
    """A step of the demo did not end as it must."""


@dataclass(frozen=True)
class Target:
    """The cluster that the demo works on, as options of envctl."""

    options: tuple[str, ...]
    own: bool


def title(text: str) -> None:
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


def note(text: str) -> None:
    print(f"{DIM}{text}{PLAIN}", flush=True)


def run(*command: str, show: bool = True, accept: tuple[int, ...] = (0,)) -> str:
    """Run one command in the demo's source repository, shown as a person would type it."""
    if show:
        print(f"{GREEN}${PLAIN} {' '.join(_plain(word) for word in command)}", flush=True)
    words = [ENVCTL if command[0] == "envctl" else command[0], *command[1:]]
    done = subprocess.run(words, cwd=SOURCE, capture_output=True, text=True, check=False)
    if show and done.stdout.strip():
        print("  " + done.stdout.rstrip().replace("\n", "\n  "), flush=True)
    if done.returncode not in accept:
        raise DemoError(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stderr or done.stdout}")
    return done.stdout


def _plain(word: str) -> str:
    return f'"{word}"' if " " in word else word.replace(f"{DEMO}/", "")


def envctl(*arguments: str, show: bool = True) -> str:
    return run("envctl", *arguments, show=show)


def envctl_json(*arguments: str) -> Any:
    return json.loads(envctl(*arguments, "-o", "json", show=False))


def git(*arguments: str, show: bool = True) -> str:
    return run("git", *arguments, show=show)


def edit(path: str, old: str, new: str) -> None:
    """Edit one file of the source, and say so."""
    file = SOURCE / path
    text = file.read_text()
    if old not in text:
        raise DemoError(f"{path} no longer holds {old!r}")
    file.write_text(text.replace(old, new))
    print(f"{GREEN}edit{PLAIN} {path}: {old.strip()} -> {new.strip()}", flush=True)


def prepare() -> None:
    """A source repository from the sample, and a bare one as its Git server."""
    shutil.rmtree(DEMO, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    for name in SAMPLE:
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(origin, SOURCE / name)
        elif origin.exists():
            shutil.copy(origin, SOURCE / name)
    git("init", "-q", "-b", "main", show=False)
    git("config", "user.name", "Demo", show=False)
    git("config", "user.email", "demo@example.com", show=False)
    git("init", "-q", "--bare", "-b", "main", str(REMOTE), show=False)
    git("remote", "add", "origin", str(REMOTE), show=False)
    git("add", ".", show=False)
    git("commit", "-qm", "Add the platform", show=False)
    git("push", "-q", "origin", "main", show=False)


def without_a_cluster() -> None:
    """Render, publish, diff, promote: Git alone."""
    title("1. Render and publish: one source commit becomes one deploy branch per environment")
    envctl("render", "dev")
    envctl("render", "dev", "--publish", "--push")
    title("2. Promote: a commit that copies pins, nothing else")
    envctl("promote", "dev", "staging", "--push")
    envctl("promote", "staging", "prod", "--push")
    git("show", "--stat", "--format=%h %s", "HEAD")
    title("3. Change a component on main: dev follows, staging and prod keep their pins")
    edit("components/gateway/main.jsonnet", "gateway:2.4.1", "gateway:2.5.0")
    git("commit", "-qam", "Gateway 2.5.0")
    git("push", "-q", "origin", "main", show=False)
    envctl("render", "--publish", "--push")
    run("envctl", "diff", "dev@deploy/dev~1", "dev", accept=(0, 16))
    title("4. Nothing changed means no commit")
    envctl("render", "--publish", "--push")
    git("log", "--oneline", "deploy/prod")


@contextlib.contextmanager
def background_build(*, wanted: bool) -> Iterator[Callable[[], None]]:
    """Build the control plane's programs meanwhile. Gives what waits for them, with progress."""
    if not wanted:
        yield lambda: None
        return
    log = DEMO / "build.log"
    with log.open("w") as stream:
        build = subprocess.Popen([ENVCTL, "dev-cluster", "build"], stdout=stream, stderr=stream)
        try:
            yield lambda: _wait_for(build, log)
        finally:
            if build.poll() is None:
                build.send_signal(signal.SIGINT)
                build.wait()


def _wait_for(build: "subprocess.Popen[bytes]", log: Path) -> None:
    if build.poll() is None:
        note("waiting for the control plane's programs; built once, about ten minutes on two cores")
    shown = ""
    while build.poll() is None:
        last = (log.read_text().strip().splitlines() or [""])[-1]
        if last != shown:
            print(f"  {last}", flush=True)
            shown = last
        time.sleep(2)
    if build.returncode:
        raise DemoError(f"the build failed:\n{log.read_text()[-2000:]}")


@contextlib.contextmanager
def cluster(context: str | None) -> Iterator[Target]:
    """The given context, or a control plane of our own that ends with the demo."""
    if context:
        yield Target(("--context", context), own=False)
        return
    title("5. A real control plane, as plain processes")
    try:
        started = time.monotonic()
        found = envctl_json("dev-cluster", "up", "--name", CLUSTER)
        note(f"etcd, kube-apiserver, controllers, a node: ready after {time.monotonic() - started:.1f} s")
        yield Target(("--kubeconfig", found["kubeconfig"]), own=True)
    finally:
        envctl("dev-cluster", "down", "--name", CLUSTER, show=False)


@contextlib.contextmanager
def agent(target: Target) -> Iterator[None]:
    """The agent of prod, pulling from the bare repository."""
    command = ["agent", "--env", "prod", "--repo", REMOTE.as_uri(), "--interval", "1", *target.options]
    print(f"{GREEN}${PLAIN} envctl {' '.join(_plain(word) for word in command)} &", flush=True)
    log = (DEMO / "agent.log").open("w")
    process = subprocess.Popen([ENVCTL, *command, "--store", str(DEMO / "store")], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        code = process.wait(timeout=40)
        log.close()
        note(f"agent stopped cleanly (exit code {code})" if code == 0 else f"agent ended with {code}")


def prod_status(target: Target) -> Any:
    return envctl_json("status", "prod", "--cluster", *target.options)["environments"][0]


def until(what: str, done: Callable[[], bool], seconds: float = 120) -> float:
    """Wait for something to become true; how long it took."""
    started = time.monotonic()
    while not done():
        if time.monotonic() - started > seconds:
            raise DemoError(f"{what}: not within {seconds:.0f} s; see {DEMO / 'agent.log'}")
        time.sleep(0.05)
    took = time.monotonic() - started
    print(f"  {what}: {took:.1f} s", flush=True)
    return took


class Api:
    """A second hand in the cluster, as kubectl would be: reads and edits objects."""

    def __init__(self, target: Target) -> None:
        from kubernetes import client, config  # noqa: PLC0415  heavy, and needed late

        named = dict(zip(target.options[::2], target.options[1::2], strict=True))
        config.load_kube_config(config_file=named.get("--kubeconfig"), context=named.get("--context"))
        self.apps, self.core = client.AppsV1Api(), client.CoreV1Api()
        self.missing = client.ApiException

    def image(self) -> str:
        found = self.apps.read_namespaced_deployment("gateway", "ai-prod")
        return str(found.spec.template.spec.containers[0].image)

    def edit_image(self, image: str) -> None:
        container = {"name": "gateway", "image": image}
        patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
        self.apps.patch_namespaced_deployment("gateway", "ai-prod", patch, field_manager="kubectl-edit")

    def exists(self, deployment: str) -> bool:
        try:
            self.apps.read_namespaced_deployment(deployment, "ai-prod")
        except self.missing as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True


def applied(target: Target) -> bool:
    """Whether the agent has applied what the branch carries now."""
    status = prod_status(target)
    live = status.get("cluster") or {}
    return bool(live.get("ready")) and live.get("revision") == status["deployCommit"]


def with_a_cluster(target: Target) -> dict[str, float]:
    """Pull, promote, heal, prune: the cluster follows its branch."""
    took: dict[str, float] = {}
    title("6. The agent brings the cluster to the state of deploy/prod")
    with agent(target):
        took["first sync of prod"] = until("cluster equals branch", lambda: applied(target))
        api = Api(target)
        title("7. A promotion reaches prod")
        envctl("promote", "dev", "staging", "-c", "gateway", "--push")
        envctl("promote", "staging", "prod", "-c", "gateway", "--push")
        took["promotion pushed -> live"] = until(
            "gateway:2.5.0 is live", lambda: api.image().endswith(":2.5.0")
        )
        until("agent reports it", lambda: applied(target))
        title("8. Somebody edits the cluster by hand: the agent puts it back, by watch")
        api.edit_image("registry.example.com/ai/gateway:latest")
        print("edit the live Deployment: image = gateway:latest", flush=True)
        took["manual edit -> healed"] = until("healed", lambda: api.image().endswith(":2.5.0"))
        title("9. A component leaves prod: what it applied is pruned")
        edit(
            "environments/prod/environment.yaml",
            "- name: batch-worker\n",
            "- name: batch-worker\n  enabled: false\n",
        )
        git("commit", "-qam", "prod: remove the batch worker", show=False)
        git("push", "-q", "origin", "main", show=False)
        envctl("render", "prod", "--publish", "--push")
        took["removal pushed -> pruned"] = until("pruned", lambda: not api.exists("batch-worker"))
        until("agent reports it", lambda: applied(target))
        title("10. Status")
        envctl("status", "--cluster", *target.options)
        envctl("verify", "prod")
    return took


def summary(took: dict[str, float], seconds: float) -> None:
    title("What you saw")
    print("  one source, three environments, one config-only branch each; promotions are commits on main;")
    print("  the agent kept a real API server equal to deploy/prod and touched nothing else.")
    for what, each in took.items():
        print(f"  {what:<26} {each:5.1f} s")
    print(f"  {'the whole demo':<26} {seconds:5.1f} s")
    print("\nLook around: .demo/platform is the repository (git log --all --graph), .demo/agent.log the log.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--context", help="use this kubeconfig context instead of a control plane of our own")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        prepare()
        with background_build(wanted=options.context is None) as built:
            without_a_cluster()
            built()
        with cluster(options.context) as target:
            took = with_a_cluster(target)
    except DemoError as error:
        print(f"\nthe demo stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    summary(took, time.monotonic() - started)
    return 0


if __name__ == "__main__":
    sys.exit(main())
