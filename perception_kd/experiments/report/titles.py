"""Names of protocols, pre-trainings and initializations for the reader, by key."""

from perception_kd.experiments import comparisons


def capitalize(text: str) -> str:
    """Return a text with a capital first letter and the rest unchanged."""
    return text[:1].upper() + text[1:]


PROTOCOL_TITLES = {key: capitalize(p.about) for key, p in comparisons.PROTOCOLS.items()}
PRETRAINING_TITLES = {key: method.about for key, method in comparisons.PRETRAININGS.items()}
INITIALIZATION_TITLES = {
    key: capitalize(about) for key, about in comparisons.INITIALIZATIONS.items()
}
