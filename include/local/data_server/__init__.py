"""The embedded data server: the lakeFS API for one machine, so that nothing has to be installed.

It speaks the part of the lakeFS REST API that the official Python SDKs use (repositories, branches, tags,
objects, commits, log, diff, merge, revert, cherry-pick, reset, branch protection) and answers 501 for the
rest (import, presigned URLs, pull requests, actions, users). It is for one machine and one process; it is no
production store: there, lakeFS itself takes its place and the clients do not change.

How it stores, and why

* Content lies once by its SHA-256. Small objects are rows of the metadata database, because one group of rows
  costs one flush where ten thousand files cost ten thousand; larger ones are files in fan-out folders, written
  to a temporary file, flushed and renamed before any metadata names them.
* Metadata is one SQLite database in WAL mode with a single writer thread. Every change is one transaction, so
  after ``kill -9`` at any moment there is the state before or the state after. An acknowledged upload survives
  the death of the process; an acknowledged commit, merge, branch or tag is flushed and survives a power cut.
* A commit's content is a prolly tree (:mod:`.tree`): a B-tree of immutable nodes named by the hash of what
  they hold, cut where a hash of the key says so. Equal content gives equal nodes, whatever the order of
  writing, so branches cost nothing, unchanged subtrees are shared, and diff and merge skip them by name: both
  cost what the change costs, not what the repository holds. Content-defined cuts, rather than a classic
  B-tree's splits, are what makes the skipping sound when two branches grew the same data in different orders.
* What is not committed yet is one row a path and branch; a commit applies these rows to the tree and removes
  them in the same transaction.

Where it is stricter than lakeFS: object paths with ``.`` or ``..`` as a segment or with control characters are refused,
because people copy objects to folders; only ``local://`` and ``mem://`` storage namespaces are taken;
protected branches cannot be deleted or hard-reset either.
"""
