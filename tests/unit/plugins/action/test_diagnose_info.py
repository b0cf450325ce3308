# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the action: with any answer of a host, the report and the causes are short and printable."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.playbook.task import Task

from ansible_collections.imds.azure.plugins.action.diagnose_info import ActionModule
from ansible_collections.imds.azure.plugins.plugin_utils import _host_variables

CAUSE = {"name": "a", "certainty": "b", "what": "c", "why": "d", "mend": ["e"], "advice": "f"}
ODD = "\x1b]0;x\x07\r\nok: [x]\x9b31m\u202e\u2028\x7f"
PLAIN = " ]0;x   ok: [x] 31m   "


def answered(monkeypatch: pytest.MonkeyPatch, result: dict[str, Any]) -> dict[str, Any]:
    monkeypatch.setattr(_host_variables.NormalAction, "run", lambda *_arguments: result)
    task = Task()
    task.args = {}
    unused: Any = None
    connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))
    return ActionModule(task, connection, unused, unused, unused, unused).run(
        task_vars={"inventory_hostname": "web-1"}
    )


@pytest.mark.parametrize(
    ("report", "lines"),
    [
        (["IMDS answers.", "", "   why:  x"], ["IMDS answers.", "", "   why:  x"]),
        ([ODD, 5, None, ["x"]], [PLAIN, "", "", ""]),
        (["x" * 4_000_000], ["x" * 2000]),
        (["\n"] * 1_000_000, [" "] * 1000),
        ("x" * 4_000_000, []),
        (None, []),
        ({"x": "y"}, []),
    ],
)
def test_a_report_is_lines(monkeypatch: pytest.MonkeyPatch, report: Any, lines: list[str]) -> None:
    causes = [{**CAUSE, "mend": report}]
    result = answered(monkeypatch, {"healthy": False, "report": report, "causes": causes})
    assert result == {
        "healthy": False,
        "report": lines,
        "causes": [{**CAUSE, "mend": lines}],
    }


@pytest.mark.parametrize(
    ("causes", "kept"),
    [
        ([CAUSE], [CAUSE]),
        ([{**CAUSE, "what": ODD}, "x", None], [{**CAUSE, "what": PLAIN}]),
        ([{}], [{**dict.fromkeys(CAUSE, ""), "mend": []}]),
        ([CAUSE] * 200_000, [CAUSE] * 1000),
        ("x", []),
    ],
)
def test_causes_are_texts(
    monkeypatch: pytest.MonkeyPatch, causes: Any, kept: list[dict[str, Any]]
) -> None:
    assert answered(monkeypatch, {"causes": causes}) == {"causes": kept}


def test_a_failure_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answered(monkeypatch, {"failed": True, "msg": "no"}) == {"failed": True, "msg": "no"}
