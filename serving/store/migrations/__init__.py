"""The store's schema, step by step; each revision is written once and never changed."""
