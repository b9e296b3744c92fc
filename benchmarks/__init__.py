"""The cost of a line, and lost lines: ``make bench``. ``RESULTS.md`` has the results of one run."""
