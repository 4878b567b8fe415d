"""The simulator: impressions and plays of home pages, delivered as untidily as clients do, with the truth beside.

`simulate` writes a landing folder, `generate` gives the same events in memory. A session opens pages, a page shows
titles by row and position, some of what is shown is picked, and a pick emits its play.
"""

from matinee.sources.simulator.counts import SimulationSummary
from matinee.sources.simulator.files import simulate
from matinee.sources.simulator.generation import Simulation, generate
from matinee.sources.simulator.options import SimulatorOptions

__all__ = ["Simulation", "SimulationSummary", "SimulatorOptions", "generate", "simulate"]
