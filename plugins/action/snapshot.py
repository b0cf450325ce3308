# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.imds.azure.plugins.module_utils._document import cleaned
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    MalformedError,
)
from ansible_collections.imds.azure.plugins.plugin_utils._fact_variables import facts_named
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.fact_check import check_fact
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.folders import (
    inventory_source_of,
    way_out,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.snapshots import write_snapshot

# The variable of the playbook imds.azure.gather for the folder. Facts of a host can replace it.
FOLDER_VARIABLE = "imds_snapshot_dir"


class ActionModule(ActionBase):
    _requires_connection = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        try:
            _validation, arguments = self.validate_argument_spec(
                {
                    "folder": {"type": "path", "required": True},
                    "azure_imds": {"type": "dict", "required": True},
                    "keep_fuller": {"type": "bool", "default": True},
                }
            )
        except RecursionError:
            # Before ansible-core 2.19, Ansible evaluates a text as a Python literal.
            msg = "azure_imds nests too deeply, so no snapshot is written"
            return dict(result, failed=True, msg=msg)
        variables = task_vars or {}
        host = variables["inventory_hostname"]
        named = facts_named(variables, FOLDER_VARIABLE)
        if named:
            msg = (
                f"this host has a fact with the name {named[0]}, and a host must not choose where the "
                "controller writes, so no snapshot is written. Run the play with --flush-cache, and find "
                "out what set the fact"
            )
            return dict(result, failed=True, msg=msg)
        try:
            # A file that the inventory can't read would break the inventory of the whole folder.
            fact = cleaned(arguments["azure_imds"])
            check_fact(fact)
            written = write_snapshot(
                arguments["folder"],
                host,
                fact,
                dry=self._task.check_mode,
                keep_fuller=arguments["keep_fuller"],
            )
        except MalformedError as exc:
            msg = f"the inventory could not read this azure_imds, so no snapshot is written: {exc}"
            return dict(result, failed=True, msg=msg)
        except ImdsError as exc:
            return dict(result, failed=True, msg=str(exc))
        _path, source = inventory_source_of([written.path])
        if source:
            # Ansible prints equal warnings of several hosts only once.
            result.setdefault("warnings", []).append(
                f"{arguments['folder']} is in the inventory source {source}, so Ansible reads each "
                f"snapshot as an inventory file, {way_out(source, 'snapshots')}"
            )
        if written.notice:
            self._display.warning(written.notice)
        return dict(result, changed=written.changed, path=written.path)
