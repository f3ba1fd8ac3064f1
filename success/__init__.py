"""Success: what scores mean to the business."""
