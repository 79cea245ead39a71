"""Random damage to files, the same for the same seed."""

import re
from pathlib import Path

from numpy.random import Generator

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"[A-Za-z_][\w.*/{}-]*|[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_WRONG = (
    *("nan", ".nan", "inf", "-.inf", "1e300", "-1e300", "1e-300", "0", "-1", "1e12", "7"),
    *("abc", "", "null", "true", "[]", "{}", "[1, 2]", "{a: 1}", "99999999999999999999999"),
    *("0x10", "1_000", "'", '"', "&a", "*a", "!!timestamp x", "!!bool x", "%", "\0", "é", "1 2"),
)


def damage_text(text: str, rng: Generator) -> str:
    """Return a text with one number, word, line or character changed."""
    how = rng.integers(8)
    if how <= 2:
        return _replace_one(_NUMBER, text, rng, str(rng.choice(_WRONG)))
    if how == 3:
        return _replace_one(_NUMBER, text, rng, None)
    if how == 4:
        return _replace_one(_WORD, text, rng, str(rng.choice(_WRONG)))
    lines = text.splitlines(keepends=True)
    if how == 5 and lines:
        del lines[rng.integers(len(lines))]
    elif how == 6 and lines:
        lines.insert(int(rng.integers(len(lines))), lines[rng.integers(len(lines))])
    elif lines:
        place = rng.integers(len(text))
        return text[:place] + str(rng.choice([*_WRONG])) + text[place + 1 :]
    return "".join(lines)


def _replace_one(words: re.Pattern[str], text: str, rng: Generator, new: str | None) -> str:
    """Replace one match, by another size of it if there is nothing new."""
    found = list(words.finditer(text))
    if not found:
        return text
    match = found[rng.integers(len(found))]
    if new is None:
        factor = float(rng.choice([-1, 1e3, 1e-3, 1e6]))
        new = repr(float(match[0]) * factor)
    return text[: match.start()] + new + text[match.end() :]


def damage_bytes(data: bytes, rng: Generator) -> bytes:
    """Return bytes that are changed, zeroed, cut off, repeated or missing."""
    how = rng.integers(6)
    content = bytearray(data)
    if not content or how == 0:
        return b""
    first, last = sorted(int(x) for x in rng.integers(len(content), size=2))
    if how == 1:
        for place in rng.integers(len(content), size=rng.integers(1, 30)):
            content[place] = rng.integers(256)
    elif how == 2:
        content[first:last] = bytes(last - first)
    elif how == 3:
        del content[first:]
    elif how == 4:
        content[first:first] = content[first:last]
    else:
        content[first:last] = rng.bytes(last - first)
    return bytes(content)


def damage_file(path: Path, rng: Generator) -> None:
    """Damage a file in its folder, which may be a link to another one."""
    data = path.read_bytes()
    if path.suffix in (".yaml", ".json", ".csv", ".txt") and rng.random() < 0.85:
        new = damage_text(data.decode(), rng).encode()
    else:
        new = damage_bytes(data, rng)
    path.unlink()
    path.write_bytes(new)
