"""`make demo`: backs up a real tree, checks it with restic, restores it, and compares.

The tree is this Python's own standard library: thousands of files that every machine has.
"""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from bench.measure import clean_environment
from compare import describe, differences

ENV = clean_environment("demo")
SLUICEGATE = Path(sys.executable).parent / "sluicegate"


def tell(text: str) -> None:
    """What comes next, for who looks on."""
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def run(*command: object) -> None:
    """Shows a command and runs it; the demo ends when it fails."""
    words = [str(word) for word in command]
    print("$", " ".join(words), flush=True)
    if code := subprocess.call(words, env=ENV):
        sys.exit(f"{words[0]} ended with {code}")


def main() -> None:
    """The whole way, there and back."""
    source = Path(sysconfig.get_path("stdlib"))
    home = Path(tempfile.mkdtemp(prefix="sluicegate-demo-"))
    try:
        tree, repository, restored = home / "tree", home / "repository", home / "restored"
        shutil.copytree(source, tree, symlinks=True, ignore=shutil.ignore_patterns("site-packages"))
        tell("Make a repository. Its password is in SLUICEGATE_PASSWORD.")
        run(SLUICEGATE, "init", "--repo", repository)
        tell(f"Back up {tree}, a copy of {source}, with four streams.")
        run(SLUICEGATE, "backup", tree, "--repo", repository, "--streams", 4)
        tell("Change one file and back up again: what has not changed is not read.")
        (tree / "os.py").write_text("# changed\n" + (tree / "os.py").read_text())
        run(SLUICEGATE, "backup", tree, "--repo", repository, "--streams", 4)
        run(SLUICEGATE, "snapshots", "--repo", repository)
        tell("Let restic, a program that we did not write, read every byte of it.")
        run("restic", "--no-cache", "-r", repository, "check", "--read-data")
        tell("Restore it and compare names, bytes, modes, owners, times, links.")
        run(SLUICEGATE, "restore", "latest", "--repo", repository, "--to", restored)
        original = describe(tree)
        found = differences(original, describe(restored / str(tree).lstrip("/")))
        if found:
            sys.exit("\n".join(found))
        print(f"{len(original)} entries are the same in every respect.")
        tell("The demo is over; it has removed what it made.")
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
