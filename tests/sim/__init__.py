"""A simulated kernel, and the sinks of several simulated processes on it in every order that a bound allows.

Real processes show that the sinks work. They cannot show each interleaving, each crash and each error; the simulated
ones can.

- ``inodes``, ``paths``, ``names``, ``attributes``, ``kernel``: a small POSIX in memory.
- ``power``: the files that a power cut leaves.
- ``modules``, ``loading``: that kernel behind ``os``, ``fcntl``, ``time`` ..., and the unmodified sinks on top of them.
- ``scheduler``: one run of several processes, switched at system calls, with simulated time.
- ``faults``, ``fingerprint``, ``search``: which errors a call may have; all runs within a bound.
- ``scenarios``, ``environments``, ``catalogue``, ``checks``: the processes that write, move and delete; the disks and
  clocks that they have; the promises that must hold.

``python -m tests.sim`` runs it all and prints the shortest schedule for each promise that breaks.
"""
