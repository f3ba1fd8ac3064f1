"""Alerting: scored days into alerts, and alerts to whoever is to be told, each exactly once in effect."""
