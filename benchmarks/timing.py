"""Time whole commands against each other: interleaved runs, medians, ratios of one run."""

import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def seconds(command: Sequence[str], folder: Path | None = None) -> float:
    """Wall-clock seconds of one run. Raises CalledProcessError where it fails."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


def medians(commands: Mapping[str, Sequence[str]], runs: int, folder: Path | None = None) -> dict[str, float]:
    """The median seconds of each command. Runs take turns, so a noisy moment hits all alike."""
    for command in commands.values():
        seconds(command, folder)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(seconds(command, folder))
    return {name: statistics.median(each) for name, each in times.items()}


def report(title: str, found: Mapping[str, float], base: str, goal: str = "") -> None:
    """Print the medians and their ratios to one of them."""
    print(f"{title}{f' (goal: {goal})' if goal else ''}")
    for name, each in found.items():
        print(f"  {name:<44} {each * 1000:9.1f} ms   {each / found[base]:6.2f} x")
