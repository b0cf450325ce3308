# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests tokens with the client: requests, retries and errors. The transport is a double, and no real time passes."""

from __future__ import annotations

import contextlib
import itertools
import json
import typing as t
import unicodedata

import pytest

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits, System
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    MalformedError,
    OptionError,
    RefusedError,
    TransportError,
    UnavailableError,
    VersionError,
)
from ansible_collections.imds.azure.plugins.module_utils._failures import error_text
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.options import token_from
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import (
    extension_endpoint,
    extension_token,
    imds_token,
)
from ansible_collections.imds.azure.plugins.module_utils._options import client_from
from ansible_collections.imds.azure.plugins.module_utils._transport import Request, Response

ENDPOINT = "http://127.0.0.1:8169"
TOKEN = "eyJhbGciOi.c2VjcmV0.c2lnbmF0dXJl"
ANSWER = {"access_token": TOKEN, "expires_in": "3599", "resource": "r", "token_type": "Bearer"}
VAULT = "https://vault.azure.net"
URL = f"{ENDPOINT}/metadata/identity/oauth2/token"
QUERY = "api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net"


def answer(status: int, data: t.Any, **headers: str) -> Response:
    body = data.encode() if isinstance(data, str) else json.dumps(data).encode()
    return Response(status, headers, body)


def refusal(description: str, error: str = "invalid_request") -> Response:
    return answer(400, {"error": error, "error_description": description})


OK = answer(200, ANSWER)


class Imds:
    """Returns the answers of a list in turn, and repeats the last one. Sleeps move its clock."""

    def __init__(self, *answers: Response | TransportError) -> None:
        self.answers = list(answers)
        self.urls: list[str] = []
        self.turns = 0
        self.now = 0.0

    def send(self, request: Request, _timeout: float) -> Response:
        assert request.headers["Metadata"] == "true", "the extension takes no other casing"
        assert (request.method, request.body) == ("GET", None)
        self.urls.append(request.url)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, TransportError):
            raise found
        return found

    @contextlib.contextmanager
    def turn(self, patience: float) -> t.Iterator[None]:
        assert patience > 0
        self.turns += 1
        before = len(self.urls)
        yield
        assert len(self.urls) == before + 1, "one request a turn"

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def system(self) -> System:
        return System(lambda: self.now, lambda: self.now, self.sleep, lambda: 0.5)

    def client(self, version: str = "latest", deadline: float = 90.0) -> ImdsClient:
        limits = Limits(deadline=deadline)
        return ImdsClient(self.send, ENDPOINT, version, limits, self.system)


def test_one_request_with_the_version_of_the_sdks() -> None:
    imds = Imds(OK)
    token = imds_token(imds.client(), VAULT)
    assert imds.urls == [f"{URL}?{QUERY}"]
    assert (token["access_token"], token["expires_in"]) == (TOKEN, 3599)


def test_a_requested_version_is_used() -> None:
    imds = Imds(OK)
    imds_token(imds.client("2021-02-01"), VAULT, [("msi_res_id", "/sub/A b")])
    (url,) = imds.urls
    assert url == (
        f"{URL}?api-version=2021-02-01&resource=https%3A%2F%2Fvault.azure.net&msi_res_id=%2Fsub%2FA%20b"
    )


def test_the_cloud_is_read_with_any_version_of_tokens() -> None:
    """Before 2018-10-01, instance documents name no cloud."""
    imds = Imds(answer(200, {"compute": {"azEnvironment": "AzurePublicCloud"}}), OK)
    option = {**OPTIONS, "api_version": "2018-02-01"}.__getitem__
    client = client_from(option, imds.send, imds.system)
    token_from(option, client, client.newest_instance)
    assert imds.urls == [f"{ENDPOINT}/metadata/instance?api-version=2025-04-07", f"{URL}?{QUERY}"]


def test_the_version_of_tokens_is_not_that_of_documents() -> None:
    imds = Imds(answer(200, {"compute": {"name": "x"}, "network": {"interface": [{"x": "y"}]}}))
    client = imds.client()
    client.instance()
    imds.answers = [OK]
    imds_token(client, VAULT)
    imds.answers = [answer(200, {"compute": {"name": "x"}, "network": {"interface": [{"x": "y"}]}})]
    assert client.instance().api_version == "2025-04-07"
    assert "api-version=2018-02-01" in imds.urls[1]


@pytest.mark.parametrize("status", [404, 408, 410, 429, 500, 502, 503, 504])
def test_transient_failures_are_retried(status: int) -> None:
    imds = Imds(answer(status, {"error": "x", "error_description": "y"}), answer(status, ""), OK)
    assert imds_token(imds.client(), VAULT, rate_limit=imds.turn)["access_token"] == TOKEN
    assert len(imds.urls) == 3
    assert imds.turns == 3, "each attempt takes a turn"


def test_requests_without_an_answer_are_retried() -> None:
    imds = Imds(TransportError("the connection was reset"), answer(200, "not json"), OK)
    assert imds_token(imds.client(), VAULT)["access_token"] == TOKEN


@pytest.mark.parametrize("status", [400, 401, 403, 405])
def test_final_statuses(status: int) -> None:
    imds = Imds(answer(status, {"error": "invalid_request", "error_description": "no"}))
    with pytest.raises(RefusedError) as caught:
        imds_token(imds.client(), VAULT)
    assert len(imds.urls) == 1
    assert f"status {status}, 'invalid_request: no', after 1 attempt" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "seconds", "kind"),
    [(404, 30, UnavailableError), (410, 70, UnavailableError), (429, 80, UnavailableError)],
)
def test_the_duration_of_retries(status: int, seconds: float, kind: type[ImdsError]) -> None:
    imds = Imds(answer(status, ""))
    with pytest.raises(kind):
        imds_token(imds.client(), VAULT)
    assert seconds * 0.85 < imds.now < max(90.0, seconds)


@pytest.mark.parametrize(
    ("response", "words", "advice"),
    [
        (
            refusal("Multiple user assigned identities exist, please specify the clientId"),
            "Multiple user assigned identities exist, please specify the clientId",
            "set client_id, object_id or resource_id",
        ),
        (
            refusal("Identity not found"),
            "Identity not found",
            "Assign a managed identity to the VM",
        ),
        (
            refusal("AADSTS500011: The resource principal", "invalid_resource"),
            "invalid_resource: AADSTS500011: The resource principal",
            "Check resource",
        ),
    ],
)
def test_a_message_has_the_error_text_and_advice(
    response: Response, words: str, advice: str
) -> None:
    imds = Imds(response)
    with pytest.raises(RefusedError) as caught:
        imds_token(imds.client(), VAULT)
    assert words in str(caught.value)
    assert advice in str(caught.value)
    assert URL in str(caught.value)
    assert len(imds.urls) == 1, "none of these is about the version"


def test_too_many_requests_for_tokens() -> None:
    throttled = {"error": "invalid_request", "error_description": "Temporarily throttled, too many"}
    with pytest.raises(UnavailableError, match="20 times a second, 5 at once"):
        imds_token(Imds(answer(429, throttled)).client(deadline=5), VAULT)


def test_a_version_that_is_rejected_is_no_refusal_of_a_token() -> None:
    rejection = answer(400, {"error": "api-version is invalid", "newest-versions": ["2021-02-01"]})
    with pytest.raises(VersionError, match="rejected api-version 2021-02-01"):
        imds_token(Imds(rejection).client("2021-02-01"), VAULT)


def test_the_message_about_an_answer_without_a_token_does_not_quote_it() -> None:
    imds = Imds(answer(200, {"accessToken": TOKEN}))
    with pytest.raises(MalformedError) as caught:
        imds_token(imds.client(), VAULT)
    assert "was answered, but it has no usable access_token" in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_token_in_invalid_json_is_not_shown() -> None:
    imds = Imds(answer(200, f'{{"access_token":"{TOKEN}"'))
    with pytest.raises(UnavailableError) as caught:
        imds_token(imds.client(deadline=3), VAULT)
    assert "that are not JSON" in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


# The possible forms of a token, and its possible places in an invalid body.
LONG = "eyJhbGciOiJSUzI1NiJ9." + "c2VjcmV0" * 40 + ".c2lnbmF0dXJl-_" + "AbC9" * 30
SHORT = "opaque-c2VjcmV0"
OPAQUE = "0.AXkA7_Zq9-Lm4Tb2Ws8Xk1Rn6Vd3Yp5"
BODIES = {
    "JSON": lambda token: json.dumps({"access_token": token, "expires_in": "3599"}),
    "error": lambda token: json.dumps({"error": f"no: {token}", "access_token": token}),
    "description": lambda token: json.dumps(
        {"error": "x", "error_description": f"Bearer {token}", "refreshToken": token}
    ),
    "list": lambda token: json.dumps([token]),
    "JSON text": json.dumps,
    "half": lambda token: f'{{"access_token":"{token}"',
    "an end": lambda token: f'n":"{token}","expires_in":"3599"}}',
    "form": lambda token: f"access_token={token}&expires_in=3599",
    "text": lambda token: token,
    "words": lambda token: f"Here it is: {token}",
    "HTML": lambda token: f"<html>{token}</html>",
    "UTF-16": lambda token: json.dumps({"access_token": token}).encode("utf-16-le"),
    "stored": lambda token: b"\x1f\x8b\x08\x00" + token.encode(),
    "versions": lambda token: json.dumps({"error": "api-version", "newest-versions": [token]}),
}


@pytest.mark.parametrize("token", [LONG, SHORT], ids=["JWT", "opaque"])
@pytest.mark.parametrize("body", BODIES)
def test_no_message_contains_a_token_with_any_status(body: str, token: str) -> None:
    raw = BODIES[body](token)
    sent = raw if isinstance(raw, bytes) else raw.encode()
    headers = {"location": f"http://there/?t={token}", "content-type": f"x/{LONG}"}
    for status in (*range(100, 200), *range(201, 600)):
        imds = Imds(Response(status, headers, sent))
        limits = Limits(attempts=1)
        for version, ask in itertools.product(("latest", "2021-02-01"), ASKS):
            with pytest.raises(ImdsError) as caught:
                ask(ImdsClient(imds.send, ENDPOINT, version, limits, imds.system))
            assert not hints_at(token, str(caught.value))
            assert f"status {status}" in str(caught.value)


ASKS: list[t.Callable[[ImdsClient], t.Any]] = [
    lambda client: imds_token(client, VAULT),
    lambda client: extension_token(client, extension_endpoint(4711, []), VAULT),
]


def hints_at(token: str, message: str) -> bool:
    """Whether the text contains a part of the token, even with other characters between its letters."""
    letters = "".join(c for c in message if c.isalnum())
    part = "".join(c for c in token if c.isalnum())[-12:]
    return part in letters or "c2VjcmV0" in letters


@pytest.mark.parametrize("status", [203, 206, 400, 500])
def test_the_error_text_next_to_a_token_is_shown(status: int) -> None:
    told = {"error": "invalid_request", "error_description": f"Not {OPAQUE} again"}
    imds = Imds(answer(status, {**told, "access_token": SHORT}))
    client = ImdsClient(imds.send, ENDPOINT, "latest", Limits(attempts=1), imds.system)
    with pytest.raises(ImdsError, match=rf"status {status}, 'invalid_request: Not \*\*\* again'"):
        imds_token(client, VAULT)


def words_about(description: str, error: str = "invalid_grant") -> str:
    """The quotation in the message about a failed request for a token."""
    imds = Imds(answer(400, {"error": error, "error_description": description}))
    with pytest.raises(RefusedError) as caught:
        imds_token(imds.client(), VAULT)
    words = str(caught.value).partition("status 400, ")[2].rpartition(", after 1 attempt")[0]
    return words.strip("'\"")


def pieces(token: str, size: int, between: str) -> str:
    return between.join(token[at : at + size] for at in range(0, len(token), size))


@pytest.mark.parametrize("between", ["\n", " ", "\t", "\u00a0", "\u200b", "\u00ad", "\u3164", "é"])
@pytest.mark.parametrize("size", [12, 19, 20, 40, 57])
@pytest.mark.parametrize("token", [LONG, OPAQUE], ids=["JWT", "opaque"])
def test_no_piece_of_a_token_is_shown(token: str, size: int, between: str) -> None:
    words = words_about(f"Bad token: {pieces(token, size, between)}")
    assert words == "***" or words.startswith("invalid_grant: Bad token: ***")
    assert not any(token[at : at + 12] in words for at in range(len(token) - 12))


@pytest.mark.parametrize(
    "description",
    [
        OPAQUE,
        f"'{OPAQUE}'",
        f"It is {OPAQUE[:20]}",
        OPAQUE.replace("_", "%5F").replace("-", "%2D"),
        "".join(chr(ord(c) + 0xFEE0) for c in OPAQUE),
        json.dumps({"access_token": OPAQUE}),
        json.dumps({"access_token": SHORT}),
        json.dumps(json.dumps({"access_token": SHORT})),
        f"claims={{{SHORT}",
        "e y J " + " ".join("abc"),
        f"2026-01-31{OPAQUE}",
        f"{OPAQUE}-3f6e2b1c-5a0d-4c8e-9b7f-2d1a6c4e8f90",
        "error " + pieces(OPAQUE, 7, "\r\n"),
    ],
)
def test_forms_of_a_token_are_not_shown(description: str) -> None:
    words = words_about(description, error="x")
    assert "***" in words
    assert not any(OPAQUE[at : at + 7] in words for at in range(len(OPAQUE) - 7))
    assert SHORT not in words


@pytest.mark.parametrize("between", [" : ", ", which is ", " 2026-01-31 ", " {"])
@pytest.mark.parametrize("size", [7, 12, 19])
def test_a_token_that_occurs_whole_and_in_pieces_is_not_shown(size: int, between: str) -> None:
    for description in (
        f"{pieces(OPAQUE, size, ' ')}{between}{OPAQUE}",
        f"{OPAQUE}{between}{pieces(OPAQUE, size, ' ')}",
    ):
        words = words_about(description)
        assert not any(OPAQUE[at : at + 7] in words for at in range(len(OPAQUE) - 7))


@pytest.mark.parametrize("before", ["a ", "a " * 495, " " * 985, "a " * 150 + " " * 690])
@pytest.mark.parametrize("token", [OPAQUE, f"{SHORT} {'x' * 3000} {SHORT}", "one two three four"])
def test_a_token_at_the_end_of_the_quoted_text_is_not_shown(token: str, before: str) -> None:
    body = {"error": f"{before}{token}", "some": [{"accessToken": token}]}
    # A sequence of characters that is cut is hidden, even if nothing marks it as a token.
    unnamed = [{"error": body["error"]}] if token == OPAQUE and len(before) > 900 else []
    for data in (body, *unnamed):
        failure = error_text(Request("GET", URL, {}), answer(400, data))
        assert token[:5] not in failure


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        # The replacement of a token contains the next token.
        ({"error": "*" * 10, "t": [{"token": "*"}] * 40}, "*" * 10),
        ({"error": "*" * 10, "t": [{"token": "*" * 8}] * 40}, "***"),
        ({"error": "no " * 500_000, "t": [{"token": f"token {n}"} for n in range(100)]}, "no no"),
        ({"error": "no " * 500_000, "t": [{"token": f"token {n}"} for n in range(101)]}, "***"),
        ({"error": {"code": "no", "message": "\u0300\u0316" * 500_000}}, "no: "),
        ({"error": "no: " + "\ufdfa" * 1_000_000}, "no: "),
        ({"error": "no " + "ab1 " * 900_000}, "no ab1 ab1"),
    ],
    ids=["short tokens", "stars", "100 tokens", "101 tokens", "marks", "ligatures", "words"],
)
def test_only_the_start_of_the_error_text_is_inspected(
    monkeypatch: pytest.MonkeyPatch, body: dict[str, t.Any], shown: str
) -> None:
    lengths = []
    normalize = unicodedata.normalize

    def measured(form: t.Any, text: str) -> str:
        lengths.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", measured)
    for secret in (False, True):
        words = error_text(Request("GET", URL, {}, secret=secret), answer(400, body))
        assert words.startswith(shown) or (secret and words == "***")
        assert len(words) <= 300
    assert all(length < 1010 for length in lengths)


@pytest.mark.parametrize(
    "description",
    [
        "Identity not found",
        "Multiple user assigned identities exist, please specify the clientId / resourceId of the "
        "identity in the token request",
        "AADSTS700016: Application with identifier '3f6e2b1c-5a0d-4c8e-9b7f-2d1a6c4e8f90' was not found in "
        "the directory 'Contoso'. Try again in 5 seconds.",
        "AADSTS500011: The resource principal named https://vault.example was not found. Trace ID: "
        "d8f5f6b8-0b1c-4c3e-8f8e-3a1b2c3d4e00 Correlation ID: 7a5c1f3e-52d4-4b8e-9c60-3f1e8d2b6a94 "
        "Timestamp: 2026-01-31 12:00:00Z",
        "AADSTS53003: Access has been blocked by OAuth2 v1.0 policies (error 53003, 2026-01-31T12:00:00.123Z)",
        "The vault of the café is unknown",
    ],
)
def test_real_error_texts_are_shown_unchanged(description: str) -> None:
    assert words_about(description) == f"invalid_grant: {description}"[:299] + (
        "…" if len(description) > 285 else ""
    )


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("text/plain; x=SECRETTOKEN9", "text/plain"),
        ("text/plain;SECRETTOKEN9", "text/plain"),
        ("Application/JSON; charset=utf-8", "application/json"),
        ("SECRETTOKEN9/json", "unknown type"),
        ("text/SECRETTOKEN9", "unknown type"),
        ("", "unknown type"),
    ],
)
def test_parameters_of_a_content_type_are_not_shown(sent: str, shown: str) -> None:
    imds = Imds(answer(200, "no JSON", **{"content-type": sent}))
    with pytest.raises(UnavailableError) as caught:
        imds_token(imds.client(deadline=3), VAULT)
    assert f"bytes of {shown} that are not JSON" in str(caught.value)
    assert "SECRET" not in str(caught.value).upper()


def test_the_target_of_a_token_redirect_is_not_shown() -> None:
    imds = Imds(answer(302, "", location="http://login.example.com/?token=1"))
    with pytest.raises(RefusedError, match="status 302, 'a redirect, which is not followed'"):
        imds_token(imds.client(), VAULT)


def test_a_timeout_of_the_rate_limit_is_an_error() -> None:
    @contextlib.contextmanager
    def full(patience: float) -> t.Iterator[None]:
        if patience:
            raise TransportError("other processes use up the rate limit", retry=False)
        yield

    imds = Imds(OK)
    client = ImdsClient(imds.send, ENDPOINT, "latest", Limits(), imds.system)
    with pytest.raises(
        UnavailableError, match="other processes use up the rate limit, after 1"
    ) as caught:
        imds_token(client, VAULT, rate_limit=full)
    assert "Request fewer tokens at once" in str(caught.value)
    assert imds.urls == []


def test_only_tokens_of_imds_are_rate_limited() -> None:
    imds = Imds(answer(200, {"compute": {"azEnvironment": "AzurePublicCloud"}}), OK)
    document = imds.client().instance().data
    for source, turns in (("vm_extension", 0), ("imds", 1)):
        option = {**OPTIONS, "source": source}.__getitem__
        client = client_from(option, imds.send, imds.system)
        token_from(option, client, lambda: document, imds.turn)
        assert imds.turns == turns


def test_the_extension_has_no_version() -> None:
    imds = Imds(OK)
    token = extension_token(
        imds.client(), extension_endpoint(4711, []), VAULT, [("object_id", "1")]
    )
    assert imds.urls == [
        "http://localhost:4711/oauth2/token?resource=https%3A%2F%2Fvault.azure.net&object_id=1"
    ]
    assert (token["access_token"], token["client_id"]) == (TOKEN, "")


@pytest.mark.parametrize(
    ("response", "advice"),
    [
        (answer(401, {"error": "unknown_source", "error_description": "x"}), "use source=imds"),
        (
            answer(400, "api-version invalid, newest-versions"),
            "Check resource and the requested identity",
        ),
        (answer(404, "Invalid version requested"), "does not run, or not on this port"),
        (TransportError("connection refused", retry=False), "does not run, or not on this port"),
    ],
)
def test_the_extensions_errors(response: Response | TransportError, advice: str) -> None:
    with pytest.raises(ImdsError, match="http://localhost:4711/oauth2/token") as caught:
        extension_token(Imds(response).client(), extension_endpoint(4711, []), VAULT)
    assert advice in str(caught.value)


OPTIONS = {
    "endpoint": ENDPOINT,
    "api_version": "latest",
    "timeout": 10,
    "deadline": 90,
    "resource": "key_vault",
    "source": "imds",
    "port": 50342,
    "client_id": None,
    "object_id": None,
    "resource_id": None,
}


def by_options(imds: Imds, document: t.Any = None, **options: t.Any) -> dict[str, t.Any]:
    option = {**OPTIONS, **options}.__getitem__
    return token_from(option, client_from(option, imds.send, imds.system), lambda: document)


def test_a_named_resource_uses_the_cloud_of_the_document() -> None:
    imds = Imds(OK)
    by_options(imds, {"compute": {"azEnvironment": "AZURECHINACLOUD"}})
    assert "resource=https%3A%2F%2Fvault.azure.cn" in imds.urls[0]


@pytest.mark.parametrize("document", [{}, {"compute": {}}, {"compute": {"azEnvironment": None}}])
def test_a_document_without_a_cloud(document: t.Any) -> None:
    with pytest.raises(OptionError, match="give the URI of the resource"):
        by_options(Imds(OK), document)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"client_id": "1", "object_id": "2"}, "mutually exclusive"),
        ({"source": "vm_extension", "resource_id": "/1"}, "unknown to the VM extension"),
        ({"source": "vm_extension", "port": 0}, "port must be"),
        ({"resource": "keyvault"}, "is neither a URI"),
    ],
)
def test_bad_options_are_refused_before_any_request(
    options: dict[str, t.Any], message: str
) -> None:
    imds = Imds(OK)
    with pytest.raises(OptionError, match=message):
        by_options(imds, **options)
    assert imds.urls == []


def test_the_source_selects_the_endpoint() -> None:
    imds = Imds(OK)
    by_options(imds, source="vm_extension", resource=VAULT, client_id="1")
    assert imds.urls[0].startswith("http://localhost:50342/oauth2/token?")
