# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads instance documents and snapshots from files. Private to imds.azure."""

from __future__ import annotations

import codecs
import contextlib
import functools
import glob
import io
import itertools
import json
import os
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._document import (
    check_depth,
    decode_json,
    has_parts,
    instance_document,
    parse_json_text,
    without_nulls,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    MalformedError,
    OptionError,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._machine.files import size_within
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.trusted_files import (
    open_trusted,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.fact_check import (
    FACT,
    MAX_DOCUMENT,
)

# In a pattern, it matches a folder and all folders below it.
_ANY_FOLDERS = "**"
# A text without this has no null.
_NULL = "null"
# A text without this has no object that Windows PowerShell wrote for a list.
_COUNT = '"Count":'
# The beginning of a file that ansible-vault has encrypted.
_VAULT = b"$ANSIBLE_VAULT;"
# Byte order marks of files that are not UTF-8, for example from Windows PowerShell. UTF-32 is first,
# because its byte order mark begins with that of UTF-16.
_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_MARKS_OF_ORDER = tuple(_ENCODINGS)
# The number of bytes that are read from an .ndjson file at once.
_CHUNK = 256 * 1024
# The maximum size of a file. A hundred thousand documents have about 400 MiB.
_MAX_JSON = 1024**3
_MAX_NDJSON = 8 * 1024**3

_Line = tuple[int, str, t.Any]  # its number, its text and its data


class EncryptedError(MalformedError):
    """A file that ansible-vault has encrypted and that can't be decrypted."""


class Document(t.NamedTuple):
    data: dict[str, t.Any]  # an instance document without nulls, or a fact
    is_fact: bool = False
    api_version: str = ""  # of an instance document, if it is known
    snapshot_of: str = ""  # the host of a snapshot
    host: str = ""  # the host of an earlier inventory source to which the data belongs


OnBroken = t.Callable[[MalformedError], None]
# Returns the content of an encrypted file by its path, or raises MalformedError.
Decrypted = t.Callable[[str, bytes], bytes]


def matching_files(patterns: t.Iterable[str], folder: str) -> tuple[list[str], list[str]]:
    """The files that match the patterns, each once and sorted, and the patterns without a match."""
    found: set[str] = set()
    without: list[str] = []
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern:
            raise OptionError(f"documents: {printable(str(pattern))!r} is not the name of a file")
        expanded = os.path.expanduser(pattern)
        named = os.path.normpath(os.path.join(folder, expanded))
        if os.path.isdir(named):
            raise OptionError(
                f"documents: {printable(named)} is a folder: name the files in it, for example "
                f"{os.path.join(pattern, '*.json')}"
            )
        if os.path.lexists(named):  # The name of a file or a folder may look like a pattern.
            found.add(named)
            continue
        if not glob.has_magic(expanded):
            raise OptionError(f"documents: there is no file {printable(named)}")
        absolute = os.path.normpath(os.path.join(glob.escape(folder), expanded))
        matches = _matches(absolute)
        if not matches:
            without.append(pattern)
        found.update(matches)
    return sorted(found), without


def _matches(pattern: str) -> list[str]:
    """The matches of a pattern, like glob, but `**` follows no links, because links can be circular."""
    names = pattern.split(os.sep)
    if _ANY_FOLDERS not in names:
        return glob.glob(pattern)
    at = names.index(_ANY_FOLDERS)
    rest = os.sep.join(names[at + 1 :]) or "*"
    return [
        match
        for top in glob.glob(os.sep.join(names[:at]) or os.sep)
        for folder in _folders_below(top)
        for match in _matches(os.path.join(glob.escape(folder), rest))
    ]


def _folders_below(top: str) -> t.Iterator[str]:
    """The folder itself and all folders below it, except hidden ones."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        yield folder
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            waiting.extend(
                entry.path
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            )


def documents_in(
    path: str, on_broken: OnBroken, decrypted: Decrypted | None = None
) -> t.Iterator[Document]:
    """The documents of a file. Each broken document is passed to `on_broken`, and the rest of the file is still read.

    `decrypted` returns the content of a file that ansible-vault has encrypted, by its path and its bytes.
    """
    reader = _READERS.get(os.path.splitext(path)[1].lower())
    if reader is None:
        if not os.path.isdir(path):  # A pattern may also match folders.
            on_broken(MalformedError(f"{path}: only files that end in .json or .ndjson are read"))
        return
    try:
        with open_trusted(path) as file:
            content = _content_as_utf8(path, file, decrypted)
            yield from reader(path, file if content is None else io.BytesIO(content), on_broken)
    except MalformedError as exc:
        on_broken(exc)
    except OSError as exc:
        on_broken(MalformedError(f"{path}: it can't be read: {exc.strerror or exc}"))


def _content_as_utf8(path: str, file: t.BinaryIO, decrypted: Decrypted | None) -> bytes | None:
    """The content of an encrypted file, or of one in UTF-16 or UTF-32, as UTF-8; None for all other files."""
    start = file.read(len(_VAULT))
    file.seek(0)
    if start == _VAULT:
        if decrypted is None:
            raise EncryptedError(f"{path}: ansible-vault has encrypted it")
        content = decrypted(path, file.read(size_within(file, _MAX_JSON)))
    elif start.startswith(_MARKS_OF_ORDER):
        content = file.read(size_within(file, _MAX_JSON))
    else:
        return None
    for mark, encoding in _ENCODINGS.items():
        if content.startswith(mark):
            try:
                return content.decode(encoding).encode()
            except ValueError:
                raise MalformedError(
                    f"{path}: it has the byte order mark of {encoding}, but is not {encoding}"
                ) from None
    return content


def _size_of(file: t.BinaryIO, limit: int) -> int:
    if isinstance(file, io.BytesIO):  # The size of the file has already been checked.
        return len(file.getbuffer())
    return size_within(file, limit)


def _read_json(path: str, file: t.BinaryIO, on_broken: OnBroken) -> t.Iterator[Document]:
    text = _text_of_line(path, 1, file.read(_size_of(file, _MAX_JSON)), on_broken)
    if text is None:
        return
    try:
        data = parse_json_text(text)
    except ValueError as exc:
        on_broken(_not_json(path, 1, exc))
        return
    data = _with_powershell_lists(text, data)
    has_nulls = _NULL in text
    if not isinstance(data, list):
        yield from _document_or_broken(path, 1, data, has_nulls, on_broken)
        return
    line_of = _ElementLines(text)
    for index, element in enumerate(data):
        line = functools.partial(line_of.get, index)
        yield from _document_or_broken(path, line, element, has_nulls, on_broken)


def _read_ndjson(path: str, file: t.BinaryIO, on_broken: OnBroken) -> t.Iterator[Document]:
    # In chunks, so that the whole text of a large file is never in memory.
    above = 0
    for lines in _chunks_of_lines(file, _size_of(file, _MAX_NDJSON)):
        found = _decoded_at_once(lines, above) or _decoded_one_by_one(path, lines, above, on_broken)
        for number, text, data in found:
            document = _with_powershell_lists(text, data)
            yield from _document_or_broken(path, number, document, _NULL in text, on_broken)
        above += len(lines)


def _chunks_of_lines(file: t.BinaryIO, left: int) -> t.Iterator[list[bytes]]:
    """Chunks of the file's lines, up to the size that it had when it was opened, because it may grow endlessly.

    A line that is too long is shortened, but still exceeds the limit.
    """
    while left > 0:
        lines: list[bytes] = []
        enough = left - _CHUNK
        while left > max(0, enough):
            line = piece = file.readline(min(left, MAX_DOCUMENT + 1))
            left -= len(piece)
            while len(piece) > MAX_DOCUMENT and not piece.endswith(b"\n"):
                piece = file.readline(min(left, MAX_DOCUMENT + 1))
                left -= len(piece)
            if not line:
                left = 0  # The file became shorter during the reading.
            else:
                lines.append(line)
        yield lines


def _decoded_at_once(lines: list[bytes], above: int) -> t.Iterable[_Line] | None:
    """The lines, decoded as one list; None if any line is not a complete JSON text.

    Documents that are decoded together share their keys: 100,000 documents take 1.3 GB of memory, but
    1.8 GB if they are decoded one by one.
    """
    if max(map(len, lines), default=0) > MAX_DOCUMENT:
        return None
    try:
        texts = [line.removeprefix(codecs.BOM_UTF8).decode() for line in lines]
        # With null between two lines, two broken lines can't form a valid text together.
        data = decode_json(f"[{',null,'.join(texts)}]")
        for text, document in zip(texts, data[::2], strict=True):
            check_depth(text, document)
    except ValueError:
        return None
    if any(between is not None for between in data[1::2]):
        return None
    return zip(itertools.count(above + 1), texts, data[::2])


def _decoded_one_by_one(
    path: str, lines: list[bytes], above: int, on_broken: OnBroken
) -> t.Iterator[_Line]:
    for number, line in enumerate(lines, above + 1):
        if len(line) > MAX_DOCUMENT:
            size = f"{MAX_DOCUMENT // 1024**2} MiB"
            on_broken(MalformedError(f"{path}:{number}: the line is longer than {size}"))
            continue
        text = _text_of_line(path, number, line.rstrip(b"\r\n"), on_broken)
        if text is None or not text.strip():
            continue
        try:
            yield number, text, parse_json_text(text)
        except ValueError as exc:
            on_broken(_not_json(path, number, exc))


def _text_of_line(path: str, first_line: int, content: bytes, on_broken: OnBroken) -> str | None:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = first_line + exc.object.count(b"\n", 0, exc.start)
        on_broken(MalformedError(f"{path}:{line}: it is not UTF-8"))
        return None


_READERS = {".json": _read_json, ".ndjson": _read_ndjson}


def _with_powershell_lists(text: str, data: t.Any) -> t.Any:
    """The data, with objects that Windows PowerShell wrote for lists converted back to lists.

    Its ConvertTo-Json writes some lists as `{"value": [...], "Count": 2}`.
    """
    return _without_list_objects(data) if _COUNT in text else data


def _without_list_objects(value: t.Any) -> t.Any:
    if isinstance(value, list):
        return [_without_list_objects(element) for element in value]
    # PowerShell writes no snapshots, so such an object in a snapshot is a value of the VM.
    if not isinstance(value, dict) or FACT in value:
        return value
    if value.keys() == {"value", "Count"} and isinstance(value["value"], list):
        return _without_list_objects(value["value"])
    return {key: _without_list_objects(child) for key, child in value.items()}


def _document_or_broken(
    path: str, line: int | t.Callable[[], int], data: t.Any, has_nulls: bool, on_broken: OnBroken
) -> t.Iterator[Document]:
    try:
        yield _checked_document(data, has_nulls)
    except MalformedError as exc:
        number = line if isinstance(line, int) else line()
        on_broken(MalformedError(f"{path}:{number}: {exc}"))


def check_readable(content: bytes) -> None:
    """Raises MalformedError or ValueError if a file with one document and this content would be broken."""
    if len(content) > MAX_DOCUMENT:
        raise MalformedError(f"it is larger than {MAX_DOCUMENT // 1024**2} MiB")
    _checked_document(parse_json_text(content.decode()), has_nulls=False)


def _checked_document(data: t.Any, has_nulls: bool) -> Document:
    is_fact = isinstance(data, dict) and FACT in data
    document = instance_document(data[FACT] if is_fact else data)
    if not is_fact and not has_parts(document):
        raise MalformedError(
            "it has neither compute nor network, so it is not an instance document"
        )
    if is_fact and not document:
        raise MalformedError(f"its {FACT} is empty, because the IMDS of this host did not answer")
    if has_nulls and not is_fact:
        document = without_nulls(document)
    name = data.get("inventory_hostname") if is_fact else None
    snapshot_of = name if isinstance(name, str) else ""
    return Document(document, is_fact, snapshot_of=snapshot_of)


def _not_json(path: str, first_line: int, exc: ValueError) -> MalformedError:
    if isinstance(exc, json.JSONDecodeError):
        line = first_line + exc.lineno - 1
        return MalformedError(f"{path}:{line}:{exc.colno}: it is not JSON: {exc.msg}")
    return MalformedError(f"{path}:{first_line}: it is not JSON: {printable(str(exc))}")


class _ElementLines:
    """The first line of each element of a list. It is computed only if an element is broken."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: list[int] = []

    def get(self, index: int) -> int:
        # In an object of Windows PowerShell, the first list of the text may be a different list.
        try:
            self._lines = self._lines or list(self._find())
            return self._lines[index]
        except (LookupError, ValueError):
            return 1

    def _find(self) -> t.Iterator[int]:
        decode = json.JSONDecoder().raw_decode
        line, counted = 1, 0
        position = self._next(self._text.index("[") + 1)
        while self._text[position : position + 1] not in ("]", ""):
            # Counts from the previous element. Counting from the start would take minutes for a large file.
            line += self._text.count("\n", counted, position)
            counted = position
            yield line
            _element, end = decode(self._text, position)
            position = self._next(end)

    def _next(self, position: int) -> int:
        while self._text[position : position + 1] in (" ", "\t", "\r", "\n", ","):
            position += 1
        return position


__all__ = (
    "Document",
    "EncryptedError",
    "check_readable",
    "documents_in",
    "matching_files",
)
