"""The scenarios that are searched, each with its bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from . import environments, scenarios
from .bounds import Bounds
from .loading import Program
from .scheduler import Policy
from .setting import Setting

_OF_TWO = Bounds(2, kills=1, faults=0, stalls=1)
_LONG_OF_TWO = Bounds(4, kills=4, faults=1, stalls=1)
_FEWER = Bounds(2, kills=0, faults=0, stalls=0)
_LONG_OF_THREE = Bounds(3, kills=2, faults=1, stalls=1)
_WITH_CUTS = Bounds(1, cuts=1, threads=True)
_LONG_WITH_CUTS = Bounds(2, cuts=2, threads=True)
_WITH_THREADS = replace(_FEWER, threads=True)
_LONG_WITH_THREADS = replace(_LONG_OF_THREE, threads=True)


@dataclass(frozen=True)
class Scenario:
    build: Callable[[list[Program], Policy], Setting]
    bounds: Bounds = _OF_TWO
    long_bounds: Bounds = _LONG_OF_TWO

    @property
    def name(self) -> str:
        return self.build.__name__.replace("_", " ")


SCENARIOS = [
    Scenario(scenarios.two_rotating),
    Scenario(scenarios.without_exchange, _FEWER),
    Scenario(scenarios.rotating_and_watched),
    Scenario(scenarios.watched_without_exchange, _FEWER),
    Scenario(scenarios.two_users),
    Scenario(scenarios.no_inode),
    Scenario(scenarios.full_chain, _FEWER),
    Scenario(scenarios.new_file, _FEWER),
    Scenario(scenarios.through_a_link, _FEWER),
    Scenario(scenarios.foreign_folder, _FEWER),
    Scenario(scenarios.moved_by_hand, _FEWER, _LONG_OF_THREE),
    Scenario(scenarios.moved_by_hand_without_exchange, _FEWER, _LONG_OF_THREE),
    Scenario(scenarios.deleted_by_hand, _FEWER, _LONG_OF_THREE),
    Scenario(scenarios.full_disk, _FEWER, _LONG_OF_THREE),
    Scenario(scenarios.forked_child, _FEWER, _LONG_OF_THREE),
    Scenario(scenarios.compressing, _WITH_THREADS, _LONG_WITH_THREADS),
    Scenario(environments.compressing_in_a_hidden_folder, _WITH_THREADS, _LONG_WITH_THREADS),
    Scenario(environments.fuse, _FEWER),
    Scenario(environments.file_clock_behind, Bounds(1, stalls=0), Bounds(2, kills=1, faults=0, stalls=1)),
    Scenario(environments.file_clock_ahead, Bounds(1, stalls=0), Bounds(2, kills=1, faults=0, stalls=1)),
    Scenario(environments.swapped_folder, Bounds(2), Bounds(3)),
    Scenario(environments.power_cut, _WITH_CUTS, _LONG_WITH_CUTS),
    Scenario(environments.power_cut_without_exchange, _WITH_CUTS, _LONG_WITH_CUTS),
    Scenario(environments.power_cut_while_compressing, _WITH_CUTS, _LONG_WITH_CUTS),
]
FOUR_WRITERS = Scenario(scenarios.four_writers)
