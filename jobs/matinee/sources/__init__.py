"""Where events come from: landing files, Kafka and the simulator."""
