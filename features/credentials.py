"""Keep passwords out of what is shown to others."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["without_credentials"]

# Up to the last @: a password may hold one that is not escaped.
_IN_URL: Final = re.compile(r"""(?<=://)[^\s'"<>]*@""")


def without_credentials(text: str) -> str:
    """Give a text, such as a library's error, with user and password taken out of its URLs.

    Parameters
    ----------
    text
        Anything that may quote a URL.

    Examples
    --------
    >>> without_credentials("no answer from redis://shop:secret@cache:6379/0")
    'no answer from redis://cache:6379/0'
    """
    return _IN_URL.sub("", text) if "://" in text else text
