"""The catalogue: every feature Tenure computes, by dimension."""

from features.catalogue.contract import CONTRACT_FEATURES
from features.catalogue.money import BILLING, GROWTH
from features.catalogue.people import RELATIONSHIP, SENTIMENT, SUPPORT
from features.catalogue.usage import ADOPTION, ENGAGEMENT
from features.feature import Catalogue, Feature

__all__ = ["CATALOGUE", "Catalogue", "Feature"]

CATALOGUE = Catalogue(
    (*ADOPTION, *ENGAGEMENT, *SUPPORT, *BILLING, *SENTIMENT, *RELATIONSHIP, *GROWTH, *CONTRACT_FEATURES)
)
"""All features, in the order of their columns."""
