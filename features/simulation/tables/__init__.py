"""What can be seen of the world: one module a group of tables, none of which knows what will be decided."""
