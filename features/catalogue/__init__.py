"""The catalogue: every feature Tenure computes, by dimension."""

from features.catalogue.adoption import ADOPTION
from features.catalogue.billing import BILLING
from features.catalogue.contract import CONTRACT_FEATURES
from features.catalogue.engagement import ENGAGEMENT
from features.catalogue.growth import GROWTH
from features.catalogue.relationship import RELATIONSHIP
from features.catalogue.sentiment import SENTIMENT
from features.catalogue.support import SUPPORT
from features.feature import Catalogue, Feature

__all__ = ["CATALOGUE", "Catalogue", "Feature"]

CATALOGUE = Catalogue(
    (
        *ADOPTION,
        *ENGAGEMENT,
        *SUPPORT,
        *BILLING,
        *SENTIMENT,
        *RELATIONSHIP,
        *GROWTH,
        *CONTRACT_FEATURES,
    )
)
"""All features, in the order of their columns."""
