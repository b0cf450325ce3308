# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests documents from files: their content, and the errors about broken ones."""

from __future__ import annotations

import json
import os
import pathlib
import time
import typing as t

import pytest
from doubles import load

from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError
from ansible_collections.imds.azure.plugins.plugin_utils._inventory import documents
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.documents import (
    Document,
    documents_in,
    matching_files,
)

WEB: dict[str, t.Any] = {"compute": {"name": "web-1"}}
DB: dict[str, t.Any] = {"network": {"interface": [{"macAddress": "000D3A123456"}]}}
SNAPSHOT = {"inventory_hostname": "db", "azure_imds": {"api_version": "2025-04-07", **DB}}


def read(path: pathlib.Path) -> tuple[list[Document], list[str]]:
    broken: list[str] = []
    found = list(documents_in(str(path), lambda exc: broken.append(str(exc))))
    return found, [line.replace(str(path), "FILE") for line in broken]


def written(folder: pathlib.Path, name: str, content: str | bytes) -> pathlib.Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(WEB)),
        ("a.JSON", json.dumps(WEB)),
        ("a.b.json", json.dumps(WEB, indent=4)),
        ("a.json", "\ufeff" + json.dumps(WEB)),
        ("a.json", json.dumps(WEB).replace(" ", "\r\n")),
        ("a.json", "[" + json.dumps(WEB) + "]"),
        ("a.ndjson", json.dumps(WEB)),
        ("a.ndjson", "\ufeff" + json.dumps(WEB) + "\r\n\r\n \n"),
    ],
)
def test_one_document(tmp_path: pathlib.Path, name: str, content: str) -> None:
    assert read(written(tmp_path, name, content)) == ([Document(WEB)], [])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps([WEB, SNAPSHOT])),
        ("a.ndjson", json.dumps(WEB) + "\n" + json.dumps(SNAPSHOT) + "\n"),
    ],
)
def test_documents_and_snapshots_side_by_side(
    tmp_path: pathlib.Path, name: str, content: str
) -> None:
    snapshot = Document({"api_version": "2025-04-07", **DB}, is_fact=True, snapshot_of="db")
    assert read(written(tmp_path, name, content)) == ([Document(WEB), snapshot], [])


@pytest.mark.parametrize("name", ["a.json", "a.ndjson"])
@pytest.mark.parametrize("others", [[], ["null"], ['{"compute": {"zone": null}}']])
def test_nulls_become_empty_texts_in_documents_and_stay_in_snapshots(
    tmp_path: pathlib.Path, name: str, others: list[str]
) -> None:
    web = {"compute": {"name": "web", "zone": None, "x": [None, {"y": None}]}, "later": None}
    snapshot = {"azure_imds": web, "inventory_hostname": "web"}
    texts = [json.dumps(web), json.dumps(snapshot), *others]
    content = "\n".join(texts) if name == "a.ndjson" else f"[{','.join(texts)}]"
    (first, second, *_others), _broken = read(written(tmp_path, name, content))
    empty = {"compute": {"name": "web", "zone": "", "x": ["", {"y": ""}]}, "later": ""}
    assert first == Document(empty)
    assert second == Document(web, is_fact=True, snapshot_of="web")


@pytest.mark.parametrize("content", ["[]", "[ ]\n"])
def test_an_empty_list(tmp_path: pathlib.Path, content: str) -> None:
    assert read(written(tmp_path, "a.json", content)) == ([], [])


def test_lines_that_only_look_like_ends(tmp_path: pathlib.Path) -> None:
    odd = {"compute": {"name": "a\u2028b\x85c"}}
    path = written(
        tmp_path, "a.ndjson", json.dumps(odd, ensure_ascii=False) + "\n" + json.dumps(WEB)
    )
    assert read(path) == ([Document(odd), Document(WEB)], [])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "", "FILE:1:1: it is not JSON: Expecting value"),
        ("a.json", '{\n  "compute": {\n', "FILE:3:1: it is not JSON: Expecting property name"),
        ("a.json", "{}\n{}", "FILE:2:1: it is not JSON: Extra data"),
        ("a.json", "{'compute': {}}", "FILE:1:2: it is not JSON"),
        ("a.json", '{"compute": NaN}', "FILE:1: it is not JSON: NaN is not JSON"),
        ("a.json", "[" * 100_000, "FILE:1: it is not JSON: it nests deeper than 64 levels"),
        ("a.json", "5", "FILE:1: it is a number, not an instance document"),
        ("a.json", "null", "FILE:1: it is null, not an instance document"),
        ("a.json", "{}", "FILE:1: it has neither compute nor network, so it is not an instance d"),
        ("a.json", '{"compute": []}', "FILE:1: its 'compute' is a list, not an object"),
        ("a.json", '{"azure_imds": {}}', "FILE:1: its azure_imds is empty, because the IMDS of"),
        ("a.json", '{"azure_imds": []}', "FILE:1: it is a list, not an instance document"),
        ("a.json", b'{"compute":\n {"name": "\xff"}}', "FILE:2: it is not UTF-8"),
        ("a.json", '{"compute": {}}'.encode("utf-16-le"), "FILE:1:2: it is not JSON"),
        ("a.ndjson", b'\n\n{"compute": "\xe4"}\n', "FILE:3: it is not UTF-8"),
        ("a.json", b'{"compute": {}}\n\n\xe6\x97', "FILE:3: it is not UTF-8"),
        ("a.json", b"\xef\xbb\xbf{\n\xff", "FILE:2: it is not UTF-8"),
        ("a.yml", "compute: {}", "FILE: only files that end in .json or .ndjson are read"),
        ("json", "{}", "FILE: only files that end in .json or .ndjson are read"),
        (".json", "{}", "FILE: only files that end in .json or .ndjson are read"),
    ],
)
def test_a_broken_file_is_reported_with_name_and_line(
    tmp_path: pathlib.Path, name: str, content: str | bytes, message: str
) -> None:
    found, broken = read(written(tmp_path, name, content))
    assert found == []
    assert len(broken) == 1
    assert broken[0].startswith(message)
    assert "\n" not in broken[0]


def test_each_broken_line_is_reported_and_the_others_are_read(tmp_path: pathlib.Path) -> None:
    lines = [json.dumps(WEB), "{", "", "[]", json.dumps(DB), "x"]
    found, broken = read(written(tmp_path, "a.ndjson", "\n".join(lines)))
    assert found == [Document(WEB), Document(DB)]
    assert [line.split(": ")[0] for line in broken] == ["FILE:2:2", "FILE:4", "FILE:6:1"]


@pytest.mark.parametrize(
    "lines",
    [
        ['{"compute": {}}, {"x": [1', '2]}, {"compute": {}}'],
        ['{"compute": {}, "x": 1', '"y": 2}, {"compute": {}}'],
    ],
)
def test_two_broken_lines_do_not_form_a_valid_one(tmp_path: pathlib.Path, lines: list[str]) -> None:
    found, broken = read(written(tmp_path, "a.ndjson", "\n".join(lines)))
    assert found == []
    assert [line.split(":")[1] for line in broken] == ["1", "2"]


def test_many_lines(tmp_path: pathlib.Path) -> None:
    # More documents than one chunk, and a broken one far below.
    lines = [json.dumps({"compute": {"name": f"vm-{n}", "x": "y" * 1000}}) for n in range(1000)]
    path = written(tmp_path, "a.ndjson", "\n".join([*lines[:900], "{", *lines[900:]]))
    found, broken = read(path)
    assert [document.data["compute"]["name"] for document in found] == [
        f"vm-{n}" for n in range(1000)
    ]
    assert [line.split(": ")[0] for line in broken] == ["FILE:901:2"]


def test_each_broken_element_of_a_list_is_reported_with_its_line(tmp_path: pathlib.Path) -> None:
    content = '\n[\n {"compute": {"x": 1}},\n 5, "a\\"]",\n\n {\n  "compute": {}\n }\n , []\n, {"compute": {"x": 2}}]'
    found, broken = read(written(tmp_path, "a.json", content))
    assert [document.data for document in found] == [{"compute": {"x": 1}}, {"compute": {"x": 2}}]
    assert [line.split(": ")[0] for line in broken] == ["FILE:4", "FILE:4", "FILE:6", "FILE:9"]


def test_a_long_list_of_broken_elements_is_reported_quickly(tmp_path: pathlib.Path) -> None:
    element = json.dumps({"x": "y" * 400})
    path = written(tmp_path, "a.json", "[" + ",\n".join([element] * 10_000) + "]")
    begun = time.monotonic()
    found, broken = read(path)
    assert time.monotonic() - begun < 5
    assert found == []
    assert broken[-1].startswith("FILE:10000: it has neither")


def test_four_mebibytes(tmp_path: pathlib.Path) -> None:
    large = {"compute": {"userData": "x" * 4 * 1024 * 1024}}
    assert read(written(tmp_path, "a.json", json.dumps(large))) == ([Document(large)], [])


def test_what_can_not_be_read(tmp_path: pathlib.Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "loop.json").symlink_to("loop.json")
    assert read(tmp_path / "folder.json") == ([], ["FILE: it can't be read: Is a directory"])
    assert read(tmp_path / "none.json") == (
        [],
        ["FILE: it can't be read: No such file or directory"],
    )
    assert read(tmp_path / "loop.json")[1][0].startswith("FILE: it can't be read: Too many levels")
    os.mkfifo(tmp_path / "fifo.ndjson")
    assert read(tmp_path / "fifo.ndjson")[1] == ["FILE: it can't be read: it is a FIFO, not a file"]
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    assert read(tmp_path / "zero.json")[1] == ["FILE: it can't be read: it is a device, not a file"]


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("a.json", 2 * 1024**3, "FILE: it can't be read: it is larger than 1024 MiB"),
        ("a.json", 1024**2, "FILE:1:1: it is not JSON"),
        ("a.ndjson", 2 * 1024**4, "FILE: it can't be read: it is larger than 8192 MiB"),
        ("a.ndjson", 64 * 1024**2, "FILE:1: the line is longer than 16 MiB"),
    ],
)
def test_a_large_sparse_file_is_refused_quickly(
    tmp_path: pathlib.Path, name: str, size: int, message: str
) -> None:
    os.truncate(written(tmp_path, name, ""), size)
    found, (broken,) = read(tmp_path / name)
    assert found == []
    assert broken.startswith(message)


def powershell(text: str) -> str:
    """The document with its lists in the form of Windows PowerShell."""
    document = json.loads(text)

    def relisted(value: t.Any) -> t.Any:
        if isinstance(value, list):
            return {"value": [relisted(one) for one in value], "Count": len(value)}
        if isinstance(value, dict):
            return {key: relisted(child) for key, child in value.items()}
        return value

    return json.dumps(relisted(document), indent=4)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_other_encodings(tmp_path: pathlib.Path, encoding: str, end: str) -> None:
    umlaut = {"compute": {"name": "wéb-日本-😀"}}
    mark = "\ufeff" if encoding.endswith("be") else ""
    one, lines = f"[{json.dumps(umlaut)}]", end.join([json.dumps(umlaut), "", json.dumps(WEB)])
    path = written(tmp_path, "a.json", (mark + one + end).encode(encoding))
    assert read(path) == ([Document(umlaut)], [])
    path = written(tmp_path, "a.ndjson", (mark + lines + end).encode(encoding))
    assert read(path) == ([Document(umlaut), Document(WEB)], [])
    path = written(tmp_path, "a.ndjson", (mark + lines + end + "{").encode(encoding))
    assert read(path) == (
        [Document(umlaut), Document(WEB)],
        ["FILE:4:2: it is not JSON: Expecting property name enclosed in double quotes"],
    )


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"\xff\xfea", "UTF-16"),
        (b"\xfe\xff\xd8\x3d\x00a", "UTF-16"),
        (b"\xff\xfe\0\0a", "UTF-32"),
        (b"\0\0\xfe\xff\xff\xff\xff\xff", "UTF-32"),
    ],
)
def test_a_file_with_a_wrong_byte_order_mark(
    tmp_path: pathlib.Path, content: bytes, encoding: str
) -> None:
    path = written(tmp_path, "a.json", content)
    assert read(path) == (
        [],
        [f"FILE: it has the byte order mark of {encoding}, but is not {encoding}"],
    )


@pytest.mark.parametrize("name", ["everything", "2017-08-01-scale-set"])
def test_lists_of_windows_powershell(tmp_path: pathlib.Path, name: str) -> None:
    document = load(name)
    two = f"[{json.dumps(document)}, {json.dumps(document)}]"
    for text in (powershell(two), powershell(two).encode("utf-16")):
        assert read(written(tmp_path, "a.json", text)) == ([Document(document)] * 2, [])
    text = json.dumps(json.loads(powershell(json.dumps(document))))
    assert read(written(tmp_path, "a.ndjson", f"{text}\n{text}")) == ([Document(document)] * 2, [])
    # Other lists before the list of the documents, and several lists.
    for text in (
        '{"Count": [], "value": [5]}',
        '{"Count": "[\\"", "value": [5]}',
        '{"value": [], "Count": 1, "value": [5]}',
    ):
        found, (problem,) = read(written(tmp_path, "a.json", text))
        assert (found, problem) == ([], "FILE:1: it is a number, not an instance document")
    text = powershell(f"[5, {json.dumps(document)}]")
    found, broken = read(written(tmp_path, "a.json", text))
    assert (found, broken) == (
        [Document(document)],
        ["FILE:3: it is a number, not an instance document"],
    )


@pytest.mark.parametrize(
    "value",
    [
        {"value": "text", "Count": 1},
        {"value": [], "Count": 0, "more": 1},
        {"value": []},
        {"Count": 1},
    ],
)
def test_objects_that_only_look_like_lists_stay(tmp_path: pathlib.Path, value: t.Any) -> None:
    document = {"compute": {"name": "a", "x": value, "tagsList": [{"name": "Count", "value": "1"}]}}
    assert read(written(tmp_path, "a.json", json.dumps(document))) == ([Document(document)], [])


def test_an_encrypted_file(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, "a.json", "$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    assert read(path) == ([], ["FILE: ansible-vault has encrypted it"])
    broken: list[str] = []

    plain = [json.dumps(WEB).encode(), json.dumps([WEB]).encode("utf-16")]

    def decrypted(given: str, content: bytes) -> bytes:
        assert (given, content) == (str(path), path.read_bytes())
        return plain.pop()

    for _each in list(plain):
        found = documents_in(str(path), lambda exc: broken.append(str(exc)), decrypted)
        assert [one.data for one in found] == [WEB]
    assert broken == []


@pytest.mark.parametrize("filler", ["x", " "])
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_line_that_is_too_long_is_reported_and_the_others_are_read(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, filler: str, end: str
) -> None:
    monkeypatch.setattr(documents, "MAX_DOCUMENT", 100)
    for length in (101, 102, 200, 201, 202, 1000, 300_000):
        long = json.dumps(WEB).ljust(length, filler)
        fits = json.dumps(WEB).ljust(99)
        lines = [fits, long, "", fits, "{", long]
        path = written(tmp_path, "a.ndjson", "\n".join(lines) + end)
        found, broken = read(path)
        assert found == [Document(WEB)] * 2
        assert [line.split(": ")[0] for line in broken] == ["FILE:2", "FILE:5:2", "FILE:6"]


@pytest.mark.parametrize("name", ["a.json", "a.ndjson"])
def test_reading_of_a_growing_file_ends(tmp_path: pathlib.Path, name: str) -> None:
    line = json.dumps(WEB) + "\n"
    path = written(tmp_path, name, line)
    with path.open("rb") as file, path.open("ab", buffering=0) as end:

        class Growing:
            fileno = file.fileno

            def read(self, size: int) -> bytes:
                end.write(line.encode())
                return file.read(size)

            def readline(self, size: int) -> bytes:
                end.write(line.encode())
                return file.readline(size)

        reader = documents._READERS[path.suffix]
        found = list(reader(str(path), t.cast(t.BinaryIO, Growing()), pytest.fail))
    assert [document.data for document in found] == [WEB]


@pytest.mark.parametrize("cut", [0, 5])
def test_reading_of_a_truncated_file_ends(tmp_path: pathlib.Path, cut: int) -> None:
    path = written(tmp_path, "a.ndjson", f"{json.dumps(WEB)}\n" * 100)
    broken: list[str] = []
    with path.open("rb", buffering=0) as file:

        class Cut:
            fileno = file.fileno

            def readline(self, size: int) -> bytes:
                os.truncate(path, len(json.dumps(WEB)) + 1 + cut)
                return file.readline(size)

        found = list(
            documents._read_ndjson(
                "FILE", t.cast(t.BinaryIO, Cut()), lambda exc: broken.append(str(exc))
            )
        )
    assert [document.data for document in found] == [WEB]
    assert [line.split(": ")[0] for line in broken] == (["FILE:2:2"] if cut else [])


def test_a_file_without_read_permission(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may read all files, so the refusal is simulated.
    def refuse(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, "a.json", json.dumps(WEB))
    monkeypatch.setattr(os, "open", refuse)
    found = read(path)
    monkeypatch.undo()
    assert found == ([], ["FILE: it can't be read: Permission denied"])


@pytest.mark.parametrize(
    "name", ["everything", "2017-04-02", "2017-08-01-scale-set", "network-only"]
)
def test_real_shapes(tmp_path: pathlib.Path, name: str) -> None:
    path = written(tmp_path, "a.json", json.dumps(load(name), ensure_ascii=False))
    assert read(path) == ([Document(load(name))], [])


# The files of a pattern


def names(folder: pathlib.Path, *patterns: str) -> list[str]:
    found, without = matching_files(patterns, str(folder))
    assert without == []
    return [os.path.relpath(path, folder) for path in found]


@pytest.fixture(params=["plain", "b[rack]et*s?"])
def folder(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> pathlib.Path:
    made: pathlib.Path = tmp_path / request.param
    (made / "deep" / "er").mkdir(parents=True)
    for name in ("b.json", "a.json", "c.ndjson", "deep/er/d.json", ".hidden.json"):
        (made / name).touch()
    return made


def test_folders_that_match_a_pattern_are_skipped(folder: pathlib.Path) -> None:
    assert "deep" in names(folder, "*")
    assert read(folder / "deep") == ([], [])


def test_patterns_are_relative_to_the_folder(folder: pathlib.Path) -> None:
    assert names(folder, "*.json") == ["a.json", "b.json"]
    assert names(folder, "./a.json") == ["a.json"]
    assert names(folder, "deep/../[ac].*json") == ["a.json", "c.ndjson"]
    assert names(folder, "**/*.json") == ["a.json", "b.json", "deep/er/d.json"]
    assert names(folder / "deep", "../b.json") == ["../b.json"]


def test_patterns_do_not_follow_links_to_folders(folder: pathlib.Path) -> None:
    # Two such links double the number of paths at each of forty levels.
    for name in ("x", "y", "deep/z"):
        (folder / name).symlink_to(folder)
    assert names(folder, "**/*.json") == ["a.json", "b.json", "deep/er/d.json"]
    everything = "a.json b.json c.ndjson deep deep/er deep/er/d.json deep/z x y"
    assert names(folder, "**") == everything.split()
    assert names(folder, "x/*.json", "d*/**/*.json") == ["deep/er/d.json", "x/a.json", "x/b.json"]
    assert names(folder, "**/er/**/d.json") == ["deep/er/d.json"]


def test_a_pattern_goes_as_deep_as_there_are_folders(tmp_path: pathlib.Path) -> None:
    # This is deeper than Python's recursion limit.
    levels = [f"{tmp_path}{'/a' * depth}" for depth in range(1, 1200)]
    for level in levels:
        os.mkdir(level)
    try:
        pathlib.Path(levels[-1], "b.json").touch()
        assert names(tmp_path, "**/*.json") == [f"{'a/' * len(levels)}b.json"]
    finally:
        os.unlink(f"{levels[-1]}/b.json")
        for level in reversed(levels):
            os.rmdir(level)


def test_each_file_comes_once(folder: pathlib.Path) -> None:
    assert names(folder, "b.json", "*.json", str(folder / "a.json").replace("[", "[[]")) == [
        "a.json",
        "b.json",
    ]


def test_the_home_folder_is_expanded(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent / "plain"))
    (folder.parent / "plain").mkdir(exist_ok=True)
    (folder.parent / "plain" / "h.json").touch()
    found, _without = matching_files(["~/h.json"], str(folder))
    assert found == [str(folder.parent / "plain" / "h.json")]


def test_a_file_that_is_named_has_to_be_there(folder: pathlib.Path) -> None:
    with pytest.raises(OptionError) as caught:
        matching_files(["none.json"], str(folder))
    assert str(caught.value) == f"documents: there is no file {folder / 'none.json'}"


def test_a_pattern_may_name_none(folder: pathlib.Path) -> None:
    assert matching_files(["none/*.json", "a.json"], str(folder)) == (
        [str(folder / "a.json")],
        ["none/*.json"],
    )
