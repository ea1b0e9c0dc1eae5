"""Empty tasks through dask distributed: `dask_tasks.py TASKS WORKERS THREADS`, run by a Python that
has it. Prints the seconds from the first submit to the last result."""

import sys
import time

from distributed import Client, LocalCluster, wait


def nothing(number: int) -> None:
    """Does nothing."""


def main() -> None:
    """Measures and prints."""
    tasks, workers, threads = map(int, sys.argv[1:])
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=threads, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        wait(client.map(nothing, range(100)))
        began = time.monotonic()
        wait(client.map(nothing, range(1000, 1000 + tasks), pure=False))
        print(time.monotonic() - began)


if __name__ == "__main__":
    main()
