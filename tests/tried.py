"""A language model that counts as tried, and as good enough for everything: what it writes is put to it, and passes."""

from kb.chat.earned import Trial, keep, named
from kb.settings import Settings

PASSED = Trial(
    at="2026-11-29T12:00:00+00:00", chosen=20, questions=20, kept=30, right=30, passed=0, broken=30, least=0.0
)


def tried(settings: Settings, trial: Trial = PASSED) -> Settings:
    keep(settings.data_dir, named(settings), trial)
    return settings
