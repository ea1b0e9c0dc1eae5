"""Every byte of all metadata of a small repository altered, and 2,000 harms done to its packs: how
many a verify finds, and whether a restore brings back anything wrong.

    PYTHONPATH=tests python -m bench.corruption --harms 2000
"""

import argparse
import sys
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from bench.scratch import DISK, MEMORY, scratch
from corruption import Campaign, Harm, missed

SEED = 16


def told(name: str, campaign: Campaign, harms: Iterable[Harm]) -> int:
    """Does each harm and prints what came of them; how many were missed."""
    began, done, misses = time.monotonic(), 0, 0
    for harm in harms:
        done += 1
        if miss := missed(campaign, harm):
            misses += 1
            print(miss)
    seconds = time.monotonic() - began
    print(
        f"{name}: {done} harms, {done - misses} found and nothing wrong restored, {seconds:.0f} s"
    )
    return misses


def main() -> None:
    """Ends with 1 when one was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--harms", type=int, default=2000, metavar="N", help="done to packs")
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args()
    with scratch(MEMORY if MEMORY.is_dir() else DISK) as place:
        campaign = Campaign.begin(Path(place))
        misses = told("metadata", campaign, campaign.altered_bytes(chosen.seed))
        harms = islice(campaign.harmed_packs(chosen.seed), chosen.harms)
        misses += told("packs", campaign, harms)
    sys.exit(misses > 0)


if __name__ == "__main__":
    main()
