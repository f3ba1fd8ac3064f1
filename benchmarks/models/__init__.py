"""What the models are worth on data that no one here made up, against comparators in the same folds."""
