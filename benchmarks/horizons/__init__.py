"""Horizons: four ways of forecasting several horizons, set side by side on made-up companies."""
