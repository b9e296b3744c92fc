"""What a line costs, and what is lost: ``make bench``, the one run that ``RESULTS.md`` tells of."""
