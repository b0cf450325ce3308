# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in for Windows hosts in tests, and what to run on real ones.

`doubles.py` returns what ansible.windows.win_uri and win_powershell document.
`plugins/connection/windows_double.py` is a connection to a host that has these doubles for PowerShell.
`collection.py` writes an ansible.windows whose modules only have their names.
`with_pwsh.py` runs the real win_uri in a real PowerShell on Linux, where there is one.
`smoke.yml` is for a real Windows VM in Azure.
"""
