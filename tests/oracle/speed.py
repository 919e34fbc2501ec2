"""How long a step takes, here and in PyTorch: what zoo_speed.py and pairing_speed.py share."""

import subprocess
import time


def least(budget, run, clock=time.perf_counter):
    """Microseconds of a run by this clock, as speed.h measures them."""
    run()
    best, end = 1e9, time.perf_counter() + budget
    while time.perf_counter() < end:
        window, began, times = time.perf_counter() + budget / 10, clock(), 0
        while time.perf_counter() < window:
            run()
            times += 1
        best = min(best, (clock() - began) / times)
    return best * 1e6


def here(program, budget):
    """What one of our own programs prints: {name: microseconds}."""
    lines = subprocess.run([program, str(budget)], check=True, capture_output=True, text=True)
    return {name: float(value) for name, value in map(str.split, lines.stdout.splitlines())}
