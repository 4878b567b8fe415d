"""Looks: a module for each thing that the watcher looks at. What cannot be looked at is a signal, too."""
