"""The tool `users_served`."""
