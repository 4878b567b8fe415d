"""Peers: what a user would pick instead, each as its own users would write it well."""
