"""`python -m bench.simulated`: what the methods are worth, by both real cores in virtual time.

800 slices on 48 streams, lognormal with sigma 1: of 300 seconds, where the last slices count, and
of half a second, where containers that take 0.77 s to start do. Then what hedging is worth when
one host of four is ten times slower than the others.
"""

from dataclasses import replace

from sluicegate.simulation.plan import TRADITIONAL, Question, drawn_times, foresee
from sluicegate.simulation.report import compared, span

ASSETS, SLICES, HOSTS, PLACES, SIGMA, SEED = 10, 80, 2, 24, 1.0, 7
START_SECONDS = 0.77
MEANS = (300.0, 0.5)
HEDGED_MEAN, HEDGED_SIGMA, SLOWNESS = 60.0, 0.3, 10.0
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


def main() -> None:
    """Prints a table for each mean, and what hedging is worth."""
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


if __name__ == "__main__":
    main()
