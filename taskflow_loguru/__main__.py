"""``python -m taskflow_loguru``: the command, if its script is not on the PATH."""

from .cli import main

main()
