"""Webhooks: messages as signed JSON to any address."""
