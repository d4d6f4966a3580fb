"""Modules of ours as one script: whoever loads the widgets asks for one file, and a small one.

It understands how our own modules are written, and no others: imports of a neighbour on one line,
types in comments that begin with `/**`, other comments on lines of their own.
"""

import re
from collections.abc import Mapping

_IMPORT = re.compile(r'^import \{[^}\n]*\} from "\./(?P<name>[^"\n]+)";\n', re.MULTILINE)
_TYPES = re.compile(r"/\*\*.*?\*/ ?", re.DOTALL)
_COMMENT = re.compile(r"^[ \t]*//.*\n", re.MULTILINE)
_INDENT = re.compile(r"\n\s+")


def one_script(name: str, sources: Mapping[str, str]) -> str:
    """Return a module with those that it imports in front of it, without comments.

    >>> sources = {
    ...     "one.js": "/** @type {number} */%export const one = 1;%",
    ...     "two.js": 'import { one } from "./one.js";%// More.%export const two = one + 1;%',
    ... }
    >>> lines = {name: source.replace("%", chr(10)) for name, source in sources.items()}
    >>> print(one_script("two.js", lines), end="")
    export const one = 1;
    export const two = one + 1;
    """
    whole = _whole(name, sources, set())
    return _INDENT.sub("\n", _COMMENT.sub("", _TYPES.sub("", whole))).lstrip()


def _whole(name: str, sources: Mapping[str, str], seen: set[str]) -> str:
    if name in seen:
        return ""
    seen.add(name)
    return _IMPORT.sub(lambda match: _whole(match["name"], sources, seen), sources[name])
