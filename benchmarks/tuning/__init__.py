"""Tuning: a search for a recipe beside the way that one would write first, in time and in what is found."""
