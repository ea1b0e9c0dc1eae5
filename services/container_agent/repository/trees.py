"""Trees: what a directory holds, as JSON with the very bytes that restic writes."""

import base64
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.quoting import json_string, quote, unquote
from container_agent.repository.times import format_time, parse_time


class Node(NamedTuple):
    """One entry of a directory. `mode` is Go's FileMode; `content` is None but for files."""

    name: bytes
    type: str
    mode: int = 0
    mtime_ns: int = 0
    atime_ns: int = 0
    ctime_ns: int = 0
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    inode: int = 0
    device_id: int = 0
    size: int = 0
    links: int = 0
    linktarget: bytes = b""
    attributes: tuple[tuple[str, bytes], ...] = ()
    device: int = 0
    content: tuple[bytes, ...] | None = None
    subtree: bytes | None = None


def encode_node(node: Node) -> str:
    """A node as JSON: the fields in restic's order, zero values left out as restic does."""
    parts = [f'{{"name":{json_string(quote(node.name))},"type":"{node.type}"']
    if node.mode:
        parts.append(f'"mode":{node.mode}')
    parts.append(
        f'"mtime":"{format_time(node.mtime_ns)}","atime":"{format_time(node.atime_ns)}",'
        f'"ctime":"{format_time(node.ctime_ns)}","uid":{node.uid},"gid":{node.gid}'
    )
    if node.user:
        parts.append(f'"user":{json_string(node.user)}')
    if node.group:
        parts.append(f'"group":{json_string(node.group)}')
    for field, value in (
        ("inode", node.inode),
        ("device_id", node.device_id),
        ("size", node.size),
        ("links", node.links),
    ):
        if value:
            parts.append(f'"{field}":{value}')
    if node.linktarget:
        parts.append(encode_linktarget(node.linktarget))
    if node.attributes:
        parts.append(encode_attributes(node.attributes))
    if node.device:
        parts.append(f'"device":{node.device}')
    parts.append(encode_content(node.content))
    if node.subtree is not None:
        parts.append(f'"subtree":"{node.subtree.hex()}"')
    return ",".join(parts) + "}"


def encode_linktarget(target: bytes) -> str:
    """A target that is not UTF-8 is told twice: as near as text comes, and as it is."""
    try:
        return f'"linktarget":{json_string(target.decode())}'
    except UnicodeDecodeError:
        near = json_string(target.decode("utf-8", "surrogateescape"))
        for byte in range(0x80, 0x100):
            near = near.replace(chr(0xDC00 + byte), "\\ufffd")
        raw = base64.b64encode(target).decode()
        return f'"linktarget":{near},"linktarget_raw":"{raw}"'


def encode_attributes(attributes: Iterable[tuple[str, bytes]]) -> str:
    """Extended attributes, in the order given."""
    pairs = (
        f'{{"name":{json_string(name)},"value":"{base64.b64encode(value).decode()}"}}'
        for name, value in attributes
    )
    return f'"extended_attributes":[{",".join(pairs)}]'


def encode_content(content: tuple[bytes, ...] | None) -> str:
    """The ids of a file's blobs."""
    if content is None:
        return '"content":null'
    return '"content":[' + ",".join(f'"{blob_id.hex()}"' for blob_id in content) + "]"


def encode_tree(nodes: Iterable[Node]) -> bytes:
    """A directory's blob; the nodes must come in byte order of their names."""
    return join_nodes(map(encode_node, nodes))


def join_nodes(encoded: Iterable[str]) -> bytes:
    """A directory's blob from nodes that are encoded already."""
    return f'{{"nodes":[{",".join(encoded)}]}}\n'.encode()


def decode_node(value: dict[str, Any]) -> Node:
    """A node from its JSON; an error of lookup or type when it is none."""
    content, subtree = value.get("content"), value.get("subtree")
    raw = value.get("linktarget_raw")
    return Node(
        unquote(value["name"]),
        value["type"],
        value.get("mode", 0),
        parse_time(value["mtime"]),
        parse_time(value["atime"]),
        parse_time(value["ctime"]),
        value["uid"],
        value["gid"],
        value.get("user", ""),
        value.get("group", ""),
        value.get("inode", 0),
        value.get("device_id", 0),
        value.get("size", 0),
        value.get("links", 0),
        base64.b64decode(raw) if raw else value.get("linktarget", "").encode(),
        tuple(
            (pair["name"], base64.b64decode(pair["value"] or ""))
            for pair in value.get("extended_attributes") or ()
        ),
        value.get("device", 0),
        tuple(map(bytes.fromhex, content)) if content is not None else None,
        bytes.fromhex(subtree) if subtree else None,
    )


def decode_tree(blob: bytes) -> list[Node]:
    """The nodes of a directory; RepositoryDamaged when the blob is no tree."""
    try:
        return [decode_node(value) for value in json.loads(blob)["nodes"] or ()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RepositoryDamaged(f"A tree blob is no tree: {error}.") from error
