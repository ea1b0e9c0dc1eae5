"""T14: what is swapped for something else while it is read leads nowhere and holds nothing up."""

from hashlib import sha256
from pathlib import Path

from backing import asset_node, back_up
from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.trees import decode_tree
from swapping import swapping
from trees import write_file

SWAPS = 100_000
ROUNDS_MIN = 3
SECRET = b"what lies outside"


def trees_of(repository: Repository, tree_id: bytes) -> list[bytes]:
    """The trees below one, and itself."""
    found = [tree_id]
    for node in decode_tree(repository.read_blob(BlobKind.TREE, tree_id)):
        found += trees_of(repository, node.subtree) if node.subtree is not None else []
    return found


def test_t14_nothing_outside_is_read_while_names_are_swapped(
    repository: Repository, tmp_path: Path
) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    tree.mkdir()
    outside.mkdir()
    (outside / "canary").write_bytes(SECRET)
    (outside / "secret name").write_bytes(SECRET)
    write_file(bytes(tree / "between"), 3 << 20, 1)
    attacker = swapping(tree, outside, SWAPS)
    rounds = 0
    try:
        while attacker.poll() is None or rounds < ROUNDS_MIN:
            done = back_up(bytes(tree), repository, backup_id=f"b{rounds}", slice_files=3)
            node = asset_node(repository, done.snapshot_id, bytes(tree))
            assert node.subtree is not None
            for tree_id in trees_of(repository, node.subtree):
                assert b"secret name" not in repository.read_blob(BlobKind.TREE, tree_id)
            rounds += 1
    finally:
        attacker.kill()
        attacker.wait()
    assert attacker.returncode == 0
    assert not repository.has(BlobKind.DATA, sha256(SECRET).digest())
