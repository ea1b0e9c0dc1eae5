"""The statements of the `.sql` files, loaded once."""

import re
from importlib import resources


def _text(name: str) -> str:
    return resources.files("data_manager").joinpath(name).read_text("utf-8")


def _named(text: str) -> dict[str, str]:
    _, *parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


SCHEMA = _text("schema.sql")
QUERIES = _named(_text("queries.sql"))
