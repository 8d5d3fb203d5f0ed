"""The text of a page: the template filled, with nothing in it that could be code."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nithresh._choices import finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nithresh.table import ClusterTable

__all__ = ["escaped", "filled", "image_of", "table_of"]

_HERE = Path(__file__).parent
_HEADINGS = {"volume_mm3": "mm³"}
_SCRIPTS = ("clusters.js", "page.js")
_STYLE = "page.css"


def escaped(text: object) -> str:
    """Return text as HTML shows it; none of it is markup.

    Names of files may be no text in any encoding: a question mark is shown for each
    byte that is none.
    """
    return html.escape(str(text).encode("utf-8", "replace").decode("utf-8"))


def image_of(png: bytes, alt: str) -> str:
    """Return a picture as HTML that holds it."""
    data = base64.b64encode(png).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{escaped(alt)}">'


def table_of(table: ClusterTable) -> dict[str, str]:
    """Return head, rows and last line of a table: what is printed of each cluster."""
    names, rows, more = table.printed()
    cells = (_HEADINGS.get(name, name) for name in names)
    return {
        "head": "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in cells),
        "rows": "\n".join(
            "<tr>" + "".join(f"<td>{escaped(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        ),
        "more": escaped("".join(more)),
    }


def filled(
    words: Mapping[str, str],
    blocks: Mapping[str, Mapping[str, Any]],
    data: str,
    style: str,
) -> str:
    """Fill the template.

    Parameters
    ----------
    words : mapping of str to str
        HTML by its place in the template.
    blocks : mapping of str to mapping
        What the page holds as JSON.
    data : str
        In base64.
    style : str
        What the style depends on the map for.
    """
    style = f"{_text(_STYLE)}{style}"
    scripts = {name: _text(name) for name in _SCRIPTS}
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts.values())
    policy = (
        f"default-src 'none'; script-src {hashes}; "
        f"style-src 'sha256-{_hash(style)}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    places = {
        **words,
        **scripts,
        **{name: _as_json(block) for name, block in blocks.items()},
        "policy": policy,
        "style": style,
        "data": data,
    }
    # In one pass, so that nothing is looked for in what has been filled in.
    return re.sub(
        r"\{\{([a-z.]+)\}\}", lambda found: places[found[1]], _text("page.html")
    )


def _as_json(block: Mapping[str, Any]) -> str:
    """Return JSON that ends no script, whatever its texts are."""
    text = json.dumps(finite(block), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@functools.cache
def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
