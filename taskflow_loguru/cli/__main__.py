"""``python -m taskflow_loguru.cli``: the command, if its script is not on the PATH."""

from . import main

main()
