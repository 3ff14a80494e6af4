"""A generated monorepo: whole `envctl render` commands against the bare engine, cold and after small changes.

    python benchmarks/monorepo.py [--components 100] [--environments 10] [--runs 3] [--engine NAME]

Each component makes ten objects of about 1 KiB out of a shared library and nested config; a
third of the pairs have an overlay. The bases are two processes with nothing but the engine and
envctl's garbage collector setting: a call a pair, a call a component for all its environments
(the best way), and the latter to text and blob ids (the floor for the same in Python). The
ratios are those to the best way. Memory is the peak of envctl's own process + of its largest worker.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from timing import (
    ENVCTL,
    ROOT,
    Measured,
    commit_all,
    forget,
    git,
    interleaved,
    peaks,
    run,
    run_all,
    verdict,
)

QUIET: dict[str, list[str]] = {
    "nothing changed": [],
    "nothing changed, --rev HEAD": ["--rev", "HEAD"],
    "nothing changed, --index": ["--index"],
}

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
BARE = (sys.executable, str(ROOT / "benchmarks/bare.py"))


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
    commit_all(root, "Generate")


def entry(component: int, environment: int) -> str:
    """The program of one pair."""
    config = {
        "domain": f"env{environment:02}.example.com",
        "logging": {"level": "info"},
        "replicas": 2 + (component + environment) % 5,
    }
    code = f"(import 'components/app{component:03}/main.jsonnet') + {{ config+:: {json.dumps(config)} }}"
    if (component + environment) % 3 == 0:
        code += f" + (import 'environments/env{environment:02}/app{component:03}.jsonnet')"
    return code


def together(component: int, environments: int) -> str:
    """One program for all environments of one component."""
    fields = (f"env{e:02}: {entry(component, e)}" for e in range(environments))
    return "{ " + ", ".join(fields) + " }"


def bare(root: Path, mode: str, engine: str, codes: Sequence[str]) -> Callable[[Measured], None]:
    """Two processes with nothing but the engine, the programs shared out between them."""
    command = [*BARE, mode, engine, str(root)]

    def step(into: Measured) -> None:
        halves = [(command, json.dumps(half)) for half in (codes[0::2], codes[1::2])]
        seconds, cpu = run_all(halves, settings={"GOGC": "400"})
        into.seconds.append(seconds)
        into.cpu.append(cpu)

    return step


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


def bases(
    root: Path, engine: str, components: int, environments: int
) -> dict[str, Callable[[Measured], None]]:
    """The engine without envctl: a call a pair, a call a component, and that to text and blob ids."""
    pairs = [entry(n, e) for e in range(environments) for n in range(components)]
    grouped = [together(n, environments) for n in range(components)]
    return {
        f"bare {engine}, a call a pair": bare(root, "calls", engine, pairs),
        f"bare {engine}, a call a component": bare(root, "calls", engine, grouped),
        f"floor {engine}, to text and blob ids": bare(root, "floor", engine, grouped),
    }


def measure(root: Path, components: int, environments: int, runs: int, engine: str) -> None:
    command = [*ENVCTL, "-C", str(root), "render", "--engine", engine]

    def cold(into: Measured) -> None:
        forget(root)
        run(into, command)

    steps = bases(root, engine, components, environments)
    calls, floor = list(steps)[1:]
    found = interleaved({**steps, "cold": cold}, runs)
    forget(root)
    found["cold"].peaks = peaks(command)
    git(root, "commit", "--allow-empty", "-qm", "Publish")
    run(Measured(), [*command, "--publish"])
    for name, options in QUIET.items():
        found[name] = Measured(peaks=peaks([*command, *options]))
        for _ in range(max(runs, 3)):
            run(found[name], [*command, *options])
    for name, edit in edits(root).items():
        found[name] = Measured()
        for number in range(runs):
            edit(number)
            run(found[name], command)
    print(f"{components} components x {environments} environments, {engine}")
    base = found[calls].median
    for name, each in found.items():
        print(f"  {name:<38} {each.text()} {each.median / base:6.2f} x", flush=True)
    verdicts(found, calls, floor)


def verdicts(found: dict[str, Measured], calls: str, floor: str) -> None:
    cold, quiet = found["cold"].median, found["nothing changed"].median
    verdict("cold, to the bare engine, a call a component", cold / found[calls].median, 1.2)
    verdict("cold, to the floor in Python", cold / found[floor].median, 1.2)
    verdict("nothing changed", quiet, 0.5, "s")
    verdict("nothing changed, to cold", quiet / cold, 1 / 30)
    verdict("one leaf file changed", found["one leaf file changed"].median, 0.5, "s")
    verdict("memory of the parent", found["cold"].peaks.parent, 300, "MiB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--components", type=int, default=100)
    parser.add_argument("--environments", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--engine", default="gojsonnet")
    parser.add_argument("--keep", type=Path, help="generate into this folder, and only that")
    options = parser.parse_args()
    if options.keep:
        generate(options.keep, options.components, options.environments)
        return
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        generate(root, options.components, options.environments)
        measure(root, options.components, options.environments, options.runs, options.engine)


if __name__ == "__main__":
    main()
