"""Revenue: subscriptions in; how recurring revenue moves, is retained and renewed, by period and group, out."""

__all__: list[str] = []
