# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of the benchmark page between its tables."""

from __future__ import annotations

# REUSE-IgnoreStart: this is about the page, not about this file
LICENCE = """
<!--
Copyright (c) 2026, the imds.azure contributors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->
"""
# REUSE-IgnoreEnd

HEAD = """
# Benchmarks

`make benchmark` wrote this page on {machine}. Run it as root, in a clone of the repository:

    make benchmark                                      # all but the largest fleet
    make benchmark ARGS="facts lookups --runs 11"       # parts of it
    make benchmark-inventory ARGS="--sizes 100000"      # the largest fleet

The compared programs run in turn, after a warm-up round that does not count. The tables show medians. A column "times X" is the median of the ratios
of each run to the run of X in the same round. "Seconds" is elapsed time. "CPU s" is the CPU time of a command and of all its child processes. On a
machine with other load, trust the ratios of CPU time most. No request leaves the machine: IMDS is the simulator of this repository, in network
namespaces if the client needs 169.254.169.254. Sections that were not measured again are from an earlier run on a machine of the same kind.
"""

FACTS = """
A play with one task on localhost. `ping` is the floor, because it does nothing. `uri` with `set_fact` is the usual alternative. `setup` is Ansible's
own gathering of facts, which does not read IMDS. `ec2_metadata_facts` reads a tree with as many leaves as the instance document.
The last columns measure only the module, run as on a managed node. The aim: at most 1.05 times ping, below 0.9 times uri, one request.
"""

PEERS = """
The same document of the same simulator, read by complete processes of other programs and, for comparison, by a play. The time of the play includes
the start of Ansible. The table above has the time of `instance_facts` alone on a node.
"""

LOOKUPS = """
The given number of lookups in one template of one task. `env` is the floor: a lookup without requests. The route is a leaf. A direct lookup of a leaf
needs two requests, because IMDS refuses JSON before the lookup requests text. The aim: 1,000 lookups need one request and at most 1.2 times env.
"""

INVENTORY = """
`ansible-inventory --graph` over one fleet in several forms: complete instance documents in one file, facts in Ansible's cache (as JSON files), and
the finished inventory as a file. The floor is a file that only names the hosts; every other form takes at least as long. The aims for documents
at 10,000 hosts: at most 2 times the floor, at least 8 times as fast as `constructed`, faster than the same inventory as JSON, and linear growth of
time and memory, which the last columns show. Forms that take minutes were run once. The finished inventory was not measured at 100,000 hosts, where
it would need more memory than most machines have.
"""

FLEET = """
The machines are network namespaces, each with its own sshd and IMDS, on the cores of one machine. There are as many forks as hosts. `gather` uses
pipelining, which Ansible otherwise uses only if it is enabled. So ping was measured with pipelining as well, and one column compares with that. The
CPU seconds are those of the controller, without the machines. The aim: the playbook takes at most 1.08 times ping.
"""

LIMIT = """
24 processes of one VM request its document at the same moment, and IMDS allows 5 requests a second. The floor is 4 seconds, because IMDS can't allow
the last request earlier. The number of requests includes refused ones.
"""

END = """
## Findings

- Most of a module's cost is not its work. For each task, Ansible sends the source of the module with every file that it may import. The controller
  parses these files, and the managed node compiles them. So `instance_facts` does not import the files for tokens, events and attested documents,
  and it imports the files for failures only after a failure.
- Up to version 3.13 at least, Python compiles a file of an archive twice: it asks the archive for the file's name, and the archive compiles the file to
  answer. To avoid this, the collection would have to use Python's internals, and would save less than a hundredth of a play. So it does not.
- `http.client` took a third of the remaining time. So a plain answer is read without it, and only unusual answers are read with it.
- On the controller, Ansible searches for a file of each imported name. To import modules instead of names saved 7 ms.
- The cost of a thousand lookups is mostly Ansible's work for each lookup: it finds the plugin, and looks up each option in variables, environment and
  configuration. `env` has no options, so it is faster than every lookup with options. The only request of a run does not use the library `requests`,
  because its import takes longer than a hundred lookups.
- The largest costs of an inventory of documents are the decoding of JSON and the memory for the result. Documents that are decoded together share the
  texts of their keys, which saves a quarter of the memory.
- An inventory of host names only does less than any inventory that groups hosts. So it is faster if you need only names.
- Under the limit, a loop that retries each second finishes earlier than growing waits, because the simulator does not count refused requests. How IMDS
  counts them is not documented. In a model that counts them, such a loop still blocked most of 24 processes after 90 seconds, and growing waits served
  all of them in about 17 seconds. So the waits of the collection grow by half each time.
- A skipped task is not free: Ansible starts a worker for each host to find that there is nothing to do. So the playbook `gather` ends a batch without
  snapshots, and a play without failures. For this, it checks all hosts once.
- All machines of the fleet share the cores of one machine, so the CPU time of a module on them affects the elapsed time. Pipelining saves as much:
  `gather` takes as long as a ping without pipelining, and a tenth or more longer than a ping with it.
- On a node, nearly all of the additional time of `instance_facts` over ping is the compilation and the import of its files. The request and the
  processing of its answer take about 1 %. Differences of hundredths need many rounds on a machine whose speed varies by half within seconds: before
  its files were compiled once, measurements of 42 to 168 rounds gave 1.03 to 1.06 times ping and 0.88 to 0.91 times uri.
- A plain fetch outside Ansible is far faster than any play: a play starts Ansible, and its module starts Python again.
"""
