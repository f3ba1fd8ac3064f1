"""What becomes of answers and of stored scores when something is killed, stopped, full or moved."""
