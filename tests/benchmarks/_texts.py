# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of the benchmark says beside its tables."""

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
# Measured beside its peers

Written by `make benchmark` on {machine}. As root, in a clone of the repository:

    make benchmark                                      # all but the largest fleet
    make benchmark ARGS="facts lookups --runs 11"       # parts of it
    make benchmark-inventory ARGS="--sizes 100000"      # the largest fleet

What is compared runs in turn, after a first round that does not count, and the tables have medians. "Times" is the median of how many times the floor
each run took that was in the same round. Seconds are what somebody waits. CPU seconds are those of a command and of all that it started; on a machine
that others use at the same time their ratios are the ones to trust. Nothing leaves the machine: IMDS is the simulator of this repository, in
network namespaces where that takes 169.254.169.254. A section that was not measured again stands as it was measured on such a machine before.
"""

FACTS = """
A play of one task on localhost. `ping` is the floor, because it does nothing. `uri` with `set_fact` is what people do instead, `setup` is Ansible's
own gathering of facts, which does not read IMDS, and `ec2_metadata_facts` reads a tree with as many leaves as the instance document has.
The last columns are of the module alone, run as Ansible sends it to a managed node. The aim: at most 1.05 times ping, under 0.9 of uri, one request.
"""

PEERS = """
The same document of the same simulator, read by whole processes of other programs, and by a play for scale. A play starts Ansible first; what
`instance_facts` itself takes on a node is in the table above.
"""

LOOKUPS = """
So many lookups in one template of one task. `env` is the floor: a lookup that asks nobody. The route is a leaf; asked for directly it costs two
requests, because IMDS has to refuse JSON for it before it is asked for text. The aim: 1,000 lookups cost one request and at most 1.2 times env.
"""

INVENTORY = """
`ansible-inventory --graph` over one fleet in several forms: whole instance documents in one file, the facts in Ansible's cache (as JSON files), and
the finished inventory written out. The floor is a file that only names the hosts, so no form of any inventory is below it. The aim for documents
at 10,000 hosts: at most 2 times the floor, at least 8 times as fast as `constructed`, and below the same inventory as JSON; and that time and memory
grow linearly, which the last columns show. What takes minutes was run once. The finished inventory is left out at 100,000 hosts, where it
would take more memory than most machines have.
"""

FLEET = """
Machines that are network namespaces, each with its own sshd and IMDS, all on the cores of this one machine; as many forks as hosts. `gather` asks by
pipelining, which Ansible does elsewhere only where it is told to, so ping is here with it as well, and a column compares with that. CPU seconds are
the controller's, without what happens on the machines. The aim: the playbook takes at most 1.08 times ping.
"""

LIMIT = """
24 processes of one VM ask for its document at the same moment, and IMDS lets 5 requests a second through. The floor is 4 seconds: the last request
can't be let through earlier. Requests are all that were sent, those that were refused included.
"""

END = """
## What surprised, and where a peer is ahead

- Most of what a module costs is not its work. Ansible sends it as source with every file that it may import, which the controller parses and the
  managed node compiles, each time. So tokens, events and attested documents are files that `instance_facts` does not name, and what only a failure
  takes is imported when there is one.
- Python compiles a file of an archive twice, up to 3.13 at least: it asks the archive for the file's name, and the archive compiles the file to tell
  it. To prevent this would take knowledge of Python's internals and save less than a hundredth of a play, so the collection does not.
- `http.client` took a third of what was left. An answer with nothing unusual in it is read without it, and every other by it.
- On the controller, Ansible looks for each imported name as a file of its own. To import files instead of the names in them took 7 ms away.
- A thousand lookups cost mostly what Ansible does for each: finding the plugin and looking up each of its options in variables, environment and
  configuration. `env` has no options, so it stays ahead of every lookup that has some. The one request of a run is made without `requests`, whose
  import takes longer than a hundred lookups.
- Decoding JSON, and memory for what comes of it, are the largest part of an inventory of documents. Decoding many documents at once lets them share the
  texts of their keys, which takes a quarter of the memory away as well.
- An inventory of host names alone has less to do than any that groups hosts, so it is ahead where nothing but names is wanted.
- Under the limit a loop that tries again after each second ends sooner than waits that grow, because the simulator does not count the requests that
  it refused. How IMDS counts is not documented. In a model that counts them, such a loop still kept most of 24 processes out after 90 seconds, and
  waits that grow served all of them in about 17. So the waits of the collection grow, by half each time.
- A task that is skipped is not free: Ansible starts a worker for each host to learn that there is nothing to do. The playbook `gather` ends batches
  and plays instead, for which it looks at all hosts once.
- The machines of the fleet share the cores of one, so what a module takes on them shows in the seconds. Pipelining saves as much: `gather` is level
  with a ping that copies its module, and a tenth or more behind one that does not.
- Of what `instance_facts` still takes on a node beyond ping, nearly all is compiling and importing its files; the request and all that is made of its
  answer are about 1 %. Hundredths take many rounds on a machine whose speed changes by half within seconds: before its files were compiled once,
  measurements of 42 to 168 rounds came to 1.03 to 1.06 times ping and 0.88 to 0.91 of uri.
- A bare fetch outside Ansible is far ahead of any play: a play starts Ansible, and its module starts Python once more.
"""
