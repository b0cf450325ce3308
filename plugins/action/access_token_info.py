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
from ansible_collections.imds.azure.plugins.plugin_utils._fact_variables import name_of_host
from ansible_collections.imds.azure.plugins.plugin_utils._host_variables import (
    OPTIONS_WITHOUT_VERSION,
    runs_powershell,
    with_host_variables,
)
from ansible_collections.imds.azure.plugins.plugin_utils._module_results import checked_result

_RAW = ("exception", "module_stdout", "module_stderr")
# The attributes of Display for the verbosity of the screen and of the log.
_LEVELS = ("verbosity", "log_verbosity")
_HARMLESS_LEVEL = 3
_HIDDEN = "not shown, because there may be a token in it"


class ActionModule(ActionBase):
    """Runs the module of the same name, and hides its output.

    The base class refuses asynchronous tasks, because Ansible keeps their results in files.
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
                result.update(checked_result(self._execute_module(task_vars=task_vars)))
        _warn(result.pop("unread", None), name_of_host(task_vars))
        # Output that Ansible could not parse may contain a token. Before ansible-core 2.19, Ansible takes
        # output that begins like a traceback for the exception.
        result.update({name: _HIDDEN for name in _RAW if result.get(name)})
        # Ansible removes the mark that a module itself sets. A failure has no token to hide, and
        # its message is for the user.
        secret = not result.get("failed")
        result["_ansible_no_log"] = secret
        # Before ansible-core 2.19, Ansible hides the results of a whole loop only if the task has no_log.
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
    # A VM may return anything, so only known names are shown.
    for name in NUMBERS:
        if isinstance(unread, list) and name in unread:
            Display().warning(f"{host}: {unread_warning(name)}")


@contextlib.contextmanager
def _silence(*contexts: t.Any) -> t.Iterator[None]:
    """Prevents connection plugins from printing the output of commands, which they do from -vvv on without no_log."""
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
    """Before ansible-core 2.19, winrm and psrp print the output of all commands from -vvvvv on, even with no_log."""
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
