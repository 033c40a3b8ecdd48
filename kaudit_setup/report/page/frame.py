"""What all pages share: a template of templates/report/ filled in by Jinja2, in one file that needs nothing else.

The content security policy allows the page's own scripts and styles by their hashes, and nothing else: no network, no
script that a string from a log could bring.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence

import msgspec

from kaudit_setup import __version__
from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import size
from kaudit_setup.resources import template

_CLOSING = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def fill(
    name: str, values: Mapping[str, object], scripts: Sequence[str], styles: Sequence[str], data: msgspec.Struct
) -> str:
    """The whole file. `name`: of the template; `scripts`, `styles`: the files whose text the page holds, in order;
    `data`: what the scripts are given.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template("report")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"size": size, "safe_text": safe, "breaks": _breakable}
    code, looks = [_read(script) for script in scripts], [_read(style) for style in styles]
    return environment.get_template(name).render(
        **values,
        version=__version__,
        scripts=code,
        styles=looks,
        policy=_policy(code, looks),
        data=_harmless(msgspec.json.encode(data).decode()),
    )


def _breakable(text: str) -> str:
    """Text that a browser may break behind a colon or a slash, as the names of service accounts and files must be."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[:/])", text))


def _read(name: str) -> str:
    return template("report", name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """The content security policy."""
    allowed = {"script-src": scripts, "style-src": styles}
    hashes = [f"{what} {' '.join(map(_hash, parts))}" for what, parts in allowed.items()]
    return "; ".join(["default-src 'none'", *hashes, "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _harmless(text: str) -> str:
    """JSON that can stand in an element: nothing in it ends one, and it is ASCII."""
    return re.sub(r"[<>&]|[^\x00-\x7f]", _escaped, text)


def _escaped(found: re.Match[str]) -> str:
    import json

    return _CLOSING.get(found[0]) or json.dumps(found[0])[1:-1]
