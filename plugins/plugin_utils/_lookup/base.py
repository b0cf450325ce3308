# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base class of the lookups: options, client, and the document of the run. Private to imds.azure."""

from __future__ import annotations

import typing as t

from ansible import constants
from ansible.plugins.lookup import LookupBase

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    listed,
    one_line,
)
from ansible_collections.imds.azure.plugins.plugin_utils._fact_variables import injected_facts
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.routes import without_user_data
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.run_cache import RunCache

if t.TYPE_CHECKING:
    from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient

# Ansible defines its settings at run time, so mypy does not know their types.
C: t.Any = constants


# Names of results: the complete document, and the document without its user data.
_WHOLE = "whole"
_BARE = "without_user_data"
# Arguments that Ansible itself passes to every lookup: before ansible-core 2.19 wantlist, if the lookup
# makes a loop (with_imds.azure.metadata), and from 2.19 on allow_unsafe.
_OF_ANSIBLE = ("allow_unsafe", "errors", "wantlist")


class ImdsLookup(LookupBase):
    _pooled: ImdsClient | None = None

    def set_options(
        self,
        task_keys: t.Any = None,
        var_options: t.Mapping[str, t.Any] | None = None,
        direct: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        """Sets the options. Ansible passes variables to a lookup unevaluated, so their templates are evaluated here.

        Direct arguments are results of templates. They may contain untrusted text that has lost its mark
        (before ansible-core 2.19), so they must not be evaluated again.
        """
        super().set_options(task_keys, self._templated(var_options or {}, direct or {}), direct)

    def _templated(
        self, variables: t.Mapping[str, t.Any], direct: t.Container[str]
    ) -> dict[str, t.Any]:
        """The evaluated variables that set options, except those that a direct argument overrides."""
        names = [
            variable["name"]
            for option, definition in self.option_definitions.items()
            if option not in direct
            for variable in definition.get("vars", ())
        ]
        # A host chooses its facts, which replace inventory variables.
        facts = injected_facts(variables)
        given = {name: variables[name] for name in names if name in variables and name not in facts}
        if self._templar is None:
            return given
        return {name: self._templar.template(value) for name, value in given.items()}

    def _refuse_unknown(self, given: t.Iterable[str]) -> None:
        """Refuses unknown options, for example misspelt ones, because Ansible ignores them."""
        unknown = sorted(set(given) - {*self.option_definitions, *_OF_ANSIBLE})
        if unknown:
            known = sorted(name for name in self.option_definitions if not name.startswith("_"))
            raise OptionError(
                f"there is no option {listed(unknown)}: the options are {listed(known)}"
            )

    def _document(self, user_data: bool) -> t.Any:
        """The instance document of this run, from the first process that requested it.

        Without user data, userData and customData are empty in it, unless another lookup of the run
        requested them.
        """
        version, complete = self.get_option("api_version"), self.get_option("complete")
        key = (version, "complete") if complete else (version,)
        return self._cached(key, self._instance_with_warnings, user_data)

    def _instance_with_warnings(self, imds: ImdsClient) -> t.Any:
        """An instance document from IMDS. Prints warnings about missing parts."""
        answer = imds.instance(complete=self.get_option("complete"))
        for notice in answer.notices:
            self._display.warning(one_line(notice))
        return answer.data

    def _newest_document(self) -> t.Any:
        """The newest instance document, for a lookup whose api_version belongs to another endpoint."""
        from ansible_collections.imds.azure.plugins.module_utils._client import LATEST

        return self._cached((LATEST,), lambda imds: imds.newest_instance(), user_data=False)

    def _cached(
        self, document: tuple[t.Any, ...], ask: t.Callable[[ImdsClient], t.Any], user_data: bool
    ) -> t.Any:
        key = (self.get_option("endpoint"), *document)
        cache = RunCache(C.DEFAULT_LOCAL_TMP, "instance", *map(str, key))

        def make(left: t.Callable[[], float]) -> tuple[str, t.Any]:
            document = ask(self._client_for_one_request(left))
            bare = document if user_data else without_user_data(document)
            return (_WHOLE if bare is document else _BARE), bare

        return cache.get([_WHOLE] if user_data else [_BARE, _WHOLE], make, self._deadline)

    def _deadline(self) -> float:
        from ansible_collections.imds.azure.plugins.module_utils._options import seconds

        return seconds("deadline", self.get_option("deadline"))

    def _client_for_one_request(self, left: t.Callable[[], float]) -> ImdsClient:
        # No library with a connection pool: its import would take longer than the request.
        from ansible_collections.imds.azure.plugins.module_utils._options import client_from
        from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport

        def option(name: str) -> t.Any:
            return left() if name == "deadline" else self.get_option(name)

        return client_from(option, http_transport)

    def _imds(self) -> ImdsClient:
        # Imported here because a lookup that finds the run's document does not need it.
        if self._pooled is None:
            from ansible_collections.imds.azure.plugins.module_utils._options import client_from
            from ansible_collections.imds.azure.plugins.plugin_utils._requests_transport import (
                requests_transport,
            )

            self._pooled = client_from(self.get_option, requests_transport())
        return self._pooled


__all__ = ("C", "ImdsLookup")
