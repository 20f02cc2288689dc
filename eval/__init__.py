"""Evaluation: reference figures, question sets, scorers, and the calibration of the speed model."""
