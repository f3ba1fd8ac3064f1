"""How fast features are built, against a raw scan of the same usage in the same run."""
