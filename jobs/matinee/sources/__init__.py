"""Where events come from: landing files and the simulator."""
