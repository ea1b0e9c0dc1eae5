"""`python -m bench.simulated`: what the methods are worth, by both real cores in virtual time.

800 slices on 48 streams, lognormal with sigma 1: of 300 seconds, where the last slices count, and
of half a second, where containers that take 0.77 s to start do.
"""

from dataclasses import replace

from sluicegate.simulation.plan import TRADITIONAL, Question, drawn_times, foresee
from sluicegate.simulation.report import compared

ASSETS, SLICES, HOSTS, PLACES, SIGMA, SEED = 10, 80, 2, 24, 1.0, 7
START_SECONDS = 0.77
MEANS = (300.0, 0.5)
METHODS = [(TRADITIONAL, "in_order")] + [
    (method, order)
    for method in ("batch", "per_slice", "continuous")
    for order in ("in_order", "longest_first")
]


def main() -> None:
    """Prints a table for each mean."""
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


if __name__ == "__main__":
    main()
