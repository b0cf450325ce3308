# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the certificates of the collection and of users."""

from __future__ import annotations

import datetime
import hashlib
import os
import pathlib
import re

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

import project
from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.certificates import (
    PUBLIC_ROOTS,
    SHIPPED_INTERMEDIATES,
    SHIPPED_ROOTS,
    Shipped,
)
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.issuers import is_allowed
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.trust import (
    default_roots,
    shipped_intermediates,
    trust_from,
)
from imds_simulator import _attested as azure

SHIPPED = (*SHIPPED_ROOTS, *SHIPPED_INTERMEDIATES)


def certificate(entry: Shipped) -> x509.Certificate:
    return x509.load_pem_x509_certificate(entry.pem.encode())


def common_name(name: x509.Name) -> str:
    return str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def key(one: x509.Certificate) -> bytes:
    return one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_the_table_matches_the_certificates(entry: Shipped) -> None:
    found = certificate(entry)
    assert common_name(found.subject) == entry.name
    assert common_name(found.issuer) == entry.issuer
    assert found.fingerprint(hashes.SHA256()).hex() == entry.sha256
    assert f"{found.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}" == entry.expires
    assert found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert is_allowed(entry.source)


@pytest.mark.parametrize("option", ["roots", "intermediates"])
def test_files_without_certificates(tmp_path: pathlib.Path, option: str) -> None:
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 1024**4)
    # A search that starts again at each header would take hours.
    (tmp_path / "begun").write_text("-----BEGIN CERTIFICATE-----" * 500_000)
    reasons = {
        "zero": "can't be read: it is a device, not a file",
        "fifo": "can't be read: it is a FIFO, not a file",
        "sparse": "can't be read: it is larger than 16 MiB",
        "begun": "there is no certificate in PEM form in",
    }
    for name, reason in reasons.items():
        with pytest.raises(OptionError, match=reason):
            trust_from(**{"roots": [], "intermediates": [], option: [str(tmp_path / name)]})


def test_every_shipped_certificate_leads_to_a_root() -> None:
    links = {common_name(one.subject): one for one in (*default_roots(), *shipped_intermediates())}
    for entry in SHIPPED:
        certificate(entry).verify_directly_issued_by(links[entry.issuer])


def test_the_guide_lists_them_all() -> None:
    guide = project.ROOT / "docs" / "docsite" / "rst" / "attested_documents.rst"
    rows = re.findall(r"[*] - (Microsoft .*)\n.*\n     - (.*)\n", guide.read_text(encoding="utf-8"))
    for entry in SHIPPED:
        family, number = re.fullmatch(r"(.*?) ?(\d\d)?", entry.name).groups("")
        end = f"{datetime.datetime.strptime(entry.expires, '%Y-%m-%dT%H:%M:%SZ'):%B %Y}"
        assert any(
            row.startswith(family) and number in row and ends == end for row, ends in rows
        ), entry.name


def test_the_shipped_root_has_the_key_that_digicert_signed() -> None:
    (root,) = [certificate(entry) for entry in SHIPPED_ROOTS]
    (cross,) = [
        certificate(one) for one in SHIPPED_INTERMEDIATES if one.name == "Microsoft TLS RSA Root G2"
    ]
    assert key(cross) == key(root)
    assert common_name(cross.issuer) == "DigiCert Global Root G2"


def test_public_roots_are_those_of_certifi() -> None:
    wanted = {root.sha256: root.name for root in PUBLIC_ROOTS}
    found = {
        one.fingerprint(hashes.SHA256()).hex(): common_name(one.subject) for one in default_roots()
    }
    assert found == wanted | {root.sha256: root.name for root in SHIPPED_ROOTS}
    assert all(name in certifi.contents() for name in wanted.values())


def test_roots_of_users_replace_and_intermediates_add(tmp_path: pathlib.Path) -> None:
    ours = azure.authorities()
    roots, links = tmp_path / "roots.pem", tmp_path / "links.pem"
    roots.write_text("# A comment, and a bundle.\n" + ours["roots"] + ours["intermediates"])
    links.write_bytes(ours["intermediates"].replace("\n", "\r\n").encode())
    root, intermediate = (one.certificate for one in azure.authority())
    trust = trust_from([str(roots)], [str(links)])
    assert trust.roots == (root, intermediate)
    assert trust.intermediates == (intermediate, *shipped_intermediates())
    assert trust_from([], []).roots == tuple(default_roots())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "there is no certificate in PEM form in "),
        (b"\xff\xfe\x00", "there is no certificate in PEM form in "),
        (
            b"-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----",
            "can't be read: it is not base64",
        ),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "a certificate in .* can't be read: ",
        ),
    ],
)
def test_useless_files(tmp_path: pathlib.Path, content: bytes, says: str) -> None:
    path = tmp_path / "file.pem"
    path.write_bytes(content)
    with pytest.raises(OptionError, match=f"trusted_roots: .*{says}"):
        trust_from([str(path)], [])
    with pytest.raises(OptionError, match=f"intermediates: .*{says}"):
        trust_from([], [str(path)])


def test_a_file_that_can_not_be_read(tmp_path: pathlib.Path) -> None:
    with pytest.raises(OptionError, match=r"trusted_roots: .* can't be read: Is a directory"):
        trust_from([str(tmp_path)], [])


def test_fingerprints_are_those_of_the_der_form() -> None:
    for entry in SHIPPED:
        der = certificate(entry).public_bytes(Encoding.DER)
        assert hashlib.sha256(der).hexdigest() == entry.sha256
        assert datetime.datetime.strptime(entry.expires, "%Y-%m-%dT%H:%M:%SZ")
