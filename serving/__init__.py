"""Serving: models in, scores over the command line and HTTP out."""
