"""The small package behind the lectures: `from helpers import checks, data, influence, ...`."""
