"""What a message says: names, quantities with their roles, the situation over turns, and what is asked."""
