# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the work of a module on the controller, and sends its requests from a Windows host.

Private to imds.azure. Action plugins import this file only if the host of the task is a Windows host.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import module_loader

from ansible_collections.imds.azure.plugins.module_utils import _failures, _incomplete_documents
from ansible_collections.imds.azure.plugins.module_utils._client import (
    DEFAULT_ENDPOINT,
    ImdsClient,
    System,
    checked_endpoint,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    OptionError,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._firmware import AZURE_TAG
from ansible_collections.imds.azure.plugins.module_utils._options import (
    ENDPOINT_VARIABLE,
    client_from,
)
from ansible_collections.imds.azure.plugins.plugin_utils._unsafe import make_unsafe
from ansible_collections.imds.azure.plugins.plugin_utils._windows.win_uri import (
    INSTALL,
    MODULE,
    ModuleFailedError,
    win_uri_transport,
)

_Result = dict[str, t.Any]
_Spec = dict[str, dict[str, t.Any]]
# The script reads the asset tag of the chassis, as the client does on Linux hosts.
_FIRMWARE_MODULE = "ansible.windows.win_powershell"
_FIRMWARE_SCRIPT = (
    # Without the first line, the module skips the script in check mode.
    "[CmdletBinding(SupportsShouldProcess)] param ()\n"
    "(Get-CimInstance -ClassName Win32_SystemEnclosure -ErrorAction Stop).SMBIOSAssetTag"
)
# How many characters of each text of a failed module are searched, and how many are quoted.
_LOOKED_AT = 10_000
_LONGEST = 300
# Parts of PowerShell's names for errors of constrained language mode, and of its English messages.
_CONSTRAINED = ("constrainedlanguage", "language mode")
_SAID_BY_A_MODULE = ("msg", "module_stderr", "module_stdout")
# The role imds.azure.diagnose is for Linux.
_ADVICE = {
    _failures.DIAGNOSE: "The guide to Windows hosts of this collection lists the checks for this case",
    _incomplete_documents.DIAGNOSE: "",
}


class WindowsHost:
    """The host of one task, for code that runs in a module if the host runs Linux."""

    def __init__(self, action: ActionBase, task_vars: _Result, option: _Result) -> None:
        self._action = action
        self._task_vars = task_vars
        self._in_azure: list[bool | None] = []
        self.option = option.__getitem__
        self.check_mode: bool = action._task.check_mode
        self.send = win_uri_transport(self._run)
        self.system = System(
            in_azure=lambda: None, has_arc_agent=lambda: False, may_retry=self._may_retry
        )

    def client(self) -> ImdsClient:
        return client_from(self.option, self.send, self.system)

    def in_azure(self) -> bool | None:
        """Whether the firmware is that of an Azure VM; None if it can't be read. Read only once, because this needs a run of PowerShell."""
        if not self._in_azure:
            try:
                result = self._run(_FIRMWARE_MODULE, {"script": _FIRMWARE_SCRIPT})
            except ModuleFailedError:
                result = {}
            self._in_azure.append(_tells_azure(result))
        return self._in_azure[0]

    def _may_retry(self) -> bool:
        # If the user has set another endpoint, the firmware does not matter.
        is_default = checked_endpoint(str(self.option("endpoint"))) == DEFAULT_ENDPOINT
        return not is_default or self.in_azure() is not False

    def _run(self, name: str, arguments: _Result) -> _Result:
        try:
            result = self._action._execute_module(
                module_name=name, module_args=arguments, task_vars=self._task_vars
            )
        except AnsibleConnectionFailure:
            raise
        except Exception as exc:
            # A hostile host may return data that Ansible itself can't read.
            raise ModuleFailedError({"msg": str(exc)}) from exc
        if not isinstance(result, dict) or result.get("unreachable"):
            raise ModuleFailedError(result if isinstance(result, dict) else {})
        return result


# The work of a task. It returns the result and the warnings.
Work = t.Callable[[WindowsHost], tuple[_Result, list[str]]]


def run_on_windows(
    action: ActionBase,
    task_vars: _Result | None,
    spec: _Spec,
    work: Work,
    failure: t.Callable[[ImdsError], _Result] = lambda exc: {"msg": str(exc)},
    secret: bool = False,
    arguments: _Result | None = None,
    mutually_exclusive: list[list[str]] | None = None,
) -> _Result:
    """The result of a task.

    `failure` converts an error into a result. The result of a `secret` task quotes no text of a module. Without
    `arguments`, the arguments of the task are used.
    """
    if not module_loader.has_plugin(MODULE):
        return _failed(
            f"This host runs PowerShell, so {MODULE} has to send the requests, but the controller does not have this module: {INSTALL}"
        )
    try:
        checks = ArgumentSpecValidator(
            _without_fallback(spec, _environment(action)), mutually_exclusive
        )
        option = _valid(checks, action, arguments)
        result, warnings = work(WindowsHost(action, task_vars or {}, option))
    except ImdsError as exc:
        result = {"failed": True, **failure(exc)}
        result["msg"] = _without_diagnose(str(result["msg"]))
    except ModuleFailedError as exc:
        result = _module_failure(exc.result, secret)
    else:
        if warnings:
            result = {**result, "warnings": [_without_diagnose(text) for text in warnings]}
    # Marked as unsafe, so that text of a host is never a template, even before a task registers the result.
    return t.cast(_Result, make_unsafe({"changed": False, **result}))


def _failed(msg: str) -> _Result:
    return {"failed": True, "msg": msg}


def _valid(checks: ArgumentSpecValidator, action: ActionBase, arguments: _Result | None) -> _Result:
    """All options. Raises OptionError with the same message as a module."""
    found = checks.validate(dict(action._task.args if arguments is None else arguments))
    if not found.error_messages:
        return _with_endpoint(found.validated_parameters)
    msg = found.error_messages[0]
    if isinstance(found.errors[0], UnsupportedError):
        msg = f"Unsupported parameters for ({action._task.action}) module: {msg}"
    raise OptionError(msg)


def _with_endpoint(options: _Result) -> _Result:
    """The options with the URL of the endpoint. `auto` means IMDS, because the client does not detect the Azure Arc agent on Windows hosts."""
    if options["endpoint"] == "arc":
        raise OptionError(
            "endpoint arc is not supported on Windows hosts: the guide to Azure Arc has a task that reads the "
            "instance document of a Windows server"
        )
    url = DEFAULT_ENDPOINT if options["endpoint"] == "auto" else options["endpoint"]
    return {**options, "endpoint": url}


def _environment(action: ActionBase) -> dict[str, t.Any]:
    """The environment that the task sets for the host. The controller's own environment does not describe the host."""
    found: dict[str, t.Any] = {}
    action._compute_environment_string(found)
    return found


def _without_fallback(spec: _Spec, environment: dict[str, t.Any]) -> _Spec:
    endpoint = environment.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT
    return {**spec, "endpoint": {"type": "str", "default": endpoint}}


def _tells_azure(result: _Result) -> bool | None:
    tags = result.get("output")
    if result.get("failed") or not isinstance(tags, list) or not tags:
        return None
    return any(isinstance(tag, str) and tag.strip() == AZURE_TAG for tag in tags)


def _without_diagnose(message: str) -> str:
    for text, instead in _ADVICE.items():
        message = message.replace(text, instead)
    return message


def _module_failure(result: t.Mapping[str, t.Any], secret: bool) -> _Result:
    """The failure of a module of ansible.windows. The result of a secret task quotes none of its texts, because they may contain a token."""
    texts = [str(result.get(name) or "")[:_LOOKED_AT] for name in _SAID_BY_A_MODULE]
    said = " ".join(texts).lower()
    if any(part in said for part in _CONSTRAINED):
        return _failed(
            "PowerShell runs in constrained language mode on this host, where Ansible's modules for Windows can't run, "
            f"{MODULE} included: allow them by the application control policy of the host, or use another account"
        )
    words = ": ".join(filter(None, (printable(text, _LONGEST) for text in texts)))
    if secret:
        words = "not shown, because there may be a token in it"
    state = {"unreachable": True} if result.get("unreachable") else {"failed": True}
    msg = f"{MODULE} could not run on this host, so there was no request: {words or 'no reason given'}"
    return {**state, "msg": msg}


__all__ = ("WindowsHost", "Work", "run_on_windows")
