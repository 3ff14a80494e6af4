"""A generated monorepo: whole `envctl render` commands against the bare engine, cold and after small changes.

    python benchmarks/monorepo.py [--components 100] [--environments 10] [--runs 5]

Each component makes ten objects of about 1 KiB out of a shared library and nested config; a
third of the pairs have an overlay. The bare engine evaluates every pair once, in two
processes, with envctl's garbage collector setting, and throws the result away.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
OBJECTS = 10
ENVCTL = [sys.executable, "-m", "envctl"]

LIBRARY = """
local labels(name, part) = {
  'app.kubernetes.io/name': name, 'app.kubernetes.io/component': part,
  'app.kubernetes.io/part-of': 'platform', 'app.kubernetes.io/instance': '%s-%s' % [name, part],
};
{
  configMap(name, part, data):: {
    apiVersion: 'v1', kind: 'ConfigMap',
    metadata: { name: name + '-' + part, labels: labels(name, part) }, data: data,
  },
  deployment(name, part, image, replicas, env):: {
    apiVersion: 'apps/v1', kind: 'Deployment',
    metadata: { name: name + '-' + part, labels: labels(name, part) },
    spec: {
      replicas: replicas,
      selector: { matchLabels: labels(name, part) },
      template: {
        metadata: { labels: labels(name, part) },
        spec: { containers: [{
          name: part, image: image,
          env: [{ name: key, value: std.toString(env[key]) } for key in std.objectFields(env)],
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
          readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 5 },
        }] },
      },
    },
  },
  service(name, part, ports):: {
    apiVersion: 'v1', kind: 'Service',
    metadata: { name: name + '-' + part, labels: labels(name, part) },
    spec: { selector: labels(name, part), ports: ports },
  },
}
"""
COMPONENT = """
local k = import 'platform.libsonnet';
local defaults = import 'defaults.libsonnet';
{
  local root = self,
  config:: defaults + { name: '%(name)s', domain: 'example.com', host: self.name + '.' + self.domain },
  deployments: {
    ['part' + i]: k.deployment(root.config.name, 'part' + i, root.config.image, root.config.replicas,
      { HOST: root.config.host, LEVEL: root.config.logging.level, SHARD: i, PATH_PREFIX: '/srv/' + i })
    for i in std.range(1, 4)
  },
  services: [
    k.service(root.config.name, 'part' + i, [{ name: 'http', port: 80, targetPort: 8080 }])
    for i in std.range(1, 3)
  ],
  settings: [
    k.configMap(root.config.name, 'settings' + i, {
      ['key' + n + '.conf']: 'listen ' + root.config.host + '\\nlevel ' + root.config.logging.level + n
      for n in std.range(1, 12)
    })
    for i in std.range(1, 3)
  ],
}
"""
BARE = """
import json, sys, _gojsonnet
root = sys.argv[1]
places = {}
def find(folder, name):
    for at in (folder, 'lib/', ''):
        path = at + name
        if path not in places:
            try: places[path] = open(root + '/' + path, 'rb').read()
            except OSError: places[path] = None
        if places[path] is not None: return path, places[path]
    raise RuntimeError(name)
for code in json.load(sys.stdin):
    _gojsonnet.evaluate_snippet('<entry>', code, import_callback=find)
"""


@dataclass
class Measured:
    """Seconds and peak memory in MiB of each run of one command: the largest of its processes."""

    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def text(self) -> str:
        middle = statistics.median(self.seconds)
        return f"{middle * 1000:9.0f} ms  ({min(self.seconds):.2f}-{max(self.seconds):.2f} s)"


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def environment_text(number: int, components: int) -> str:
    listed = [
        f"- {{name: app{n:03}, config: {{replicas: {2 + (n + number) % 5}}}}}" for n in range(components)
    ]
    level = "debug" if number == 0 else "info"
    config = f"config:\n  domain: env{number:02}.example.com\n  logging:\n    level: {level}\n"
    return f"namespace: platform-{number:02}\n{config}components:\n" + "\n".join(listed) + "\n"


def generate(root: Path, components: int, environments: int) -> None:
    write(root, "lib/platform.libsonnet", LIBRARY)
    for n in range(components):
        write(root, f"components/app{n:03}/main.jsonnet", COMPONENT % {"name": f"app{n:03}"})
        write(root, f"components/app{n:03}/defaults.libsonnet", defaults(f"app{n:03}", f"1.0.{n}"))
    for e in range(environments):
        write(root, f"environments/env{e:02}/environment.yaml", environment_text(e, components))
        for n in range(components):
            if (n + e) % 3 == 0:
                overlay = "{ config+:: { logging+: { format: 'text' } }, extra:: 1 }\n"
                write(root, f"environments/env{e:02}/app{n:03}.jsonnet", overlay)
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "bench")
    git(root, "config", "user.email", "bench@example.com")
    git(root, "add", ".")
    git(root, "commit", "-qm", "Generate")
    time.sleep(0.05)
    git(root, "update-index", "-q", "--refresh")


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


def entries(components: int, environments: int) -> list[str]:
    codes = []
    for e in range(environments):
        for n in range(components):
            config = {
                "domain": f"env{e:02}.example.com",
                "logging": {"level": "info"},
                "replicas": 2 + (n + e) % 5,
            }
            code = f"(import 'components/app{n:03}/main.jsonnet') + {{ config+:: {json.dumps(config)} }}"
            if (n + e) % 3 == 0:
                code += f" + (import 'environments/env{e:02}/app{n:03}.jsonnet')"
            codes.append(code)
    return codes


def bare(root: Path, codes: Sequence[str]) -> float:
    """Seconds that two processes with nothing but the engine need for all evaluations."""
    started = time.perf_counter()
    running = []
    for half in (codes[0::2], codes[1::2]):
        process = subprocess.Popen(
            [sys.executable, "-c", BARE, str(root)],
            stdin=subprocess.PIPE,
            env={**os.environ, "GOGC": "400"},
            text=True,
        )
        running.append((process, half))
    for process, half in running:
        if process.stdin is None:
            raise AssertionError("a pipe was asked for")
        process.stdin.write(json.dumps(half))
        process.stdin.close()
    if any(process.wait() for process, _ in running):
        raise SystemExit("the bare engine failed")
    return time.perf_counter() - started


def envctl(root: Path, into: Measured, *options: str) -> None:
    """One whole command, timed from outside."""
    started = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*ENVCTL, "-C", str(root), "render", *options],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    complaint = process.stderr.read() if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"envctl render failed:\n{complaint}")
    into.seconds.append(time.perf_counter() - started)
    into.memory.append(usage.ru_maxrss / 1024)


def edits(root: Path) -> dict[str, Callable[[int], None]]:
    """Small changes, each another one for each number."""

    def leaf(run: int) -> None:
        write(root, "components/app001/defaults.libsonnet", defaults("app001", f"2.0.{run}"))

    def overlay(run: int) -> None:
        text = f"{{ config+:: {{ logging+: {{ format: 'text{run}' }}, replicas: {run} }} }}\n"
        write(root, "environments/env00/app000.jsonnet", text)

    def config(run: int) -> None:
        path = root / "environments/env01/environment.yaml"
        text = path.read_text()
        path.write_text(
            text.partition("\n")[0] + "\n" + text.partition("\n")[2].replace("info", f"info{run}", 1)
        )

    def library(run: int) -> None:
        write(root, "lib/platform.libsonnet", LIBRARY.replace("/ready", f"/ready{run}"))

    return {
        "one leaf file changed": leaf,
        "one overlay changed": overlay,
        "one environment's config changed": config,
        "the shared library changed": library,
    }


def defaults(name: str, tag: str) -> str:
    image = f"registry.example.com/{name}:{tag}"
    return f"{{ image: '{image}', replicas: 1, logging: {{ level: 'warn', format: 'json' }} }}\n"


def forget(root: Path) -> None:
    shutil.rmtree(root / ".git" / "envctl", ignore_errors=True)


def measure(root: Path, components: int, environments: int, runs: int) -> None:
    codes = entries(components, environments)
    found: dict[str, Measured] = {"bare engine, two processes": Measured(), "cold": Measured()}
    for _ in range(runs):
        found["bare engine, two processes"].seconds.append(bare(root, codes))
        forget(root)
        envctl(root, found["cold"])
    git(root, "commit", "--allow-empty", "-qm", "Publish")
    envctl(root, Measured(), "--publish")
    found["nothing changed"] = Measured()
    for _ in range(max(runs, 3)):
        envctl(root, found["nothing changed"])
    for name, edit in edits(root).items():
        found[name] = Measured()
        for run in range(runs):
            edit(run)
            envctl(root, found[name])
    base = statistics.median(found["bare engine, two processes"].seconds)
    print(f"{components} components x {environments} environments, {len(codes) * OBJECTS} objects")
    for name, each in found.items():
        ratio = statistics.median(each.seconds) / base
        memory = f"{max(each.memory):5.0f} MiB" if each.memory else ""
        print(f"  {name:<34} {each.text()} {ratio:6.2f} x  {memory}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--components", type=int, default=100)
    parser.add_argument("--environments", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="generate into this folder, and only that")
    options = parser.parse_args()
    if options.keep:
        generate(options.keep, options.components, options.environments)
        return
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        generate(root, options.components, options.environments)
        measure(root, options.components, options.environments, options.runs)


if __name__ == "__main__":
    main()
