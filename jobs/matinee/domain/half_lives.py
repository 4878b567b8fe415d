"""Half-lives: an impression weighs 1 when it is shown, and half as much after each half-life."""

from matinee.contracts.readers import Needs

#: The parameters of a transform that adds up weights: none.
PARAMETERS: Needs = {}
#: The half-lives of features in days, by the end of the columns' names.
HALF_LIVES = {"1d": 1, "7d": 7, "30d": 30, "182d": 182, "365d": 365}
