"""Why: the maps, and the checks of whether they tell the truth."""
