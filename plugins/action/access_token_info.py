# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import (
    NUMBERS,
    unread_warning,
)
from ansible_collections.imds.azure.plugins.plugin_utils._fact_variables import (
    drop_facts,
    name_of_host,
)
from ansible_collections.imds.azure.plugins.plugin_utils._host_variables import (
    OPTIONS_WITHOUT_VERSION,
    runs_powershell,
    with_host_variables,
)

_RAW = ("exception", "module_stdout", "module_stderr")
# How much is shown, and how much is logged.
_LEVELS = ("verbosity", "log_verbosity")
_HARMLESS_LEVEL = 3
_HIDDEN = "not shown, because there may be a token in it"


class ActionModule(ActionBase):
    """Runs the module of the same name, and keeps what it answers out of sight.

    Asynchronous tasks, whose results are kept in files, are refused by the base class.
    """

    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        with _silence(self._play_context, self._connection._play_context):
            self._task.args = with_host_variables(self, task_vars, OPTIONS_WITHOUT_VERSION)
            if runs_powershell(self):
                # The task as well, because ansible.windows then writes nothing to the host's event log.
                with _silence(self._task), _less_verbose():
                    result.update(self._run_on_windows(task_vars))
            else:
                result.update(drop_facts(self._execute_module(task_vars=task_vars)))
        _warn(result.pop("unread", None), name_of_host(task_vars))
        # What core could not make sense of may well be a token with something around it. Cores before
        # 2.19 take output that begins as a traceback for the exception.
        result.update({name: _HIDDEN for name in _RAW if result.get(name)})
        # Core takes away the mark that a module sets itself. A failure has no token to hide, and
        # its message is for the user.
        secret = not result.get("failed")
        result["_ansible_no_log"] = secret
        # Cores before 2.19 hide the results of a whole loop only if the task says so.
        self._task.no_log = self._task.no_log or secret
        return result

    def _run_on_windows(self, task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        from ansible_collections.imds.azure.plugins.module_utils._managed_identity.options import (
            module_argument_spec,
            token_from,
        )
        from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import (
            IDENTITIES,
        )
        from ansible_collections.imds.azure.plugins.plugin_utils._windows.host import (
            WindowsHost,
            run_on_windows,
        )

        def work(host: WindowsHost) -> tuple[dict[str, t.Any], list[str]]:
            client, unread = host.client(), list[str]()
            token = token_from(host.option, client, client.newest_instance, unread=unread)
            return {**token, "unread": unread}, []

        return run_on_windows(
            self,
            task_vars,
            module_argument_spec(),
            work,
            secret=True,
            mutually_exclusive=[list(IDENTITIES)],
        )


def _warn(unread: t.Any, host: str) -> None:
    # A VM may answer anything, and only names that are known here are shown.
    for name in NUMBERS:
        if isinstance(unread, list) and name in unread:
            Display().warning(f"{host}: {unread_warning(name)}")


@contextlib.contextmanager
def _silence(*contexts: t.Any) -> t.Iterator[None]:
    """Connections print what commands answered, from -vvv on, unless their context says no_log."""
    before = [context.no_log for context in contexts]
    try:
        for context in contexts:
            context.no_log = True
        yield
    finally:
        for context, no_log in zip(contexts, before, strict=True):
            context.no_log = no_log


@contextlib.contextmanager
def _less_verbose() -> t.Iterator[None]:
    """Before 2.19, winrm and psrp print all that commands answered from -vvvvv on, whatever their context says."""
    display = Display()
    before = {name: getattr(display, name) for name in _LEVELS if hasattr(display, name)}
    try:
        for name, level in before.items():
            setattr(display, name, min(level, _HARMLESS_LEVEL))
        yield
    finally:
        for name, level in before.items():
            setattr(display, name, level)


__all__ = ("ActionModule",)
