"""Brief: everything that is known of an account on a scored day in; one page that a CSM reads before a call out."""

from success.brief.made import brief, brief_parts
from success.brief.page import markdown

__all__ = ["brief", "brief_parts", "markdown"]
