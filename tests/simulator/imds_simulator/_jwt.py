# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Creates signed tokens. The key exists only in this process."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_key() -> rsa.RSAPublicKey:
    """The public key that verifies all tokens of this process."""
    return _key().public_key()


def signed(claims: dict[str, Any]) -> str:
    """A JSON Web Token with an RS256 signature."""
    der = public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    name = _base64url(hashlib.sha256(der).digest())
    header = {"typ": "JWT", "alg": "RS256", "x5t": name, "kid": name}
    content = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    signature = _key().sign(content.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{content}.{_base64url(signature)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
