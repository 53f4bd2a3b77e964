"""What imports and the command line cost before they do anything, each in a fresh process.

    python benchmarks/start_up.py

Medians of several runs, less the start of Python itself. Last lines: RATIO name value, the time of `import torch`
over ours.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

REPEATS = 7
COMMANDS = {
    "python": "pass",
    "import torch": "import torch",
    "import lmo": "import lmo",
    "import lmo.balls": "import lmo.balls",
    "import bounds": "import bounds",
    "bounds.theorems": "import bounds; list(bounds.theorems)",
    "lmo --help": "import sys; sys.argv = ['lmo', '--help']; from experiments.cli import main; main()",
}


def seconds(code: str) -> float:
    """Wall time of one fresh Python that runs `code`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(REPEATS):  # in turn, so that a busy spell of the machine hits all of them
        for name, code in COMMANDS.items():
            times[name].append(seconds(code))
    medians = {name: statistics.median(values) for name, values in times.items()}
    cost = {name: max(value - medians["python"], 1e-4) for name, value in medians.items() if name != "python"}
    for name, value in cost.items():
        print(f"  {name:18} {1000 * value:8.1f} ms")
    for name in cost:
        if name != "import torch":
            print(f"RATIO {name.replace('--', '').replace(' ', '-')} {cost['import torch'] / cost[name]:.2f}")


if __name__ == "__main__":
    main()
