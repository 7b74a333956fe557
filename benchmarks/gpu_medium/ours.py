"""snicit, by its example `batches`."""

import subprocess
import sys
from pathlib import Path

import numpy as np


def ours(args, network: Path, inputs: Path, batches: list[int], work: Path) -> dict[int, tuple[float, np.ndarray, str]]:
    """By batch: milliseconds, answers, and what was chosen."""
    command = [args.timer, network, inputs, "--repeat", args.repeat, "--answers", work, *batches]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr}")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    answers = {batch: np.load(work / f"{batch}.npy").astype(np.float64) for batch in batches}
    return {int(batch): (float(ms), answers[int(batch)], note) for batch, ms, note in lines}
