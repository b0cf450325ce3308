# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doubles of Windows hosts for tests, and a playbook for real Windows hosts.

`doubles.py` returns the documented results of ansible.windows.win_uri and win_powershell.
`plugins/connection/windows_double.py` is a connection to a host that has these doubles for PowerShell.
`collection.py` writes an ansible.windows whose modules only have their names.
`with_pwsh.py` runs the real win_uri in a real PowerShell on Linux, if one is installed.
`smoke.yml` is for a real Windows VM in Azure.
"""
