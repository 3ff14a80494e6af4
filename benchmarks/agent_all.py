"""All benchmarks of the agent on one control plane, and one table for RESULTS.md at the end.

    python benchmarks/agent_all.py [--objects 5000] [--sizes 100 1000 5000 20000] [--minutes 1] [--churn 1]

`make bench-agent` runs it. What each part does is written in `agent_cold.py` (a), `agent_rest.py` (c, d, e)
and `agent_change.py` (b, f). Their control plane is an API server and etcd without controllers, so that
nobody else writes; that of `agent_rollout.py` (g) is a whole one. It shares the machine with the agent.
Agents are whole processes.
"""

import argparse
import platform
import time

import agent_change
import agent_cold
import agent_rest
import agent_rollout
from agent_rig import load, start_rig, table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=2, help="of cold applies, each with and without agent")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 5000, 20000])
    parser.add_argument("--runs", type=int, default=5, help="of changes at each size")
    parser.add_argument("--minutes", type=float, default=1, help="at rest")
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=40, help="of the edits, those of one object")
    parser.add_argument("--pause", type=float, default=1, help="seconds between those")
    parser.add_argument("--churn", type=float, default=1, help="minutes")
    parser.add_argument("--deployments", type=int, default=500)
    options = parser.parse_args()
    began = time.monotonic()
    with start_rig() as rig:
        print(f"Python {platform.python_version()}, load {load()}", flush=True)
        agent_cold.measure(rig, options.objects, options.rounds)
        agent_rest.measure(
            rig, options.objects, options.minutes, options.edits, options.repeat, options.pause
        )
        agent_change.measure(rig, options.sizes, options.runs, options.churn)
    rows = [*rig.rows, *agent_rollout.measure(options.deployments)]
    print(f"\n{table(rows)}\n\n{time.monotonic() - began:.0f} s in all, load {load()} at the end")


if __name__ == "__main__":
    main()
