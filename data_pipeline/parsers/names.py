"""Headers of any kind to folder names that every file system accepts."""

import re
import unicodedata
from collections.abc import Callable, Iterable

_MAX_LENGTH = 64
_FALLBACK = "target"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def safe_name(header: str) -> str:
    """A folder name from the first word of a header: ASCII letters, digits, `.`, `_`, `-`; not hidden, no option, no device, at most 64 long."""
    words = header.split(maxsplit=1)
    plain = unicodedata.normalize("NFKD", words[0] if words else "").encode("ascii", "ignore").decode("ascii")
    name = _UNSAFE.sub("_", plain).strip("._-")[:_MAX_LENGTH].rstrip("._-")
    if not name:
        return _FALLBACK
    return f"{_FALLBACK}_{name}"[:_MAX_LENGTH] if _WINDOWS_DEVICE.fullmatch(name) else name


def safe_names(headers: Iterable[str]) -> tuple[str, ...]:
    """A safe name for each header, distinct also where capitals do not count; the second of equal ones becomes `NAME_2`."""
    taken: set[str] = set()
    namer = Namer(taken.__contains__)
    names: list[str] = []
    for header in headers:
        names.append(namer(header))
        taken.add(names[-1].lower())
    return tuple(names)


class Namer:
    """Names as `safe_names` gives them, one header at a time.

    Args:
        is_taken: whether a name, in lower case, was given before.
    """

    def __init__(self, is_taken: Callable[[str], bool]) -> None:
        self._is_taken = is_taken
        self._next_number: dict[str, int] = {}

    def __call__(self, header: str) -> str:
        """The name of the next header."""
        base = safe_name(header)
        name = base
        while self._is_taken(name.lower()):
            number = self._next_number.get(base.lower(), 2)
            self._next_number[base.lower()] = number + 1
            suffix = f"_{number}"
            name = base[: _MAX_LENGTH - len(suffix)] + suffix
        return name
