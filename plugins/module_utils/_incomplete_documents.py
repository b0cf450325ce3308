# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Completes instance documents that lack a part. Private to imds.azure.

IMDS gets its data from other services. If one of them fails, IMDS may return the other parts with status
200. Classic VMs never have compute, and their documents do not show this. With `extended=true`, IMDS
returns the complete document or fails, so a part that is missing there does not exist.

Imported only when a document lacks a part, or when the option `complete` is set.
"""

from __future__ import annotations

import contextlib
import typing as t

from . import _document, _errors, _retry

# An ImdsClient, its Attempts and an Instance. Their file imports this one, so this one cannot import it.
_Client = t.Any
_Attempts = t.Any
_Instance = t.Any

# The number of requests for one document, including the first.
MOST_REQUESTS = 3
# IMDS returns this key if it supports the parameter of the same name.
_MARK = "extended"
_EXTENDED = ((_MARK, "true"),)
_UNKNOWN = ". This IMDS does not know extended=true, so complete=true had no effect"
# Not for hosts on which that role can't run.
DIAGNOSE = ", and run the role imds.azure.diagnose on this host"
_WAYS_OUT = (
    f"Try again later{DIAGNOSE}. With "
    "complete=true (variable azure_imds_complete), IMDS fails instead of returning an incomplete document, and "
    "there is no warning about a part that the VM does not have"
)
_CLASSIC = ". Classic VMs, and VMs that were not changed since 2016, have no compute"


def completed(
    client: _Client, attempts: _Attempts, first: _Instance | None, wanted: t.Collection[str]
) -> _Instance:
    """The instance document, after an incomplete first answer, or with `extended=true` if there is no answer yet."""
    if first is None:
        return _in_full(client, attempts, wanted)
    return _asked_again(client, attempts, first, wanted)


def _asked_again(
    client: _Client,
    attempts: _Attempts,
    first: _Instance,
    wanted: t.Collection[str],
    remark: str = "",
) -> _Instance:
    """The first answer with parts from further requests added, and a notice about wanted parts that are still missing.

    A document without any part is an error.
    """
    document, asked = first.data, 1
    policy = _retry.RetryPolicy(attempts.limits.deadline, attempts.limits.attempts)
    while True:
        missing = _document.missing_parts(document)
        is_bare = len(missing) == len(_document.PARTS)
        lacking = missing if is_bare else [name for name in missing if name in wanted]
        if not lacking or asked == MOST_REQUESTS:
            break
        if not attempts.wait_after(_retry.Failure(), asked, policy):
            break
        asked += 1
        # If a request fails, the parts of earlier answers are kept.
        with contextlib.suppress(_errors.ImdsError):
            again = client.document(attempts.without_retries()).data
            present = set(_document.PARTS).difference(_document.missing_parts(again))
            document = {**document, **{name: again[name] for name in missing if name in present}}
    if is_bare:
        raise _no_document(client, first, asked)
    if not lacking:
        return first._replace(data=document)
    notice = _notice(client, first, lacking, asked, remark)
    return first._replace(data=document, incomplete=tuple(lacking), notices=(notice,))


def _in_full(client: _Client, attempts: _Attempts, wanted: t.Collection[str]) -> _Instance:
    """The answer to `extended=true`. If IMDS does not support the parameter, the request is sent without it."""
    try:
        answer = client.document(attempts, _EXTENDED, _advice)
    except _errors.VersionError:
        raise
    except _errors.RefusedError as exc:
        if exc.status != 400:
            raise
        answer = client.document(attempts)
    missing = _document.missing_parts(answer.data)
    is_sure = _MARK in answer.data and len(missing) < len(_document.PARTS)
    if not missing or is_sure:
        return answer
    remark = "" if _MARK in answer.data else _UNKNOWN
    return _asked_again(client, attempts, answer, wanted, remark)


def _advice(status: int | None, _cause: str) -> str:
    if status is None or status < 500:
        return ""
    return (
        "IMDS may know only a part of the document now. Try again later, raise the option deadline, "
        "or accept that part with complete=false"
    )


def _notice(client: _Client, answer: _Instance, lacking: list[str], asked: int, remark: str) -> str:
    return (
        f"{client.describe(answer)} was answered without {' and '.join(lacking)}, after "
        f"{_errors.count_of(asked, 'attempt')}, so all values that depend on it are missing"
        f"{_CLASSIC if 'compute' in lacking else ''}{remark}. {_WAYS_OUT}"
    )


def _no_document(client: _Client, answer: _Instance, asked: int) -> _errors.MalformedError:
    return _errors.malformed_answer(
        f"{client.describe(answer)} was answered, but with neither compute nor network, after {_errors.count_of(asked, 'attempt')}",
        "Try again later, or check what serves this address: it does not answer like IMDS",
    )


__all__ = ("DIAGNOSE", "MOST_REQUESTS", "completed")
