# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests the document on the managed node, and verifies it on the controller, because the VM is not trusted.

Documented in plugins/modules/attested_info.py.
"""

from __future__ import annotations

import datetime
import secrets
import typing as t

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.imds.azure.plugins.module_utils._endpoints.attested import (
    argument_spec,
    checked_nonce,
    document_by_options,
    failure,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    AttestationError,
    ImdsError,
    OptionError,
    listed,
    printable,
)
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.issuers import MAX_BYTES
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.trust import trust_from
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.verify import (
    Attested,
    expected,
    needs_libraries,
    verify,
)
from ansible_collections.imds.azure.plugins.plugin_utils._fact_variables import (
    variables_from_facts,
)
from ansible_collections.imds.azure.plugins.plugin_utils._host_variables import (
    OPTIONS,
    runs_powershell,
    with_host_variables,
)
from ansible_collections.imds.azure.plugins.plugin_utils._module_results import checked_result
from ansible_collections.imds.azure.plugins.plugin_utils._requests_transport import (
    requests_transport,
)

Verify = t.Callable[[str], Attested]
# Only these keys of a VM's failed result are returned.
_OF_A_FAILURE = ("msg", "reason", "exception", "module_stdout", "module_stderr", "rc")
# The maximum length of a text of the VM.
_LONGEST = 3000


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        try:
            _validation, option = self.validate_argument_spec(argument_spec())
            nonce = checked_nonce(option["nonce"] or secrets.token_hex(16))
            self._check_expect(option)
            self._check_variables(task_vars or {}, option["verify"])
            check = self._verifier(nonce, option) if option["verify"] else None
        except (AnsibleActionFail, ImdsError) as exc:
            # Returned and not raised, because an exception would ignore failed_when.
            return {**result, "failed": True, "verified": False, "msg": str(exc)}
        result.update(self._attested(nonce, check, task_vars or {}))
        return result

    def _attested(
        self, nonce: str, check: Verify | None, task_vars: dict[str, t.Any]
    ) -> dict[str, t.Any]:
        result = self._checked(nonce, check, task_vars)
        if result.get("reason") == "nonce_mismatch":
            # IMDS has been observed to return a cached document with another nonce.
            result = self._checked(nonce, check, task_vars)
        return result

    def _checked(
        self, nonce: str, check: Verify | None, task_vars: dict[str, t.Any]
    ) -> dict[str, t.Any]:
        result = self._fetched(nonce, task_vars)
        if check is None or result.get("failed"):
            return result
        try:
            return {**result, "verified": True, **check(result["signature"])._asdict()}
        except AttestationError as exc:
            return _rejected(result, exc)

    def _check_expect(self, option: dict[str, t.Any]) -> None:
        """Refuses expectations that would not be compared."""
        if "expect" in self._task.args and not option["expect"]:
            raise OptionError("expect is empty and compares nothing: remove it, or fill it")
        if option["expect"] and not option["verify"]:
            raise OptionError("expect compares nothing when verify is false: leave one of them out")

    def _check_variables(self, variables: dict[str, t.Any], verify: bool) -> None:
        """Refuses a host whose facts can replace variables of this task, because it could set its own expected values."""
        hosts = [variables]
        if self._task.delegate_to:
            delegated = variables.get("ansible_delegated_vars", {})
            hosts.append(delegated.get(self._task.delegate_to, {}))
        named = sorted({name for host in hosts for name in variables_from_facts(host)})
        named = named if verify and self._has_templates() else []
        if named:
            raise OptionError(
                f"this host has facts that are variables: {listed(named, 5)}. They replace variables of the "
                "inventory, and a host must not set its own expectations. Run ansible.builtin.meta: "
                "clear_facts before this task, or set inject_facts_as_vars to false in ansible.cfg"
            )

    def _has_templates(self) -> bool:
        written = self._task.get_ds()
        if not isinstance(written, t.Mapping) or any(self._task.module_defaults or ()):
            return True
        return any(mark in str(written) for mark in ("{{", "{%"))

    def _verifier(self, nonce: str, option: dict[str, t.Any]) -> Verify:
        """Checks all options before any request, and returns the function that verifies."""
        needs_libraries()
        wanted = expected(nonce, option["expect"], option["clock_skew"])
        trust = trust_from(
            self._files("trusted_roots", option), self._files("intermediates", option)
        )
        send = requests_transport(MAX_BYTES) if option["fetch_intermediates"] else None

        def check(signature: str) -> Attested:
            now = datetime.datetime.now(datetime.timezone.utc)
            return verify(signature, wanted, trust, now, send)

        return check

    def _files(self, name: str, option: dict[str, t.Any]) -> list[str]:
        """Files of the controller, searched in the role and in the folder of the playbook, as by `copy`."""
        found = []
        for path in option[name]:
            try:
                found.append(self._find_needle("files", path))
            except AnsibleError:
                raise OptionError(
                    f"{name}: there is no file {printable(path)} on the controller, neither in the "
                    "files of the role nor beside the playbook"
                ) from None
        return found

    def _fetched(self, nonce: str, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        # Without defaults, because the module reads the environment of the managed node for the endpoint.
        arguments = with_host_variables(self, task_vars)
        given = {name: arguments[name] for name in OPTIONS if name in arguments}
        answer = self._answer({**given, "nonce": nonce}, task_vars)
        signature, version = answer.get("signature"), answer.get("api_version")
        if answer.get("failed") or not isinstance(signature, str) or not isinstance(version, str):
            shown = {key: answer[key] for key in _OF_A_FAILURE if key in answer}
            shown.setdefault("msg", "the module attested_info returned no document")
            said = {"msg", "reason"} & set(shown)
            shown.update({key: printable(str(shown[key]), _LONGEST) for key in said})
            return {**shown, "failed": True, "verified": False}
        return {
            "changed": False,
            "verified": False,
            "api_version": version,
            "nonce": nonce,
            "signature": signature,
        }

    def _answer(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """The result of the module of this name on the host."""
        if runs_powershell(self):
            return self._answer_of_windows(arguments, task_vars)
        return checked_result(
            self._execute_module(
                module_name="imds.azure.attested_info", module_args=arguments, task_vars=task_vars
            )
        )

    def _answer_of_windows(
        self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]
    ) -> dict[str, t.Any]:
        from ansible_collections.imds.azure.plugins.plugin_utils._windows.host import (
            WindowsHost,
            run_on_windows,
        )

        def work(host: WindowsHost) -> tuple[dict[str, t.Any], list[str]]:
            return document_by_options(host.option, host.client()), []

        spec = argument_spec()
        return run_on_windows(self, task_vars, spec, work, failure, arguments=arguments)


def _rejected(result: dict[str, t.Any], exc: AttestationError) -> dict[str, t.Any]:
    failed = {**result, "failed": True, "reason": exc.reason, "msg": str(exc)}
    if exc.reason == "malformed":
        # The value may have any type and size.
        del failed["signature"]
    return failed
