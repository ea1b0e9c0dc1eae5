"""`python -m bench.simulated`: what the methods are worth, by both real cores in virtual time.

800 slices on 48 streams, lognormal with sigma 1: of 300 seconds, where the last slices count, and
of half a second, where containers that take 0.77 s to start do. Then what hedging is worth when
one host of four is ten times slower than the others. Last, how long it takes to know all that of
10, 100 and 1,000 hosts.
"""

import time
from dataclasses import replace

from sluicegate.simulation.plan import TRADITIONAL, Question, drawn_times, foresee
from sluicegate.simulation.report import compared, span

ASSETS, SLICES, HOSTS, PLACES, SIGMA, SEED = 10, 80, 2, 24, 1.0, 7
START_SECONDS = 0.77
MEANS = (300.0, 0.5)
HEDGED_MEAN, HEDGED_SIGMA, SLOWNESS = 60.0, 0.3, 10.0
SCALED_HOSTS, SCALED_ASSETS, SLICES_A_STREAM = (10, 100, 1_000), 201, 2
METHODS = [(TRADITIONAL, "in_order")] + [
    (method, order)
    for method in ("batch", "per_slice", "continuous")
    for order in ("in_order", "longest_first")
]


def hedged() -> None:
    """Prints the same backup without hedging and with it, on hosts one of which is slow."""
    question = Question(
        drawn_times(ASSETS, SLICES, HEDGED_MEAN, HEDGED_SIGMA, SEED),
        hosts=4,
        sessions_max=12,
        method="continuous",
        order="longest_first",
        slowness=SLOWNESS,
    )
    print(
        f"{ASSETS * SLICES} slices of {HEDGED_MEAN:g} s, a host of four {SLOWNESS:g} times slower"
    )
    for hedge in (False, True):
        forecast = foresee(replace(question, hedge=hedge))
        print(f"{'with' if hedge else 'without'} hedging {span(forecast.total_seconds)}")


def scaled() -> None:
    """Prints what it costs to simulate more hosts with as many slices for each stream."""
    print(f"\n{'hosts':>6} {'streams':>8} {'slices':>8} {'cpu s':>7} {'steps a slice':>14}")
    for hosts in SCALED_HOSTS:
        each = SLICES_A_STREAM * hosts * PLACES // SCALED_ASSETS + 1
        times = drawn_times(SCALED_ASSETS, each, MEANS[0], SIGMA, SEED)
        began, slices = time.process_time(), SCALED_ASSETS * each
        forecast = foresee(
            Question(times, hosts, PLACES, method="continuous", order="longest_first")
        )
        took = time.process_time() - began
        streams, steps = hosts * PLACES, forecast.steps / slices
        print(f"{hosts:6,} {streams:8,} {slices:8,} {took:7.1f} {steps:14.1f}", flush=True)


def main() -> None:
    """Prints a table for each mean, what hedging is worth, and what it costs to know."""
    for mean in MEANS:
        question = Question(
            drawn_times(ASSETS, SLICES, mean, SIGMA, SEED),
            hosts=HOSTS,
            sessions_max=PLACES,
            start_seconds=START_SECONDS,
        )
        print(f"{ASSETS * SLICES} slices of {mean:g} s, containers that start in {START_SECONDS} s")
        asked = [replace(question, method=method, order=order) for method, order in METHODS]
        print("\n".join(compared(list(map(foresee, asked)))), end="\n\n")
    hedged()
    scaled()


if __name__ == "__main__":
    main()
