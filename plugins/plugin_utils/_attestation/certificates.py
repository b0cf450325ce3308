# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of certificates of authorities that sign attested documents. Private to imds.azure.

The certificates are public data of their issuers. Microsoft lists them, each with its serial number
and fingerprint, at
https://learn.microsoft.com/azure/security/fundamentals/azure-certificate-authority-details
A test compares this table with the certificates. `make lint` warns if a certificate has less than a
year left, and fails if one has expired. Remove an expired certificate: it verifies nothing.
"""

from __future__ import annotations

import pathlib
import typing as t

_FOLDER = pathlib.Path(__file__).parent / "pem"


class Public(t.NamedTuple):
    """A root that every system has. It is trusted as long as certifi includes it."""

    name: str
    sha256: str


class Shipped(t.NamedTuple):
    name: str
    issuer: str
    source: str  # the URL at which the issuer publishes it
    sha256: str  # of its DER form
    expires: str
    file: str  # in the folder pem

    @property
    def pem(self) -> str:
        return (_FOLDER / self.file).read_text(encoding="ascii")


PUBLIC_ROOTS = (
    Public(
        name="DigiCert Global Root G2",
        sha256="cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f",
    ),
    Public(
        name="Microsoft RSA Root Certificate Authority 2017",
        sha256="c741f70f4b2a8d88bf2e71c14122ef53ef10eba0cfa5e64cfa20f418853073e0",
    ),
)

# Too new for certifi (April 2025). The first of the intermediates has the same name and key, signed by
# DigiCert Global Root G2. This root remains valid when that signature ends in 2029.
SHIPPED_ROOTS = (
    Shipped(
        name="Microsoft TLS RSA Root G2",
        issuer="Microsoft TLS RSA Root G2",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20RSA%20Root%20G2.crt",
        sha256="6a170583db584151e1c454eeca2a64cc5d8e484a5bd1156e720b4458654ee9e5",
        expires="2040-04-10T18:43:51Z",
        file="microsoft-tls-rsa-root-g2.pem",
    ),
)

SHIPPED_INTERMEDIATES = (
    # For documents since April 2026; Azure moves the regions to these one after the other.
    Shipped(
        name="Microsoft TLS RSA Root G2",
        issuer="DigiCert Global Root G2",
        source="https://caissuers.microsoft.com/pkiops/certs/Microsoft%20TLS%20RSA%20Root%20G2%20-%20xsign.crt",
        sha256="ddcd1e8a20638d4aaff7201bb1d56452acd2c759f1686bdc38f73dd15732bdc2",
        expires="2029-06-19T23:59:59Z",
        file="microsoft-tls-rsa-root-g2-by-digicert-global-root-g2.pem",
    ),
    Shipped(
        name="Microsoft TLS G2 RSA CA OCSP 02",
        issuer="Microsoft TLS RSA Root G2",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2002.crt",
        sha256="ea7a25255d111fc3ce4cb8fabe3adf9c27bbe6db203f955066bab4c5a71f3d08",
        expires="2029-06-03T20:03:00Z",
        file="microsoft-tls-g2-rsa-ca-ocsp-02.pem",
    ),
    Shipped(
        name="Microsoft TLS G2 RSA CA OCSP 04",
        issuer="Microsoft TLS RSA Root G2",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2004.crt",
        sha256="ac8ea9f2874fd368a3e778b1a0b165ee898db9b9687c17edcdc76908ab58c82c",
        expires="2029-06-03T20:02:59Z",
        file="microsoft-tls-g2-rsa-ca-ocsp-04.pem",
    ),
    Shipped(
        name="Microsoft TLS G2 RSA CA OCSP 06",
        issuer="Microsoft TLS RSA Root G2",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2006.crt",
        sha256="16b74b335c6f9801cfc499e39cc292f6d13c5191be87126226403819da4ad213",
        expires="2029-06-03T20:03:01Z",
        file="microsoft-tls-g2-rsa-ca-ocsp-06.pem",
    ),
    Shipped(
        name="Microsoft TLS G2 RSA CA OCSP 08",
        issuer="Microsoft TLS RSA Root G2",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2008.crt",
        sha256="885451307a4abf298bb28add793ec7826629b057eca79e6f51dc51f42cd64a2d",
        expires="2029-06-03T23:03:40Z",
        file="microsoft-tls-g2-rsa-ca-ocsp-08.pem",
    ),
    Shipped(
        name="Microsoft TLS G2 RSA CA OCSP 10",
        issuer="Microsoft TLS RSA Root G2",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2010.crt",
        sha256="6ebff927297a5b3aaf5eae672252c36a5158473fa5bbf0e29508d5528358f83b",
        expires="2029-06-03T20:03:03Z",
        file="microsoft-tls-g2-rsa-ca-ocsp-10.pem",
    ),
    Shipped(
        name="Microsoft TLS G2 RSA CA OCSP 12",
        issuer="Microsoft TLS RSA Root G2",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2012.crt",
        sha256="d9280dda01fcdfe208955cc7fbef27c3909c0a05d2c2e24e27dbb33c3be5889c",
        expires="2029-06-03T23:03:39Z",
        file="microsoft-tls-g2-rsa-ca-ocsp-12.pem",
    ),
    Shipped(
        name="Microsoft TLS G2 RSA CA OCSP 14",
        issuer="Microsoft TLS RSA Root G2",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2014.crt",
        sha256="b2abe84672548695c111ff9a9d6d8d55eababf2fc311d02ecf86a93cd7fce361",
        expires="2029-06-03T23:03:41Z",
        file="microsoft-tls-g2-rsa-ca-ocsp-14.pem",
    ),
    Shipped(
        name="Microsoft TLS G2 RSA CA OCSP 16",
        issuer="Microsoft TLS RSA Root G2",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2016.crt",
        sha256="38d895f5105bc2545822c17a2444f4b0ea3d298d2c15a38296aa7295a3d85ce9",
        expires="2029-06-03T20:03:02Z",
        file="microsoft-tls-g2-rsa-ca-ocsp-16.pem",
    ),
    # For documents since 2024, in regions that have not moved yet.
    Shipped(
        name="Microsoft Azure RSA TLS Issuing CA 03",
        issuer="Microsoft RSA Root Certificate Authority 2017",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20Azure%20RSA%20TLS%20Issuing%20CA%2003.crt",
        sha256="3d3f4b440f933ffd269565eda9e20e8df863c9cbe3651d3b476c5b4f4af5ce28",
        expires="2028-05-25T23:49:25Z",
        file="microsoft-azure-rsa-tls-issuing-ca-03.pem",
    ),
    Shipped(
        name="Microsoft Azure RSA TLS Issuing CA 04",
        issuer="Microsoft RSA Root Certificate Authority 2017",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20Azure%20RSA%20TLS%20Issuing%20CA%2004.crt",
        sha256="fd39ffc48f148354262162a2f55dd46dc2564cfc1499309ad53f09c10981dcca",
        expires="2028-05-25T23:49:33Z",
        file="microsoft-azure-rsa-tls-issuing-ca-04.pem",
    ),
    Shipped(
        name="Microsoft Azure RSA TLS Issuing CA 07",
        issuer="Microsoft RSA Root Certificate Authority 2017",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20Azure%20RSA%20TLS%20Issuing%20CA%2007.crt",
        sha256="fbb7926a451badf516be518614a77e6e325e29819908796d807f59320f918ee2",
        expires="2028-05-25T23:49:30Z",
        file="microsoft-azure-rsa-tls-issuing-ca-07.pem",
    ),
    Shipped(
        name="Microsoft Azure RSA TLS Issuing CA 08",
        issuer="Microsoft RSA Root Certificate Authority 2017",
        source="https://www.microsoft.com/pkiops/certs/Microsoft%20Azure%20RSA%20TLS%20Issuing%20CA%2008.crt",
        sha256="cfdd061fcd4cff3bb9e133264ca7fde45ca49b70cfaa977ae0dc422b4330a8c1",
        expires="2028-05-25T23:49:28Z",
        file="microsoft-azure-rsa-tls-issuing-ca-08.pem",
    ),
)

__all__ = ("PUBLIC_ROOTS", "SHIPPED_INTERMEDIATES", "SHIPPED_ROOTS", "Public", "Shipped")
