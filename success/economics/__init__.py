"""Economics: booked costs and what they were for in; what retaining, renewing and a CSM cost, and the desk, out."""

from success.economics.figures import DEFINITIONS, desk_metrics, economics_metrics
from success.economics.loaded import gross_margin, loaded_cost
from success.economics.spending import Costs, spending

__all__ = ["DEFINITIONS", "Costs", "desk_metrics", "economics_metrics", "gross_margin", "loaded_cost", "spending"]
