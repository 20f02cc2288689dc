"""What several tools share: arguments resolved, fits, speeds, prices, and records as they are shown."""
