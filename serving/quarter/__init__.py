"""The parts of the printed quarter: documents of the two reports in; pieces of one HTML page out."""
