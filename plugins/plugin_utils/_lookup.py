# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lookups share: their options, a client, and the document of the run. Private to imds.azure."""

from __future__ import annotations

import typing as t

from ansible import constants
from ansible.plugins.lookup import LookupBase

from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError, listed
from ansible_collections.imds.azure.plugins.plugin_utils._run_cache import RunCache

if t.TYPE_CHECKING:
    from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient
    from ansible_collections.imds.azure.plugins.module_utils._transport import Transport

# The settings are set at run time, so nothing is known of their types.
C: t.Any = constants


class ImdsLookup(LookupBase):
    _pooled: ImdsClient | None = None

    def _refuse_unknown(self, given: t.Iterable[str]) -> None:
        """Ansible passes over options that a lookup does not have, as a misspelt one."""
        unknown = sorted(set(given) - set(self.option_definitions))
        if unknown:
            known = sorted(name for name in self.option_definitions if not name.startswith("_"))
            raise OptionError(f"there is no option {listed(unknown)}: it takes {listed(known)}")

    def _document(self) -> t.Any:
        """The instance document of this run, from whichever process asked for it first."""
        return self._cached(self._option("api_version"), lambda imds: imds.instance().data)

    def _newest_document(self) -> t.Any:
        """The same for a lookup whose api_version is not one of instance documents."""
        from ansible_collections.imds.azure.plugins.module_utils._client import LATEST

        return self._cached(LATEST, lambda imds: imds.newest_instance())

    def _cached(self, api_version: t.Any, ask: t.Callable[[ImdsClient], t.Any]) -> t.Any:
        key = (self._option("endpoint"), api_version)
        cache = RunCache(C.DEFAULT_LOCAL_TMP, "instance", *map(str, key))
        return cache.get(lambda: ask(self._for_one_request()))

    def _for_one_request(self) -> ImdsClient:
        # A library that keeps connections would take longer to import than the request takes.
        from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport

        return self._client(http_transport)

    def _imds(self) -> ImdsClient:
        if self._pooled is None:
            from ansible_collections.imds.azure.plugins.plugin_utils._session import (
                requests_transport,
            )

            self._pooled = self._client(requests_transport())
        return self._pooled

    def _client(self, send: Transport) -> ImdsClient:
        # Only whoever asks IMDS pays for this: a thousand lookups that are answered out of the
        # run's document don't.
        from ansible_collections.imds.azure.plugins.module_utils._options import client_from

        return client_from(self._option, send)

    def _option(self, name: str) -> t.Any:
        # Ansible hands variables to a lookup as they are written, templates and all.
        value = self.get_option(name)
        is_plain = not isinstance(value, str) or not ("{" in value or value.startswith("#"))
        return value if is_plain or not self._templar else self._templar.template(value)


__all__ = ("C", "ImdsLookup")
